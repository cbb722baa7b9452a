"""How often a password may be guessed, by account and by address; kept in memory, never on disk."""

from __future__ import annotations

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from proprium.errors import TooManyAttempts

PER_ACCOUNT: RateLimitItem = RateLimitItemPerMinute(10, 5, "account")
PER_ADDRESS: RateLimitItem = RateLimitItemPerMinute(50, 5, "address")


class Attempts:
    """Each attempt counts before its password is looked at, so that many at once are no way around the limit."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def begin(self, email: str, address: str | None = None) -> None:
        """Raises TooManyAttempts."""
        kinds = [(PER_ACCOUNT, email)] + ([(PER_ADDRESS, address)] if address else [])
        allowed = [self._limiter.hit(item, key) for item, key in kinds]  # each is counted, whatever the others say
        if not all(allowed):
            raise TooManyAttempts("Too many attempts to sign in. Wait five minutes and try again.")

    def succeeded(self, email: str) -> None:
        """A person who knows the password is not guessing."""
        self._limiter.clear(PER_ACCOUNT, email)
