"""Report queue: limits how many reports are rendered at the same time.

Two run at once; the queue's length is limited per requester and in total, and anonymous requesters have a rate limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from collector.rate_limit import BoundedMemoryStorage, rate_limit_key
from proprium.errors import ReportsBusy, TooManyRequests
from proprium.i18n import gettext as _
from proprium.i18n import ngettext

SECONDS_PER_REPORT = 3
"""Duration of a PDF on two idle cores (measured: 2 to 3 s); used for Retry-After."""


@dataclass(frozen=True)
class ReportQueueLimits:
    """Limits of the report queue. "In progress" counts running and waiting reports."""

    max_running: int = 2  # a Chromium uses 0.46 GB and one core
    max_per_address: int = 4  # in progress, per anonymous address
    max_per_account: int = 8  # in progress, per user or API key
    max_anonymous: int = 12  # in progress, of all anonymous addresses together: the rest is for accounts
    max_total: int = 24  # in progress, all requesters together
    turn_timeout_s: float = 60.0  # maximum waiting time for a slot
    max_per_minute: int = 20  # rate limit of accepted reports per anonymous address


@dataclass(frozen=True)
class Requester:
    """An account or API key by its id, or an anonymous client by its network address."""

    key: str | None = None  # None: unknown, limited by the queue's totals only
    is_account: bool = False


LOCAL_COMMAND = Requester(is_account=True)
"""The command line on the server itself: limited by the queue's total only."""


def requester_of(account_id: UUID | None, address: str | None) -> Requester:
    """Returns the requester. `address` is the client's, or None if unknown, such as behind an untrusted proxy."""
    if account_id is not None:
        return Requester(str(account_id), is_account=True)
    return Requester(rate_limit_key(address) if address else None)


class ReportQueue:
    """Assigns slots for rendering: accounts before anonymous clients, then first come, first served.

    Not thread-safe: for use in one event loop.
    """

    def __init__(self, limits: ReportQueueLimits | None = None) -> None:
        self._limits = limits or ReportQueueLimits()
        self._running_count = 0
        self._in_progress: Counter[Requester] = Counter()
        self._account_waiters: deque[asyncio.Future[None]] = deque()
        self._anonymous_waiters: deque[asyncio.Future[None]] = deque()
        self._rate_limit = RateLimitItemPerMinute(self._limits.max_per_minute)
        self._rate_limiter = FixedWindowRateLimiter(BoundedMemoryStorage())

    @property
    def in_progress(self) -> int:
        """Number of running and waiting reports."""
        return self._in_progress.total()

    def check(self, requester: Requester) -> None:
        """Raises ReportsBusy or TooManyRequests if a report of this requester would be rejected now."""
        limits, own_count = self._limits, self._in_progress[requester]
        if requester.key is not None and own_count >= (
            limits.max_per_account if requester.is_account else limits.max_per_address
        ):
            if requester.is_account:
                reason = ngettext(
                    "Your account already has {count} report in progress.",
                    "Your account already has {count} reports in progress.",
                    own_count,
                )
            else:
                reason = ngettext(
                    "Your network address already has {count} report in progress.",
                    "Your network address already has {count} reports in progress.",
                    own_count,
                )
            raise self._busy_error(reason)
        anonymous_count = sum(count for other, count in self._in_progress.items() if not other.is_account)
        has_anonymous_slot = requester.is_account or anonymous_count < limits.max_anonymous
        if self.in_progress >= limits.max_total or not has_anonymous_slot:
            raise self._busy_error(
                ngettext(
                    "The server is busy: {count} report in progress.",
                    "The server is busy: {count} reports in progress.",
                    self.in_progress,
                )
            )
        if self._is_rate_limited(requester) and not self._rate_limiter.test(self._rate_limit, requester.key or ""):
            raise TooManyRequests(
                ngettext(
                    "Rate limit of {count} report per minute exceeded for your network address. "
                    "Try again in a minute, or sign in.",
                    "Rate limit of {count} reports per minute exceeded for your network address. "
                    "Try again in a minute, or sign in.",
                    limits.max_per_minute,
                ),
                60,
            )

    @asynccontextmanager
    async def turn(self, requester: Requester) -> AsyncIterator[None]:
        """Waits for a slot and holds it for the duration of the context. Raises ReportsBusy or TooManyRequests."""
        self.check(requester)
        if self._is_rate_limited(requester):
            self._rate_limiter.hit(self._rate_limit, requester.key or "")
        self._in_progress[requester] += 1
        try:
            await self._acquire(requester)
            try:
                yield
            finally:
                self._release()
        finally:
            self._in_progress[requester] -= 1
            if not self._in_progress[requester]:
                del self._in_progress[requester]

    async def _acquire(self, requester: Requester) -> None:
        if self._running_count < self._limits.max_running:
            self._running_count += 1
            return
        waiters = self._account_waiters if requester.is_account else self._anonymous_waiters
        waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        try:
            async with asyncio.timeout(self._limits.turn_timeout_s):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._release()  # the slot was assigned at the same moment
            else:
                with contextlib.suppress(ValueError):  # a release has already removed it
                    waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                timeout_text = f"{self._limits.turn_timeout_s:g}"
                raise self._busy_error(
                    _("The report could not be started within {seconds} seconds.", seconds=timeout_text)
                ) from None
            raise

    def _release(self) -> None:
        """Passes the slot on to the next waiter, or frees it."""
        for waiters in (self._account_waiters, self._anonymous_waiters):
            while waiters:
                waiter = waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    return
        self._running_count -= 1

    def _is_rate_limited(self, requester: Requester) -> bool:
        return requester.key is not None and not requester.is_account

    def _busy_error(self, reason: str) -> ReportsBusy:
        retry_after_s = max(1, math.ceil(self.in_progress * SECONDS_PER_REPORT / self._limits.max_running))
        advice = ngettext("Try again in {count} second.", "Try again in {count} seconds.", retry_after_s)
        return ReportsBusy(_("{reason} {advice}", reason=reason, advice=advice), retry_after_s)
