"""Factor throttle: rate limits for guessing the codes of a second factor, by account and browser.

Only clients that know the password reach the second factor. A browser that has signed in before has a limit of its own,
so that a guesser elsewhere cannot lock out the account's user.
"""

from __future__ import annotations

from threading import Lock
from uuid import UUID

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from collector.rate_limit import BoundedMemoryStorage
from proprium.errors import TooManyAttempts
from proprium.i18n import gettext as _

LIMIT_PER_ACCOUNT = RateLimitItemPerHour(10, 1, "codes of an account")
"""Codes from all browsers that are not known: in a year of guessing, one account in four would be found."""

LIMIT_PER_DEVICE = RateLimitItemPerMinute(10, 5, "codes of a device")

MAX_COUNTERS = 10_000


class FactorThrottle:
    """Rate limiter of codes. An attempt is counted before its code is checked. Thread-safe."""

    def __init__(self) -> None:
        limits: tuple[RateLimitItem, ...] = (LIMIT_PER_ACCOUNT, LIMIT_PER_DEVICE)
        self._limiters = {item: FixedWindowRateLimiter(BoundedMemoryStorage(MAX_COUNTERS)) for item in limits}
        self._lock = Lock()

    def count_attempt(self, user_id: UUID, device: str | None) -> None:
        """Counts an attempt; `device` is set only for a browser with a valid device cookie. Raises TooManyAttempts."""
        item, key = _limit_of(user_id, device)
        with self._lock:
            if not self._limiters[item].hit(item, key):
                raise TooManyAttempts(_("Too many codes were tried for this account. Try again in an hour."))

    def record_success(self, user_id: UUID, device: str | None) -> None:
        item, key = _limit_of(user_id, device)
        self._limiters[item].clear(item, key)


def _limit_of(user_id: UUID, device: str | None) -> tuple[RateLimitItem, str]:
    return (LIMIT_PER_ACCOUNT, str(user_id)) if device is None else (LIMIT_PER_DEVICE, f"{user_id} {device}")
