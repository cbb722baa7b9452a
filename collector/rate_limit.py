"""Rate limiting: token buckets, the client key of all limits, bounded counters."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from limits.storage import Storage

from collector.bounded_cache import bounded_lru_cache
from collector.client_address import canonical_ip

_NAT64 = ip_network("64:ff9b::/96")
UNKNOWN_CLIENT = "unknown"
BURST_S = 2  # seconds of the rate that may arrive at once: a burst of 200 at 100/s
UNKNOWN_CLIENTS_RATE_FACTOR = 10
"""Multiple of the rate per address that all clients with an unknown address share."""


class RateLimit:
    """Limits events per second and key with token buckets; 0 is unlimited.

    The burst is BURST_S seconds of the rate. A full bucket admits any number of events once, even more than the burst;
    the key is then blocked until that debt is paid. Memory is bounded by two generations of keys: a key expires after
    one or two of them.
    """

    MAX_KEYS_PER_GENERATION = 50_000

    def __init__(
        self,
        events_per_second: float,
        *,
        max_events_per_call: int = 100,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = 1 / events_per_second if events_per_second else 0.0
        self._burst_s = max(1, round(events_per_second * BURST_S)) * self._interval_s
        self._generation_s = self._burst_s + max_events_per_call * self._interval_s  # no debt expires before it is paid
        self._monotonic = monotonic
        # Monotonic time at which the bucket of a key is full again; the bucket of an absent key is full.
        self._full_at: dict[str, float] = {}
        self._previous_full_at: dict[str, float] = {}
        self._next_rotation_s = 0.0

    def admits(self, key: str, events: int = 1, *, after: int = 0) -> bool:
        """Takes `events` tokens from the bucket of `key`, or none and returns False.

        `after` tokens were taken for the same request already: a bucket that was full before them counts as full.
        """
        if not self._interval_s:
            return True
        now = self._monotonic()
        if now >= self._next_rotation_s or len(self._full_at) >= self.MAX_KEYS_PER_GENERATION:
            self._previous_full_at, self._full_at, self._next_rotation_s = self._full_at, {}, now + self._generation_s
        full_at = self._full_at.get(key) or self._previous_full_at.get(key) or now
        if full_at < now:
            full_at = now
        slack_s = 1e-6  # floating-point rounding
        was_full = full_at - after * self._interval_s <= now + slack_s
        full_at += events * self._interval_s
        if not was_full and full_at - now > self._burst_s + slack_s:
            return False
        self._full_at[key] = full_at
        return True


@bounded_lru_cache(8_192)
def rate_limit_key(address: str | None) -> str:
    """Returns the client key that every rate limit counts by.

    It is an IPv4 address, or an IPv6 /64, which is the network of one subscriber. All unknown addresses share one key.
    IPv4 addresses embedded in IPv6 by a NAT64 gateway (RFC 6052) count as IPv4.
    """
    canonical = canonical_ip(address) if address else None
    if canonical is None:
        return UNKNOWN_CLIENT
    ip = ip_address(canonical)
    if isinstance(ip, IPv4Address):
        return canonical
    if ip in _NAT64:
        return str(IPv4Address(int(ip) & 0xFFFFFFFF))
    return str(IPv6Address(int(ip) >> 64 << 64))


class BoundedMemoryStorage(Storage):
    """Stores the counters of the `limits` library in bounded memory, without its timer thread.

    Counters live in two generations: one expires after one or two windows, or when more than twice `generation_size`
    keys arrive; counters that are incremented again stay. One storage serves limits of one window length.
    """

    STORAGE_SCHEME = ["proprium-bounded"]  # noqa: RUF012 (`limits` registers storages by it)

    def __init__(self, generation_size: int = 50_000) -> None:
        super().__init__()
        self._generation_size = generation_size
        self._current_generation: dict[str, tuple[float, int]] = {}
        self._previous_generation: dict[str, tuple[float, int]] = {}
        self._next_rotation_s = 0.0

    def __len__(self) -> int:
        return len(self._current_generation) + len(self._previous_generation)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.monotonic()
        if now >= self._next_rotation_s or len(self._current_generation) >= self._generation_size:
            self._previous_generation, self._current_generation, self._next_rotation_s = (
                self._current_generation,
                {},
                now + expiry,
            )
        expires_at_s, count = self._current_generation.get(key) or self._previous_generation.get(key) or (0.0, 0)
        if now >= expires_at_s:
            expires_at_s, count = now + expiry, 0
        self._current_generation[key] = (expires_at_s, count + amount)
        return count + amount

    def get(self, key: str) -> int:
        expires_at_s, count = self._current_generation.get(key) or self._previous_generation.get(key) or (0.0, 0)
        return count if time.monotonic() < expires_at_s else 0

    def get_expiry(self, key: str) -> float:
        expires_at_s, _ = self._current_generation.get(key) or self._previous_generation.get(key) or (0.0, 0)
        return time.time() + max(0.0, expires_at_s - time.monotonic())

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self._current_generation.keys() | self._previous_generation.keys())
        self._current_generation, self._previous_generation = {}, {}
        return count

    def clear(self, key: str) -> None:
        self._current_generation.pop(key, None)
        self._previous_generation.pop(key, None)
