"""Who may ask the API, how often, and where the work is done: never on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from collector.sender import BoundedMemory
from proprium import access
from proprium.access import Asker
from proprium.clock import Clock, utc_now
from proprium.errors import KeyNeeded, TooManyRequests
from proprium.storage.database import Database
from proprium.storage.tables import User

T = TypeVar("T")
READS_PER_MINUTE = 300
"""Of one key: a screen of twelve numbers that is drawn anew every three seconds."""
AT_ONCE = 4
"""Questions that are answered at one time; the pages' own must find room beside them."""

UserOf = Callable[[Request], User | None]


def nobody(_: Request) -> User | None:
    return None


class Door:
    """`user_of` says who is signed in, for the few answers that a page links to."""

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        user_of: UserOf = nobody,
        *,
        reads_per_minute: int = READS_PER_MINUTE,
    ) -> None:
        self.database, self.clock, self._user_of = database, clock, user_of
        self._item: RateLimitItem = RateLimitItemPerMinute(reads_per_minute)
        self._limiter = FixedWindowRateLimiter(BoundedMemory())
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def work(self, request: Request, answer: Callable[[Asker], T], *, or_signed_in: bool = False) -> T:
        """What `answer` gives, from a thread. Raises KeyNeeded and TooManyRequests before it is asked."""
        asker = await asyncio.to_thread(self._asker, request, or_signed_in)
        self._count(asker)
        async with self._slots:
            return await asyncio.to_thread(answer, asker)

    def _asker(self, request: Request, or_signed_in: bool) -> Asker:
        token = access.bearer(request.headers)
        if token is None and or_signed_in and (user := self._user_of(request)) is not None:
            return access.of_person(user)
        return access.of_token(self.database, token or "", clock=self.clock)

    def _count(self, asker: Asker) -> None:
        if asker.id is None:
            raise KeyNeeded("This needs a key, or a person who is signed in.")
        if not self._limiter.hit(self._item, str(asker.id)):
            ends = self._limiter.get_window_stats(self._item, str(asker.id)).reset_time
            wait_s = round(ends - time.time()) + 1
            most = self._item.amount
            raise TooManyRequests(f"More than {most} requests in a minute. Ask again in {wait_s} seconds.", wait_s)
