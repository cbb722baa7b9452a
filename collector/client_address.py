"""Who sends a request: its address behind proxies, its host, and whether it comes too often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from limits.storage import Storage

from collector.acquisition import host_of
from collector.bounded_cache import bounded_lru_cache

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]
Network = IPv4Network | IPv6Network
FORWARDING_HEADERS = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
_PREFETCH_HEADERS = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})
_PRIVACY_SIGNALS = frozenset({b"sec-gpc", b"dnt"})
_PRIVATE_NETWORKS = [
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
UNKNOWN_CLIENT = "unknown"
BURST_S = 2  # what may come at once: with 100/s that is a burst of 200
UNKNOWN_SENDERS_SHARE = 10
"""How many times the rate of one address all senders together have whose address is unknown."""
PROXY_HEADERS = frozenset(
    {
        b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"x-original-forwarded-for",
        b"x-original-host", b"x-original-url", b"x-remote-ip", b"x-remote-addr", b"x-proxyuser-ip", b"true-client-ip",
        b"x-true-client-ip", b"client-ip", b"proxy-client-ip", b"wl-proxy-client-ip", b"do-connecting-ip",
        b"fastly-client-ip", b"cdn-loop", b"x-varnish", b"x-request-start", b"x-cloud-trace-context",
    }
)  # fmt: skip
"""Headers that proxies, load balancers and CDNs add, by name; PROXY_HEADER_PREFIXES has families of them."""
PROXY_HEADER_PREFIXES = (
    b"x-forwarded", b"cf-", b"fly-", b"x-amz", b"x-azure-", b"x-arr-", b"x-appengine-", b"x-akamai-", b"akamai-",
    b"x-envoy-", b"x-vercel-", b"x-nf-", b"cloudfront-", b"x-fastly-",
)  # fmt: skip


class ClientAddressResolver:
    """Finds the client's address: the peer, or what a trusted proxy says. It is spoken of nowhere else.

    `untrusted_proxy` is a private peer that forwards without being trusted: the owner is told to trust it.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted_networks = self._configured_networks = tuple(trusted)
        self.untrusted_proxy: str | None = None
        self._is_trusted = lru_cache(1_024)(self._is_trusted_uncached)

    def trust(self, networks: Sequence[Network]) -> None:
        """Trusts these beside the ones that were given at the start. Callable while requests come in."""
        self._trusted_networks = (*self._configured_networks, *networks)
        self._is_trusted.cache_clear()
        if self.untrusted_proxy and self._is_trusted(self.untrusted_proxy):
            self.untrusted_proxy = None  # so that another one is told of as well

    def is_trusted(self, address: str) -> bool:
        """Whether a canonical address is a trusted proxy's."""
        return self._is_trusted(address)

    def resolve(self, peer: str | None, headers: dict[bytes, bytes], all_headers: Headers) -> str | None:
        """The client's address; None when nobody trustworthy knows it."""
        address = canonical_ip(peer) if peer else None
        if address is None or FORWARDING_HEADERS.isdisjoint(headers):
            return address
        if self._is_trusted(address):
            return self._forwarded_client(address, all_headers)
        if not is_private(address):
            return address  # a visitor may write what they like into their own headers
        self._report_untrusted_proxy(address)
        return None

    def _forwarded_client(self, proxy: str, headers: Headers) -> str | None:
        """The right-most hop that is not a trusted proxy itself: everything left of it can be invented."""
        hops = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1").split(",")
        client: str | None = proxy
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            client = canonical_ip(hop)
            if client is None or not self._is_trusted(client):
                return client
        return client

    def _is_trusted_uncached(self, address: str) -> bool:
        ip = ip_address(address)
        return any(ip in network for network in self._trusted_networks)

    def _report_untrusted_proxy(self, proxy: str) -> None:
        if self.untrusted_proxy is None:
            self.untrusted_proxy = proxy
            log.warning("A proxy forwards visitors but is not in PROPRIUM_TRUSTED_PROXIES, so visitors have no place.")


