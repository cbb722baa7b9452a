"""Traffic acquisition: referrer host, source name and GA4 default channel of a visit; referrer spam."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from collector.bounded_cache import bounded_lru_cache
from collector.campaign import CLICK_SYSTEMS
from collector.url_normalisation import is_host_character, normalise_host

DATA = Path(__file__).parent / "data"

DIRECT = "Direct"
REFERRAL = "Referral"
CHANNELS = (
    DIRECT, "Organic search", "Paid search", "AI assistants", "Organic social", "Paid social", "Email", REFERRAL,
    "Video", "Paid video", "Display", "Affiliates", "Shopping", "Paid shopping", "Audio", "SMS", "Push",
    "Cross-network", "Paid other", "Unassigned",
)  # fmt: skip
"""All channels."""

_ORGANIC_CHANNELS = {
    "ai": "AI assistants",
    "search": "Organic search",
    "social": "Organic social",
    "video": "Video",
    "email": "Email",
    "shopping": "Shopping",
}
_PAID_CHANNELS = {
    "ai": "Paid other",
    "search": "Paid search",
    "social": "Paid social",
    "video": "Paid video",
    "shopping": "Paid shopping",
}
_HOST_PATTERN = re.compile(r"(?=.{1,253}$)[\w](?:[\w\-]*[\w])?(?:\.[\w](?:[\w\-]*[\w])?)*")
_MAX_HOST_LENGTH = 253
_COUNTRY_DOMAIN_PATTERN = re.compile(r"(?:(?:com?|org|net|gov|edu|ac)\.)?[a-z]{2}|com|org|net")
_PAID_MEDIUM_PATTERN = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_SHOP_CAMPAIGN_PATTERN = re.compile(r".*(?:(?:[^a-df-z]|^)shop|shopping).*")
_SOCIAL_MEDIA = {"social", "social-network", "social-media", "sm", "social network", "social media"}
_SPAM_HOSTS = frozenset(
    host
    for line in (DATA / "spam.txt").read_text(encoding="utf-8").splitlines()
    if (host := line.strip()) and not line.startswith("#")
)
_DISPLAY_MEDIA = {"display", "banner", "expandable", "interstitial", "cpm"}
_EMAIL_MEDIA = {"email", "e-mail", "e_mail", "e mail", "newsletter"}
_AFFILIATE_MEDIA = {"affiliate", "affiliates"}
_MOBILE_LABELS = {"m", "mobile", "wap"}
_SEARCH_LABELS = _MOBILE_LABELS | {
    *("busca", "buscador", "hledani", "image", "images", "pesquisa", "recherche", "ricerca", "search", "suche"),
    *("szukaj", "video", "videos"),
}
"""Subdomains of a search engine where it searches."""
_SERVICE_LABELS = {
    *("account", "accounts", "admin", "api", "auth", "business", "console", "dev", "developer", "developers"),
    *("docs", "drive", "help", "login", "platform", "signin", "sso", "status", "support"),
}
"""Subdomains that are other services of a source's owner: auth.openai.com is no AI assistant."""


class KnownSource(NamedTuple):
    """A source listed in data/sources.toml."""

    name: str
    kind: str  # a table of sources.toml: ai, search, social, video, email, shopping


@bounded_lru_cache(8_192)
def host_of(text: str) -> str | None:
    """Returns the bare host of a URL or host, or None.

    Lower case, in Unicode, without `www.`, user and port.
    """
    _, slashes, rest = text.strip().partition("://")
    rest = rest if slashes else text.strip().removeprefix("//")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = authority.lower()
    if host.startswith("["):  # an IPv6 address
        return host.partition("]")[0][1:40] or None
    host = normalise_host(host.partition(":")[0].rstrip(".")).removeprefix("www.")
    return host if _HOST_PATTERN.fullmatch(host) or _is_unicode_host(host) else None


def _is_unicode_host(host: str) -> bool:
    """Returns True for hosts with marks and joiners, which are no letters to a regular expression."""
    return (
        not host.isascii()
        and len(host) <= _MAX_HOST_LENGTH
        and all(label and all(map(is_host_character, label)) for label in host.split("."))
    )


@bounded_lru_cache(8_192)
def referrer_host(raw: str, own_host: str | None) -> str | None:
    """Returns the referrer's bare host; None for direct visits and the own host."""
    if ":" in raw and not re.match(r"(?:https?|android-app|ios-app)://|[^/:]+:\d+(?:/|$)", raw.strip(), re.IGNORECASE):
        return None  # about:blank, javascript:, file:
    host = host_of(raw)
    own_bare_host = own_host and normalise_host(own_host).removeprefix("www.")
    return None if host == own_bare_host else host


@bounded_lru_cache(16_384)
def source_and_channel(
    referrer: str | None,
    utm_source: str | None,
    utm_medium: str | None,
    utm_campaign: str | None = None,
    click_id: str | None = None,
) -> tuple[str | None, str]:
    """Returns a display name ("Google", "blog.example.com"; None when direct) and one of CHANNELS.

    `referrer` is a bare host from `referrer_host`. UTM parameters take precedence over the referrer. `click_id` is the
    name of one: where its advertising system fits the source, the visit is paid; where there is no source, it is one.
    """
    source, medium, campaign = utm_source or "", utm_medium or "", utm_campaign or ""
    system = CLICK_SYSTEMS.get(click_id or "")
    if system and not source and not referrer:
        source = system.source
    listed_source = known_source(source or referrer or "")
    name = listed_source.name if listed_source else source or referrer or None
    kind = listed_source.kind if listed_source else ""
    medium = medium.lower().strip()
    if system and system.medium and (name == system.source or name in system.fits):
        # An ad's own campaign may name another medium; these are channels of their own.
        medium = medium if medium in _DISPLAY_MEDIA | _EMAIL_MEDIA | _AFFILIATE_MEDIA else system.medium
    channel = _channel(kind, source.lower(), medium, campaign.lower())
    if channel is None:
        if referrer:
            channel = REFERRAL
        else:
            channel = "Unassigned" if source or medium or campaign else DIRECT
    return name, channel


