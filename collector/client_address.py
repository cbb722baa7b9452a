"""Client address behind trusted proxies; origin, prefetch and privacy headers."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from collector.acquisition import host_of
from collector.bounded_cache import bounded_lru_cache

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]
Network = IPv4Network | IPv6Network
FORWARDING_HEADERS = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
"""Headers that are read from trusted proxies."""
NAMED_HEADERS = frozenset(
    {
        b"cf-connecting-ip", b"fly-client-ip", b"true-client-ip", b"x-client-ip", b"x-cluster-client-ip",
        b"fastly-client-ip", b"do-connecting-ip", b"x-appengine-user-ip", b"x-azure-clientip",
        b"x-nf-client-connection-ip", b"x-envoy-external-address", b"x-original-forwarded-for",
        b"x-vercel-forwarded-for", b"cf-connecting-ipv6",
    }
)  # fmt: skip
"""Headers in which CDNs and platforms send the client's address; one is read where the owner names it."""
_ADDRESS_HEADERS = FORWARDING_HEADERS | NAMED_HEADERS
UNREAD_REQUESTS = 3
"""As many trusted requests in a row must have a header that is not read before the owner is asked: visitors can send
it too, but not with every request."""
_FORWARDED_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^",;]*)\s*(;|,|$)')
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


class AddressRule(StrEnum):
    """Why a request's client address is the one that was chosen."""

    PEER = "peer"  # nothing in between, as far as headers show
    FORWARDED = "forwarded"  # a trusted proxy names it in a header
    FORGEABLE = "forgeable"  # the peer's: it has forwarding headers, but is no trusted proxy
    UNTRUSTED_PROXY = "untrusted proxy"  # none: a private peer that is not trusted forwards it
    UNNAMED = "unnamed"  # none: a trusted proxy names no address that can be read


@dataclass(frozen=True)
class AddressChoice:
    """The client address of one request, and the rule by which it was chosen."""

    address: str | None
    rule: AddressRule
    header: str = ""  # in lower case, of FORWARDED


