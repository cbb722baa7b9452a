"""Who may ask the API, how often, and where the work is done: never on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection, Request

from collector.client_address import BoundedMemory
from proprium.accounts import api_keys, authorization
from proprium.accounts.authorization import Asker
from proprium.accounts.login_throttle import KeyAttempts
from proprium.clock import Clock, utc_now
from proprium.errors import KeyNeeded, TooManyRequests
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, User

T = TypeVar("T")
READS_PER_MINUTE = 300
"""Of one key: a screen of twelve numbers that is drawn anew every three seconds."""
MOST_COUNTERS = 10_000  # keys and people, twice
AT_ONCE = 4
"""Questions that are answered at one time; the pages' own must find room beside them."""

UserOf = Callable[[Request], User | None]
AddressOf = Callable[[HTTPConnection], str | None]


def nobody(_: Request) -> User | None:
    return None


def peer_address(connection: HTTPConnection) -> str | None:
    return connection.client.host if connection.client else None


class Door:
    """`user_of` says who is signed in, for the few answers that a page links to; `address_of` names the client."""

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        user_of: UserOf = nobody,
        address_of: AddressOf = peer_address,
        *,
        reads_per_minute: int = READS_PER_MINUTE,
    ) -> None:
        self.database, self.clock, self._user_of, self._address_of = database, clock, user_of, address_of
        self._key_attempts = KeyAttempts()
        self._item: RateLimitItem = RateLimitItemPerMinute(reads_per_minute)
        self._limiter = FixedWindowRateLimiter(BoundedMemory(MOST_COUNTERS))
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def work(self, request: Request, answer: Callable[[Asker], T], *, or_signed_in: bool = False) -> T:
        """What `answer` gives, from a thread. Raises KeyNeeded and TooManyRequests before it is asked."""
        with self._counting_unknown_keys(request):
            asker = await asyncio.to_thread(self._asker, request, or_signed_in)
        self._count(asker)
        async with self._slots:
            return await asyncio.to_thread(answer, asker)

    async def writer(self, request: Request) -> ApiKey:
        """The key that a sender of events shows. Raises KeyNeeded, KeyTooWeak and TooManyRequests."""
        with self._counting_unknown_keys(request):
            token = authorization.bearer(request.headers) or ""
            return await asyncio.to_thread(api_keys.require_writer, self.database, token, clock=self.clock)

    @contextmanager
    def _counting_unknown_keys(self, request: Request) -> Iterator[None]:
        """Raises TooManyRequests before a key is looked up, where too many were unknown."""
        token, address = authorization.bearer(request.headers), self._address_of(request)
        if not token:
            yield  # nothing is looked up for it
            return
        self._key_attempts.check(token, address)
        try:
            yield
        except KeyNeeded:
            self._key_attempts.failed(token, address)
            raise
        self._key_attempts.succeeded(token)

    def _asker(self, request: Request, or_signed_in: bool) -> Asker:
        token = authorization.bearer(request.headers)
        if token is None and or_signed_in and (user := self._user_of(request)) is not None:
            return authorization.of_person(user)
        return authorization.of_token(self.database, token or "", clock=self.clock)

    def _count(self, asker: Asker) -> None:
        if asker.id is None:
            raise KeyNeeded("This needs a key, or a person who is signed in.")
        if not self._limiter.hit(self._item, str(asker.id)):
            ends = self._limiter.get_window_stats(self._item, str(asker.id)).reset_time
            wait_s = round(ends - time.time()) + 1
            most = self._item.amount
            raise TooManyRequests(f"More than {most} requests in a minute. Ask again in {wait_s} seconds.", wait_s)