def _channel(kind: str, source: str, medium: str, campaign: str) -> str | None:
    """Applies GA4's default channel grouping, in its published order; "AI assistants" is our addition.

    https://support.google.com/analytics/answer/9756891
    """
    is_paid = _PAID_MEDIUM_PATTERN.fullmatch(medium) is not None
    is_shop = kind == "shopping" or _SHOP_CAMPAIGN_PATTERN.fullmatch(campaign) is not None
    if "cross-network" in campaign:
        return "Cross-network"
    if is_paid and is_shop:
        return "Paid shopping"
    if is_paid and kind in _PAID_CHANNELS:
        return _PAID_CHANNELS[kind]
    if medium in _DISPLAY_MEDIA:
        return "Display"
    if is_paid:
        return "Paid other"
    return _unpaid_channel(kind, is_shop, source, medium)


def _unpaid_channel(kind: str, is_shop: bool, source: str, medium: str) -> str | None:
    if medium in _EMAIL_MEDIA or source in _EMAIL_MEDIA:
        return "Email"
    if is_shop:
        return "Shopping"
    if medium in _SOCIAL_MEDIA:
        return "Organic social"
    if kind in _ORGANIC_CHANNELS:
        return _ORGANIC_CHANNELS[kind]
    if "video" in medium:
        return "Video"
    if medium == "organic":
        return "Organic search"
    if medium in {"referral", "app", "link"}:
        return REFERRAL
    if medium in _AFFILIATE_MEDIA:
        return "Affiliates"
    if medium == "audio":
        return "Audio"
    if "sms" in (source, medium):
        return "SMS"
    if medium.endswith("push") or "mobile" in medium or "notification" in medium or source == "firebase":
        return "Push"
    return None


@bounded_lru_cache(8_192)
def known_source(host: str) -> KnownSource | None:
    """Returns the listed source of a host or utm_source, by longest suffix.

    The rules of the list stand at its top.
    """
    host = host.strip().lower().removeprefix("www.")
    if source := _listed(host):
        return source
    labels = host.split(".")
    for index in range(1, len(labels) - 1):
        parent, subdomain = ".".join(labels[index:]), labels[:index]
        if source := _listed(f"*.{parent}"):
            return None if _SERVICE_LABELS.intersection(subdomain) else source
        if source := _listed(parent):
            return source if _covers(source.kind, parent, subdomain) else None
    return None


def _listed(host: str) -> KnownSource | None:
    sources = _sources_by_host()
    return sources.get(host) or (sources.get(wildcard_host(host)) if "." in host else None)


def _covers(kind: str, host: str, subdomain: list[str]) -> bool:
    """Returns whether a listed host of that kind covers a subdomain, given as its labels."""
    if kind == "search":  # images.google.com; uk.search.yahoo.com
        return subdomain[-1] in _SEARCH_LABELS or host.partition(".")[0] in _SEARCH_LABELS
    if kind in {"email", "shopping"}:
        return len(subdomain) == 1 and subdomain[0] in _MOBILE_LABELS
    return not _SERVICE_LABELS.intersection(subdomain)


def wildcard_host(host: str) -> str:
    """Replaces a country domain by `*`: `news.google.co.uk` → `news.google.*`; other hosts stay as they are."""
    labels = host.split(".")
    for label_count in (2, 1):
        name, domain = labels[:-label_count], ".".join(labels[-label_count:])
        if name and _COUNTRY_DOMAIN_PATTERN.fullmatch(domain):
            return ".".join(name) + ".*"
    return host


@lru_cache(maxsize=4_096)
def allows_host(hostnames: tuple[str, ...], host: str) -> bool:
    """Returns True when the host is on the list, with or without `www.`.

    `*.example.com` allows every subdomain.
    """
    for name in hostnames:
        name = normalise_host(name).removeprefix("www.")
        if name == host or (name.startswith("*.") and host.endswith(name[1:]) and len(host) >= len(name)):
            return True
    return False


@lru_cache(maxsize=4_096)
def is_ignored_referrer(ignored_hosts: tuple[str, ...], host: str) -> bool:
    """Returns True when the host or a domain above it is on the list of ignored referrers."""
    names = {normalise_host(name).removeprefix("*.").removeprefix("www.") for name in ignored_hosts}
    labels = host.split(".")
    return any(".".join(labels[start:]) in names for start in range(len(labels)))


@lru_cache(maxsize=8_192)
def is_spam(host: str) -> bool:
    """Returns True for a known referrer-spam host and its subdomains."""
    labels = host.lower().split(".")
    return any(".".join(labels[start:]) in _SPAM_HOSTS for start in range(max(1, len(labels) - 1)))


@cache
def _sources_by_host() -> dict[str, KnownSource]:
    tables = tomllib.loads((DATA / "sources.toml").read_text(encoding="utf-8"))
    return {
        host: KnownSource(name, kind)
        for kind, names in tables.items()
        for name, hosts in names.items()
        for host in hosts
    }