class ClientAddressResolver:
    """Resolves the client's address: the peer's, or the one forwarded by a trusted proxy.

    Addresses are never logged. `untrusted_proxy` is a private peer that forwards without being trusted: the UI asks
    the owner to trust it. `unread_header` names a header with another address that trusted proxies send: the UI asks
    the owner whether to read it. `header` is the one header to read, in lower case; "" reads FORWARDING_HEADERS.
    """

    def __init__(self, trusted: Sequence[Network] = (), header: str = "") -> None:
        self._trusted_networks = self._configured_networks = tuple(trusted)
        self._configured_header = header.lower().encode()
        self._header = self._configured_header
        self._address_headers = _ADDRESS_HEADERS | {self._header}
        self._unread_counts: dict[bytes, int] = {}
        self.untrusted_proxy: str | None = None
        self.unread_header: str | None = None

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

    def use_header(self, header: str) -> None:
        """Reads this header, unless one is configured; "" reads FORWARDING_HEADERS."""
        name = self._configured_header or header.lower().encode()
        if name != self._header:
            self._header, self._address_headers = name, _ADDRESS_HEADERS | {name}
            self._unread_counts, self.unread_header = {}, None

    def is_trusted(self, address: str) -> bool:
        """Returns True when a canonical address belongs to a trusted proxy."""
        return self._is_trusted(address)

    def resolve(self, peer: str | None, headers: dict[bytes, bytes], all_headers: Headers) -> str | None:
        """Returns the client's address, or None when only an untrusted proxy knows it."""
        address = canonical_ip(peer) if peer else None
        if address is None:
            return None
        if self._address_headers.isdisjoint(headers):
            # A trusted proxy that forwards no address: its own is not its visitors'. Without a sign of a proxy the
            # request is this machine's own.
            return None if self._is_trusted(address) and is_proxied(headers) else address
        if self._is_trusted(address):
            client = self._forwarded_client(address, headers, all_headers)
            if not NAMED_HEADERS.isdisjoint(headers) or self._unread_counts:
                self._note_unread_headers(client, headers)
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

    def explain(self, peer: str | None, headers: dict[bytes, bytes], all_headers: Headers) -> AddressChoice:
        """Returns what `resolve` does, with the rule that it followed."""
        address, client = canonical_ip(peer) if peer else None, self.resolve(peer, headers, all_headers)
        if address is not None and self._is_trusted(address):
            header, hops = self._forwarding_header(headers, all_headers)
            if hops and client is not None:
                return AddressChoice(client, AddressRule.FORWARDED, header.decode())
            return AddressChoice(client, AddressRule.UNNAMED if client is None else AddressRule.PEER)
        if client is None:
            return AddressChoice(None, AddressRule.UNTRUSTED_PROXY)
        is_direct = self._address_headers.isdisjoint(headers)
        return AddressChoice(client, AddressRule.PEER if is_direct else AddressRule.FORGEABLE)

    def _forwarded_client(self, peer: str, headers: dict[bytes, bytes], all_headers: Headers) -> str | None:
        """Returns the client that a trusted peer names: in the chosen header where it sends that, else as usual.

        None: it names none that can be read.
        """
        _, hops = self._forwarding_header(headers, all_headers)
        if hops:
            return self._rightmost_untrusted(hops)
        # An empty header, or only one that is not read.
        return peer if NAMED_HEADERS.isdisjoint(headers) else None

    def _forwarding_header(self, headers: dict[bytes, bytes], all_headers: Headers) -> tuple[bytes, list[str]]:
        """Returns the header that is read, and the hops in it; no hops without such a header."""
        for header in (self._header, b"x-forwarded-for", b"forwarded", b"x-real-ip"):
            if header in headers:
                text = b",".join(value for name, value in all_headers if name == header).decode("latin-1")
                hops = forwarded_hops(text) if header == b"forwarded" else text.split(",")
                if hops := [hop.strip() for hop in hops if hop.strip()]:
                    return header, hops
        return b"", []

    def _rightmost_untrusted(self, hops: Sequence[str]) -> str | None:
        """Returns the right-most untrusted hop: everything left of it can be forged. None: it is not an address."""
        client = None
        for hop in reversed(hops):
            client = canonical_ip(hop)
            if client is None or not self._is_trusted(client):
                break
        return client

    def _note_unread_headers(self, client: str | None, headers: dict[bytes, bytes]) -> None:
        """Counts the requests in a row that have another address in a header that is not read."""
        counts = {}
        for name in NAMED_HEADERS & headers.keys():
            address = canonical_ip(headers[name].decode("latin-1"))
            if name != self._header and address is not None and address != client:
                counts[name] = self._unread_counts.get(name, 0) + 1
                if counts[name] >= UNREAD_REQUESTS and self.unread_header is None and not self._configured_header:
                    self.unread_header = name.decode()
                    log.warning(
                        "The trusted proxy sends visitors' addresses in a header that is not read."
                        " Choose it in the UI, or name it in PROPRIUM_CLIENT_IP_HEADER.",
                        extra={"header": self.unread_header},
                    )
        self._unread_counts = counts


def forwarded_hops(text: str) -> list[str]:
    """Returns the `for` of each hop of a Forwarded header (RFC 7239); "unknown" where a hop has none.

    A header with a syntax error is one unknown hop, because the proxy may not have written any of its addresses.
    """
    hops: list[str] = []
    position, hop = 0, "unknown"
    while position < len(text):
        if (match := _FORWARDED_PAIR.match(text, position)) is None:
            return ["unknown"]
        if match[1].lower() == "for":
            hop = re.sub(r"\\(.)", r"\1", match[2].strip('"')) if match[2].startswith('"') else match[2].strip()
        if match[3] != ";":
            hops.append(hop or "unknown")
            hop = "unknown"
        if match.end() == position:
            break
        position = match.end()
    return hops


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
