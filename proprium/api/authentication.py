"""Authentication, rate limit and concurrency limit of the API. Handlers run in threads, never on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection, Request

from collector.rate_limit import BoundedMemoryStorage
from proprium.accounts import api_keys, authorization
from proprium.accounts.audit import Actor
from proprium.accounts.authorization import Principal
from proprium.accounts.login_throttle import ApiKeyThrottle
from proprium.clock import Clock, utc_now
from proprium.errors import ApiKeyRequired, TooManyRequests
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, User

T = TypeVar("T")
MAX_READS_PER_MINUTE = 300
"""Rate limit per key: enough for a screen of twelve metrics that refreshes every three seconds (240 a minute)."""
MAX_COUNTERS = 10_000  # one per API key or user; the storage keeps two generations of so many
MAX_CONCURRENT_REQUESTS = 4
"""API requests handled at the same time; the rest of the thread pool stays free for the pages' own queries."""

UserOf = Callable[[Request], User | None]
AddressOf = Callable[[HTTPConnection], str | None]


def anonymous(_: Request) -> User | None:
    return None


def peer_address(connection: HTTPConnection) -> str | None:
    return connection.client.host if connection.client else None


class ApiAuthenticator:
    """Authenticates API requests and runs their handlers in threads, within the limits.

    `user_of` returns the signed-in user, for the few responses that a page links to (downloads); `address_of` returns
    the client's IP address.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        user_of: UserOf = anonymous,
        address_of: AddressOf = peer_address,
        *,
        reads_per_minute: int = MAX_READS_PER_MINUTE,
    ) -> None:
        self.database, self.clock, self._user_of, self._address_of = database, clock, user_of, address_of
        self._key_throttle = ApiKeyThrottle()
        self._rate_limit: RateLimitItem = RateLimitItemPerMinute(reads_per_minute)
        self._limiter = FixedWindowRateLimiter(BoundedMemoryStorage(MAX_COUNTERS))
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def run(self, request: Request, handler: Callable[[Principal], T], *, allow_session: bool = False) -> T:
        """Runs `handler` in a thread and returns its result.

        With `allow_session`, a signed-in browser needs no key. Raises ApiKeyRequired and TooManyRequests before
        `handler` runs.
        """

        def authenticate() -> Principal:
            token = authorization.bearer_token(request.headers)
            if token is None and allow_session and (user := self._user_of(request)) is not None:
                return authorization.principal_of_user(user)
            return authorization.principal_of_token(self.database, token or "", clock=self.clock)

        with self._limit_unknown_keys(request):
            principal = await asyncio.to_thread(authenticate)
        if principal.id is None:
            raise ApiKeyRequired("This request needs an API key (Authorization: Bearer …) or a signed-in user.")
        if not self._limiter.hit(self._rate_limit, str(principal.id)):
            reset_s = self._limiter.get_window_stats(self._rate_limit, str(principal.id)).reset_time
            wait_s = round(reset_s - time.time()) + 1
            max_requests = self._rate_limit.amount
            raise TooManyRequests(
                f"Rate limit exceeded: at most {max_requests} requests per minute. Retry in {wait_s} s.", wait_s
            )
        async with self._slots:
            return await asyncio.to_thread(handler, principal)

    def actor(self, request: Request, principal: Principal) -> Actor:
        """Returns who sent a request, as the audit log names them."""
        return principal.actor(self._address_of(request))

    async def require_write_key(self, request: Request) -> ApiKey:
        """Returns the request's API key, which must have write access.

        Raises ApiKeyRequired, InsufficientScope and TooManyRequests.
        """
        with self._limit_unknown_keys(request):
            token = authorization.bearer_token(request.headers) or ""
            return await asyncio.to_thread(api_keys.require_writer, self.database, token, clock=self.clock)

    @contextmanager
    def _limit_unknown_keys(self, request: Request) -> Iterator[None]:
        """Raises TooManyRequests before the key lookup when a client has sent too many unknown keys."""
        token, address = authorization.bearer_token(request.headers), self._address_of(request)
        if not token:
            yield  # a request without a key needs no lookup, so it is not counted
            return
        self._key_throttle.check(token, address)
        try:
            yield
        except ApiKeyRequired:
            self._key_throttle.record_failure(token, address)
            raise
        self._key_throttle.record_success(token)
