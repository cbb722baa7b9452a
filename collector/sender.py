"""Who sends a request: its address behind proxies, its host, and whether it comes too often."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from collector.remembered import remembered
from collector.source import host_of

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]
Network = IPv4Network | IPv6Network
FORWARDS = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
_AHEAD = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})
_PRIVACY_SIGNALS = frozenset({b"sec-gpc", b"dnt"})
_PRIVATE = [
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip
WINDOW_S = 2  # a whole window may come at once: with 100/s that is a burst of 200


class Addresses:
    """Finds the client's address: the peer, or what a trusted proxy says. It is spoken of nowhere else.

    `untrusted_proxy` is a private peer that forwards without being trusted: the owner is told to trust it.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = self._always_trusted = tuple(trusted)
        self.untrusted_proxy: str | None = None
        self._is_trusted = lru_cache(1_024)(self._is_trusted_uncached)

    def trust(self, also: Sequence[Network]) -> None:
        """Trusts these beside the ones that were given at the start. Callable while requests come in."""
        self._trusted = (*self._always_trusted, *also)
        self._is_trusted.cache_clear()
        if self.untrusted_proxy and self._is_trusted(self.untrusted_proxy):
            self.untrusted_proxy = None  # so that another one is told of as well

    def client(self, peer: str | None, headers: dict[bytes, bytes], all_headers: Headers) -> str | None:
        """The client's address; None when nobody trustworthy knows it."""
        address = normal(peer) if peer else None
        if address is None or FORWARDS.isdisjoint(headers):
            return address
        if self._is_trusted(address):
            return self._behind(address, all_headers)
        if not is_private(address):
            return address  # a visitor may write what they like into their own headers
        self._tell_once(address)
        return None

    def _behind(self, proxy: str, headers: Headers) -> str | None:
        """The right-most hop that is not a trusted proxy itself: everything left of it can be invented."""
        hops = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1").split(",")
        client: str | None = proxy
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            client = normal(hop)
            if client is None or not self._is_trusted(client):
                return client
        return client

    def _is_trusted_uncached(self, address: str) -> bool:
        ip = ip_address(address)
        return any(ip in network for network in self._trusted)

    def _tell_once(self, proxy: str) -> None:
        if self.untrusted_proxy is None:
            self.untrusted_proxy = proxy
            log.warning("A proxy forwards visitors but is not in PROPRIUM_TRUSTED_PROXIES, so visitors have no place.")


@remembered(8_192)
def normal(text: str) -> str | None:
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
    return any(ip in network for network in _PRIVATE)


def origin_host(headers: dict[bytes, bytes]) -> str | None:
    """The host of the Origin, else of the Referer."""
    origin = headers.get(b"origin", b"")
    if origin and origin != b"null":
        return host_of(origin.decode("latin-1"))
    referer = headers.get(b"referer")
    return host_of(referer.decode("latin-1")) if referer else None


def is_prefetch(headers: dict[bytes, bytes]) -> bool:
    """True for a page that is fetched or drawn ahead, and that perhaps nobody will see."""
    if _AHEAD.isdisjoint(headers):
        return False
    purpose = b" ".join(headers[name] for name in _AHEAD if name in headers).lower()
    return any(word in purpose for word in (b"prefetch", b"prerender", b"preview"))


def has_privacy_signal(headers: dict[bytes, bytes]) -> bool:
    """True for Global Privacy Control (`Sec-GPC: 1`) and Do Not Track (`DNT: 1`)."""
    if _PRIVACY_SIGNALS.isdisjoint(headers):
        return False
    return any(headers.get(name, b"").strip() == b"1" for name in _PRIVACY_SIGNALS)


class RateLimit:
    """At most `rate` requests a second and address, in windows of two seconds; 0 = off."""

    def __init__(self, rate: float) -> None:
        self._item: RateLimitItem | None = None
        if rate:
            self._item = RateLimitItemPerSecond(max(1, round(rate * WINDOW_S)), WINDOW_S)
        self._limiter = FixedWindowRateLimiter(BoundedMemory())

    def admits(self, address: str | None) -> bool:
        """An unknown address is nobody's fault, and is not limited."""
        return self._item is None or address is None or self._limiter.hit(self._item, _subscriber(address))


def _subscriber(address: str) -> str:
    """One subscriber has a whole /64 of IPv6."""
    return address if "." in address else _network_64(address)


@lru_cache(maxsize=8_192)
def _network_64(address: str) -> str:
    return str(IPv6Address(int(IPv6Address(address)) >> 64 << 64))


class BoundedMemory(Storage):
    """Counters for `limits` in two generations: memory is bounded, and no timer thread walks over them.

    A window's counter is forgotten after one or two windows, or when more addresses come than the memory holds.
    """

    STORAGE_SCHEME = ["proprium-bounded"]  # noqa: RUF012 (the library registers by it)
    LARGEST = 50_000  # addresses in one generation

    def __init__(self) -> None:
        super().__init__()
        self._young: dict[str, tuple[float, int]] = {}
        self._old: dict[str, tuple[float, int]] = {}
        self._turn = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.monotonic()
        if now >= self._turn or len(self._young) >= self.LARGEST:
            self._old, self._young, self._turn = self._young, {}, now + expiry
        until, count = self._young.get(key) or self._old.get(key) or (0.0, 0)
        if now >= until:
            until, count = now + expiry, 0
        self._young[key] = (until, count + amount)
        return count + amount

    def get(self, key: str) -> int:
        until, count = self._young.get(key) or self._old.get(key) or (0.0, 0)
        return count if time.monotonic() < until else 0

    def get_expiry(self, key: str) -> float:
        until, _ = self._young.get(key) or self._old.get(key) or (0.0, 0)
        return time.time() + max(0.0, until - time.monotonic())

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self._young.keys() | self._old.keys())
        self._young, self._old = {}, {}
        return count

    def clear(self, key: str) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)
