"""Addresses of a tracked site: its host, and links to its pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]{2,}|localhost|127\.0\.0\.1")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1"})
_KEPT_CHARACTERS = "/?&=%:@!$'(),;~-._#+"
SCHEMES = frozenset({"http", "https"})
"""Schemes that a link to a tracked page may have; event data could hold any."""


def site_host(hostnames: Sequence[str], name: str) -> str:
    """Returns the host of a property's site: its first hostname, else its name if that is one; "" if unknown."""
    candidates = (*hostnames, name.strip().lower())
    return next((candidate for candidate in candidates if is_host(candidate)), "")


def is_host(text: str) -> bool:
    """Returns True for a host name without wildcards."""
    return _HOST.fullmatch(text) is not None


def page_url(host: str, page: str | None) -> str:
    """Returns the URL of a tracked page; "" where it has none.

    Pages are paths, or complete URLs where a site sends those; no link leads to another host, which anyone could send.
    A page with a * stands for a group of pages.
    """
    if not host or not page or "*" in page or not page.isprintable():
        return ""
    if page.startswith("/"):
        scheme = "http" if host in _LOOPBACK_HOSTS else "https"
        return f"{scheme}://{host}{quote(page, safe=_KEPT_CHARACTERS)}"
    scheme, separator, rest = page.partition("://")
    try:
        is_safe = scheme in SCHEMES and bool(separator) and urlsplit(page).netloc == host
    except ValueError:
        return ""
    return f"{scheme}://{quote(rest, safe=_KEPT_CHARACTERS)}" if is_safe else ""
