"""Client address behind trusted proxies; origin, prefetch and privacy headers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

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
PROXY_HEADERS = frozenset(
    {
        b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"x-original-forwarded-for",
        b"x-original-host", b"x-original-url", b"x-remote-ip", b"x-remote-addr", b"x-proxyuser-ip", b"true-client-ip",
        b"x-true-client-ip", b"client-ip", b"proxy-client-ip", b"wl-proxy-client-ip", b"do-connecting-ip",
        b"fastly-client-ip", b"cdn-loop", b"x-varnish", b"x-request-start", b"x-cloud-trace-context",
    }
)  # fmt: skip
"""Names of headers that proxies, load balancers and CDNs add; PROXY_HEADER_PREFIXES covers whole families."""
PROXY_HEADER_PREFIXES = (
    b"x-forwarded", b"cf-", b"fly-", b"x-amz", b"x-azure-", b"x-arr-", b"x-appengine-", b"x-akamai-", b"akamai-",
    b"x-envoy-", b"x-vercel-", b"x-nf-", b"cloudfront-", b"x-fastly-",
)  # fmt: skip


class ClientAddressResolver:
    """Resolves the client's address: the peer's, or the one forwarded by a trusted proxy.

    Addresses are never logged. `untrusted_proxy` is a private peer that forwards without being trusted: the UI asks
    the owner to trust it.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted_networks = self._configured_networks = tuple(trusted)
        self.untrusted_proxy: str | None = None

        def is_trusted(address: str) -> bool:
            ip = ip_address(address)
            return any(ip in network for network in self._trusted_networks)

        self._is_trusted = lru_cache(1_024)(is_trusted)

    def trust(self, networks: Sequence[Network]) -> None:
        """Trusts `networks` in addition to the configured ones. May be called while requests arrive."""
        self._trusted_networks = (*self._configured_networks, *networks)
        self._is_trusted.cache_clear()
        if self.untrusted_proxy and self._is_trusted(self.untrusted_proxy):
            self.untrusted_proxy = None  # so that a second untrusted proxy is reported as well

    def is_trusted(self, address: str) -> bool:
        """Returns True when a canonical address belongs to a trusted proxy."""
        return self._is_trusted(address)

    def resolve(self, peer: str | None, headers: dict[bytes, bytes], all_headers: Headers) -> str | None:
        """Returns the client's address, or None when only an untrusted proxy knows it."""
        address = canonical_ip(peer) if peer else None
        if address is None or FORWARDING_HEADERS.isdisjoint(headers):
            return address
        if self._is_trusted(address):
            # The right-most untrusted hop: everything left of it can be forged.
            texts = (value for name, value in all_headers if name == b"x-forwarded-for")
            hops = [hop.strip() for hop in b",".join(texts).decode("latin-1").split(",")]
            client: str | None = address
            for hop in reversed([hop for hop in hops if hop]):
                client = canonical_ip(hop)
                if client is None or not self._is_trusted(client):
                    break
            return client
        if not is_private(address):
            return address  # forwarding headers of a public peer may be forged
        if self.untrusted_proxy is None:
            self.untrusted_proxy = address
            log.warning(
                "A proxy that is not trusted forwards requests, so visitors have no location."
                " Trust it in the UI, or add it to PROPRIUM_TRUSTED_PROXIES."
            )
        return None


@bounded_lru_cache(8_192)
def canonical_ip(text: str) -> str | None:
    """Returns an IP address in canonical form, or None when it is invalid.

    Ports, zones and brackets are removed; IPv4-mapped IPv6 becomes IPv4.
    """
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
    """Returns True for the networks where an owner's proxy may run.

    Python's `is_private` is wider: it includes documentation blocks and more.
    """
    ip = ip_address(address)
    return any(ip in network for network in _PRIVATE_NETWORKS)


def origin_host(headers: dict[bytes, bytes]) -> str | None:
    """Returns the host of the Origin header, else of the Referer."""
    origin = headers.get(b"origin", b"")
    if origin and origin != b"null":
        return host_of(origin.decode("latin-1"))
    referer = headers.get(b"referer")
    return host_of(referer.decode("latin-1")) if referer else None


def is_prefetch(headers: dict[bytes, bytes]) -> bool:
    """Returns True for a prefetched, prerendered or previewed page: it may never be shown."""
    if _PREFETCH_HEADERS.isdisjoint(headers):
        return False
    purpose = b" ".join(headers[name] for name in _PREFETCH_HEADERS if name in headers).lower()
    return any(word in purpose for word in (b"prefetch", b"prerender", b"preview"))


def is_proxied(headers: Iterable[bytes]) -> bool:
    """Returns True when lower-case header names show that the request came through a proxy."""
    return any(name in PROXY_HEADERS or name.startswith(PROXY_HEADER_PREFIXES) for name in headers)


def has_privacy_signal(headers: dict[bytes, bytes]) -> bool:
    """Returns True for Global Privacy Control (`Sec-GPC: 1`) and Do Not Track (`DNT: 1`)."""
    if _PRIVACY_SIGNALS.isdisjoint(headers):
        return False
    return any(headers.get(name, b"").strip() == b"1" for name in _PRIVACY_SIGNALS)