@bounded_lru_cache(8_192)
def canonical_ip(text: str) -> str | None:
    """An address as it is written everywhere; None for what is none. Ports and IPv4 in IPv6 clothes are undone."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(ip.ipv4_mapped) if isinstance(ip, IPv6Address) and ip.ipv4_mapped else str(ip)


@lru_cache(maxsize=1_024)
def is_private(address: str) -> bool:
    """True where a proxy of one's own may stand; Python's `is_private` counts documentation blocks and more."""
    ip = ip_address(address)
    return any(ip in network for network in _PRIVATE_NETWORKS)


def origin_host(headers: dict[bytes, bytes]) -> str | None:
    """The host of the Origin, else of the Referer."""
    origin = headers.get(b"origin", b"")
    if origin and origin != b"null":
        return host_of(origin.decode("latin-1"))
    referer = headers.get(b"referer")
    return host_of(referer.decode("latin-1")) if referer else None


def is_prefetch(headers: dict[bytes, bytes]) -> bool:
    """True for a page that is fetched or drawn ahead, and that perhaps nobody will see."""
    if _PREFETCH_HEADERS.isdisjoint(headers):
        return False
    purpose = b" ".join(headers[name] for name in _PREFETCH_HEADERS if name in headers).lower()
    return any(word in purpose for word in (b"prefetch", b"prerender", b"preview"))


def is_proxied(headers: Iterable[bytes]) -> bool:
    """True where the lower-case names of a request's headers show that it came through a proxy."""
    return any(name in PROXY_HEADERS or name.startswith(PROXY_HEADER_PREFIXES) for name in headers)


def has_privacy_signal(headers: dict[bytes, bytes]) -> bool:
    """True for Global Privacy Control (`Sec-GPC: 1`) and Do Not Track (`DNT: 1`)."""
    if _PRIVACY_SIGNALS.isdisjoint(headers):
        return False
    return any(headers.get(name, b"").strip() == b"1" for name in _PRIVACY_SIGNALS)


class RateLimit:
    """Token buckets: at most `rate` events a second and key, with a burst of two seconds; 0 = off.

    A full bucket gives any number once, even more than the burst; its key then waits until that is made up for.
    """

    KEYS_LIMIT = 50_000  # in each of two generations; a key is forgotten after one or two of them

    def __init__(
        self, requests_per_second: float, *, most_at_once: int = 100, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = 1 / requests_per_second if requests_per_second else 0.0
        self._burst_s = max(1, round(requests_per_second * BURST_S)) * self._interval_s
        self._generation_s = self._burst_s + most_at_once * self._interval_s  # no debt is forgotten before it is paid
        self._monotonic = monotonic
        # When the bucket of a key will be full again. What is not there is full.
        self._full_at: dict[str, float] = {}
        self._old_full_at: dict[str, float] = {}
        self._turns_at = 0.0

    def admits(self, key: str, events: int = 1, *, after: int = 0) -> bool:
        """Takes `events` from the bucket of `key`, or nothing. `after` were taken for the same request already."""
        if not self._interval_s:
            return True
        now = self._monotonic()
        if now >= self._turns_at or len(self._full_at) >= self.KEYS_LIMIT:
            self._old_full_at, self._full_at, self._turns_at = self._full_at, {}, now + self._generation_s
        full_at = self._full_at.get(key) or self._old_full_at.get(key) or now
        if full_at < now:
            full_at = now
        slack_s = 1e-6  # of floating point
        was_full = full_at - after * self._interval_s <= now + slack_s
        full_at += events * self._interval_s
        if not was_full and full_at - now > self._burst_s + slack_s:
            return False
        self._full_at[key] = full_at
        return True


@bounded_lru_cache(8_192)
def rate_limit_key(address: str | None) -> str:
    """The client that every rate limit counts by: an IPv4 address or an IPv6 /64, which is what one subscriber has.

    All unknown addresses are one client. IPv4 addresses that a gateway has put into IPv6 (RFC 6052) count as IPv4.
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
    """Counters for `limits` in two generations: memory is bounded, and no timer thread walks over them.

    A window's counter is forgotten after one or two windows, or when more than twice `generation_size` keys come. Those
    that are counted up again stay. One memory serves limits of one window length.
    """

    STORAGE_SCHEME = ["proprium-bounded"]  # noqa: RUF012 (the library registers by it)

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
