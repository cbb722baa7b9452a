"""How often a password may be guessed, by account and by address; kept in memory, never on disk."""

from __future__ import annotations

from hashlib import blake2b

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from proprium.errors import TooManyAttempts

PER_PAIR = RateLimitItemPerMinute(10, 5, "pair")
"""One account from one address."""

PER_ADDRESS = RateLimitItemPerMinute(50, 5, "address")
"""Any accounts from one address."""

PER_ACCOUNT = RateLimitItemPerMinute(100, 5, "account")
"""One account from anywhere: higher, so that a stranger cannot easily keep its owner out."""


class Attempts:
    """Each attempt counts before its password is looked at, so that many at once are no way around the limit."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def begin(self, email: str, address: str | None = None) -> None:
        """Raises TooManyAttempts."""
        counted = [self._limiter.hit(PER_PAIR, _key(email, address)), self._limiter.hit(PER_ACCOUNT, _key(email))]
        if address:
            counted.append(self._limiter.hit(PER_ADDRESS, _key(address)))
        if not all(counted):
            raise TooManyAttempts("Too many attempts to sign in. Wait five minutes and try again.")

    def succeeded(self, email: str, address: str | None = None) -> None:
        """A person who knows the password is not guessing."""
        self._limiter.clear(PER_PAIR, _key(email, address))


def _key(*parts: str | None) -> str:
    """Of one length, whatever somebody typed."""
    return blake2b("\0".join(part or "" for part in parts).encode(errors="replace"), digest_size=16).hexdigest()
