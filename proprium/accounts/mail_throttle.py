"""Mail throttle: limits on mails that anyone can have sent to an account, by client address and by recipient."""

from __future__ import annotations

from hashlib import blake2b
from threading import Lock

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from collector.rate_limit import BoundedMemoryStorage, rate_limit_key
from proprium.errors import TooManyAttempts
from proprium.i18n import gettext as _

LIMIT_PER_ADDRESS = RateLimitItemPerMinute(10, 15, "mails asked for")
"""Requests from one address: 10 in a quarter of an hour."""

LIMIT_PER_RECIPIENT = RateLimitItemPerHour(3, 1, "mails to a recipient")
"""Mails to one recipient in an hour. More requests are answered as usual and send nothing: the links that were sent
stay valid, so that users are not locked out."""

MAX_COUNTERS = 10_000


class MailThrottle:
    """Rate limiter of mails that are sent on request. Thread-safe."""

    def __init__(self) -> None:
        # One storage per limit, so that a flood in one evicts no counters of the other.
        self._by_address = FixedWindowRateLimiter(BoundedMemoryStorage(MAX_COUNTERS))
        self._by_recipient = FixedWindowRateLimiter(BoundedMemoryStorage(MAX_COUNTERS))
        self._lock = Lock()

    def count_request(self, address: str | None) -> None:
        """Counts a request. Raises TooManyAttempts when the limit of its address is reached."""
        with self._lock:
            if not self._by_address.hit(LIMIT_PER_ADDRESS, rate_limit_key(address)):
                raise TooManyAttempts(_("Too many requests. Wait a quarter of an hour and try again."))

    def allows_mail(self, email: str) -> bool:
        """Counts a mail to this recipient; False when the limit is reached. Known and unknown addresses count alike."""
        recipient = blake2b(email.strip().lower().encode(errors="replace"), digest_size=16).hexdigest()
        with self._lock:
            return self._by_recipient.hit(LIMIT_PER_RECIPIENT, recipient)
