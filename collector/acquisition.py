"""Where a visitor came from: the bare host of a referrer, a source for people, and GA4's default channel."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from collector.bounded_cache import remembered

DATA = Path(__file__).parent / "data"

DIRECT = "Direct"
REFERRAL = "Referral"
CHANNELS = (
    DIRECT, "Organic search", "Paid search", "AI assistants", "Organic social", "Paid social", "Email", REFERRAL,
    "Video", "Paid video", "Display", "Affiliates", "Shopping", "Paid shopping", "Audio", "SMS", "Push",
    "Cross-network", "Paid other", "Unassigned",
)  # fmt: skip
"""Every channel there is."""

_ORGANIC = {
    "ai": "AI assistants",
    "search": "Organic search",
    "social": "Organic social",
    "video": "Video",
    "email": "Email",
    "shopping": "Shopping",
}
_PAID = {
    "ai": "Paid other",
    "search": "Paid search",
    "social": "Paid social",
    "video": "Paid video",
    "shopping": "Paid shopping",
}
_HOST = re.compile(r"(?=.{1,253}$)[\w](?:[\w\-]*[\w])?(?:\.[\w](?:[\w\-]*[\w])?)*")
_COUNTRY_DOMAIN = re.compile(r"(?:(?:com?|org|net|gov|edu|ac)\.)?[a-z]{2}|com|org|net")
_PAID_MEDIUM = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_SHOP_CAMPAIGN = re.compile(r".*(?:(?:[^a-df-z]|^)shop|shopping).*")
_SOCIAL_MEDIA = {"social", "social-network", "social-media", "sm", "social network", "social media"}
_DISPLAY = {"display", "banner", "expandable", "interstitial", "cpm"}
_EMAIL = {"email", "e-mail", "e_mail", "e mail", "newsletter"}


class Known(NamedTuple):
    """A well-known source."""

    name: str
    kind: str  # a table of sources.toml: ai, search, social, video, email, shopping


@remembered(8_192)
def host_of(text: str) -> str | None:
    """The bare host of an address or of a host: lower case, without `www.`, user and port. None when there is none."""
    _, slashes, rest = text.strip().partition("://")
    rest = rest if slashes else text.strip().removeprefix("//")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = authority.lower()
    if host.startswith("["):  # an IPv6 address
        return host.partition("]")[0][1:40] or None
    host = host.partition(":")[0].rstrip(".").removeprefix("www.")
    return host if _HOST.fullmatch(host) else None


@remembered(8_192)
def referrer_host(raw: str, own_host: str | None) -> str | None:
    """The host that sent the visitor; None for a direct visit, and for the page's own host."""
    if ":" in raw and not re.match(r"(?:https?|android-app|ios-app)://|[^/:]+:\d+(?:/|$)", raw.strip(), re.IGNORECASE):
        return None  # about:blank, javascript:, file:
    host = host_of(raw)
    own = own_host and own_host.lower().removeprefix("www.")
    return None if host == own else host


def source_and_channel(
    referrer: str | None, utm_source: str | None, utm_medium: str | None, utm_campaign: str | None = None
) -> tuple[str | None, str]:
    """A name for people ("Google", "blog.example.com"; None when direct), and one of CHANNELS.

    `referrer` is a bare host as `referrer_host` gives it. The campaign's own words win over the referrer.
    """
    return _source_and_channel(referrer or "", utm_source or "", utm_medium or "", utm_campaign or "")


@remembered(16_384)
def _source_and_channel(referrer: str, utm_source: str, utm_medium: str, utm_campaign: str) -> tuple[str | None, str]:
    known = known_source(utm_source) if utm_source else known_source(referrer)
    source = known.name if known else utm_source or referrer or None
    kind = known.kind if known else ""
    channel = _channel(kind, utm_source.lower(), utm_medium.lower().strip(), utm_campaign.lower())
    if channel:
        return source, channel
    if referrer:
        return source, REFERRAL
    return source, "Unassigned" if utm_source or utm_medium or utm_campaign else DIRECT


def _channel(kind: str, source: str, medium: str, campaign: str) -> str | None:
    """GA4's default channel grouping in the order of its published definition; AI assistants are our addition.

    https://support.google.com/analytics/answer/9756891
    """
    is_paid = _PAID_MEDIUM.fullmatch(medium) is not None
    is_shop = kind == "shopping" or _SHOP_CAMPAIGN.fullmatch(campaign) is not None
    if "cross-network" in campaign:
        return "Cross-network"
    if is_paid and is_shop:
        return "Paid shopping"
    if is_paid and kind in _PAID:
        return _PAID[kind]
    if medium in _DISPLAY:
        return "Display"
    if is_paid:
        return "Paid other"
    return _organic(kind, is_shop, source, medium)


def _organic(kind: str, is_shop: bool, source: str, medium: str) -> str | None:
    if medium in _EMAIL or source in _EMAIL:
        return "Email"
    if is_shop:
        return "Shopping"
    if medium in _SOCIAL_MEDIA:
        return "Organic social"
    if kind in _ORGANIC:
        return _ORGANIC[kind]
    if "video" in medium:
        return "Video"
    return _by_medium(source, medium)


def _by_medium(source: str, medium: str) -> str | None:
    if medium == "organic":
        return "Organic search"
    if medium in {"referral", "app", "link"}:
        return REFERRAL
    if medium in {"affiliate", "affiliates"}:
        return "Affiliates"
    if medium == "audio":
        return "Audio"
    if "sms" in (source, medium):
        return "SMS"
    if medium.endswith("push") or "mobile" in medium or "notification" in medium or source == "firebase":
        return "Push"
    return None


@remembered(8_192)
def known_source(host: str) -> Known | None:
    """The well-known source of a host (or of a utm_source): the longest suffix of it that the table knows."""
    host = host.strip().lower().removeprefix("www.")
    table = _table()
    while host:
        rest = host.partition(".")[2]
        if found := table.get(host) or (table.get(_pattern(host)) if rest else None):
            return found
        host = rest if "." in rest else ""
    return None


def _pattern(host: str) -> str:
    """`google.co.uk` → `google.*`, `news.google.de` → `news.google.*`; the host itself without a country domain."""
    labels = host.split(".")
    for count in (2, 1):
        name, domain = labels[:-count], ".".join(labels[-count:])
        if name and _COUNTRY_DOMAIN.fullmatch(domain):
            return ".".join(name) + ".*"
    return host


@lru_cache(maxsize=8_192)
def is_spam(host: str) -> bool:
    """True for a host that sends invented referrers, and for everything below it."""
    labels = host.lower().split(".")
    return any(".".join(labels[first:]) in _spam() for first in range(max(1, len(labels) - 1)))


@cache
def _table() -> dict[str, Known]:
    tables = tomllib.loads((DATA / "sources.toml").read_text(encoding="utf-8"))
    return {
        host: Known(name, kind) for kind, names in tables.items() for name, hosts in names.items() for host in hosts
    }


@cache
def _spam() -> frozenset[str]:
    lines = (DATA / "spam.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
