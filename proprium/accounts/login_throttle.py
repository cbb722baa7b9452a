"""Login throttle: rate limits for guessing passwords and API keys, by client address, account and browser.

A browser that has signed in to an account before is recognised by its device cookie and has a limit of its own, so that
attackers, however many, cannot lock out the account's owner (OWASP: device cookies). All other browsers share the
limits of their address and of the account. Counters are kept in memory, never on disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from threading import Lock

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from collector.rate_limit import BoundedMemoryStorage, rate_limit_key
from proprium.errors import TooManyAttempts, TooManyRequests
from proprium.i18n import gettext as _

LIMIT_PER_ADDRESS = RateLimitItemPerMinute(50, 5, "address")
"""Attempts from one address, for any accounts: 50 in five minutes."""

LIMIT_PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(10, 5, "pair")
"""Attempts for one account from one address: 10 in five minutes."""

LIMIT_PER_ACCOUNT = RateLimitItemPerMinute(100, 5, "account")
"""Attempts for one account from all addresses: ten of them can reach it. Known browsers are exempt."""

LIMIT_PER_DEVICE = RateLimitItemPerMinute(10, 5, "device")
"""Attempts for one account from a browser that has signed in to it before."""

LIMIT_UNKNOWN_KEYS_PER_CLIENT = RateLimitItemPerMinute(60, 1, "unknown API keys")

MAX_COUNTERS = 10_000
"""Maximum of each limit's storage. Ample: the server checks at most some 6,000 passwords in the five minutes that a
counter lives."""

MAX_VALID_KEYS = 1_000


class LoginThrottle:
    """Rate limiter of password attempts, by address, account and device.

    An attempt is counted before its password is checked, so that parallel requests do not bypass the limits. A rejected
    attempt is not counted, so that one attacker cannot use up the limit of an account. Thread-safe.
    """

    def __init__(self) -> None:
        items: tuple[RateLimitItem, ...] = (
            LIMIT_PER_ADDRESS,
            LIMIT_PER_ACCOUNT_AND_ADDRESS,
            LIMIT_PER_ACCOUNT,
            LIMIT_PER_DEVICE,
        )
        # One storage per limit, so that a flood in one evicts no counters of the others.
        self._storages = {item: BoundedMemoryStorage(MAX_COUNTERS) for item in items}
        self._limiters = {item: FixedWindowRateLimiter(storage) for item, storage in self._storages.items()}
        self._lock = Lock()

    @property
    def counter_count(self) -> int:
        """Returns the number of counters in memory."""
        return sum(len(storage) for storage in self._storages.values())

    def check(self, email: str | None, address: str | None = None, device: str | None = None) -> None:
        """Raises TooManyAttempts if `count_attempt` would. Counts nothing."""
        self._check(_limits_of(email, address, device))

    def count_attempt(self, email: str | None, address: str | None = None, device: str | None = None) -> None:
        """Counts an attempt. Raises TooManyAttempts when a limit is reached.

        `email` is None for the setup link. `device` is set only for a browser with a valid device cookie.
        """
        limits = _limits_of(email, address, device)
        with self._lock:
            self._check(limits)
            for item, key in limits:
                self._limiters[item].hit(item, key)

    def record_success(self, email: str, address: str | None = None, device: str | None = None) -> None:
        """Resets the counters of a client that knew the password: of its address and account, or its device."""
        for item, key in _limits_of(email, address, device):
            if item in {LIMIT_PER_ACCOUNT_AND_ADDRESS, LIMIT_PER_DEVICE}:
                self._limiters[item].clear(item, key)

    def _check(self, limits: Sequence[tuple[RateLimitItem, str]]) -> None:
        if not all(self._limiters[item].test(item, key) for item, key in limits):
            raise TooManyAttempts(_("Too many attempts to sign in. Wait five minutes and try again."))


class ApiKeyThrottle:
    """Rate limiter of requests with unknown API keys, by client address.

    Keys that were valid before always pass, so that other clients behind the same address cannot block them. Keys are
    too long to be guessed; the limit bounds the work of looking them up.
    """

    def __init__(self) -> None:
        self._storage = BoundedMemoryStorage(MAX_COUNTERS)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._valid_key_digests: OrderedDict[str, None] = OrderedDict()

    @property
    def counter_count(self) -> int:
        """Returns the number of counters and keys in memory."""
        return len(self._storage) + len(self._valid_key_digests)

    def check(self, token: str, address: str | None) -> None:
        """Raises TooManyRequests when the limit is reached. Call it before the key is looked up."""
        item, client = LIMIT_UNKNOWN_KEYS_PER_CLIENT, rate_limit_key(address)
        if _digest(token) not in self._valid_key_digests and not self._limiter.test(item, client):
            raise TooManyRequests(
                "Too many requests without a valid API key from this address. Try again in a minute.", 60
            )

    def record_failure(self, token: str, address: str | None) -> None:
        self._valid_key_digests.pop(_digest(token), None)  # a key that was valid has been revoked
        self._limiter.hit(LIMIT_UNKNOWN_KEYS_PER_CLIENT, rate_limit_key(address))

    def record_success(self, token: str) -> None:
        self._valid_key_digests[_digest(token)] = None
        self._valid_key_digests.move_to_end(_digest(token))
        while len(self._valid_key_digests) > MAX_VALID_KEYS:
            self._valid_key_digests.popitem(last=False)


def _limits_of(email: str | None, address: str | None, device: str | None) -> list[tuple[RateLimitItem, str]]:
    client = rate_limit_key(address)
    if email is None:
        return [(LIMIT_PER_ADDRESS, client)]
    email = email.strip().lower()
    if device is not None:
        return [(LIMIT_PER_DEVICE, _digest(email, device))]
    return [
        (LIMIT_PER_ADDRESS, client),
        (LIMIT_PER_ACCOUNT_AND_ADDRESS, _digest(email, client)),
        (LIMIT_PER_ACCOUNT, _digest(email)),
    ]


def _digest(*parts: str) -> str:
    """Returns a counter key of constant length for texts of any length."""
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
