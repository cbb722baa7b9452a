"""Client hints of browsers whose User-Agent is frozen: they complete the User-Agent.

Only hints that the request carries anyway are read: no `Accept-CH`, no second request. What they add is kept behind the
User-Agent's text, so that it is stored, classified, and later classified by better rules together with it:

    Mozilla/5.0 (Windows NT 10.0; Win64; x64) … Safari/537.36 [hints: browser=Brave/141; platform=Windows/11]
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from collector.bounded_cache import bounded_lru_cache

_PREFIX = " [hints: "
_BRAND_PATTERN = re.compile(r'"([^"\[\];/=]{1,40})"\s*;\s*v="(\d{1,5})')
# The engine's brands, and those of browsers that name themselves in the User-Agent as well.
_KNOWN_BRANDS = frozenset(
    {
        "Chromium",
        "Google Chrome",
        "Microsoft Edge",
        "Microsoft Edge WebView2",
        "Android WebView",
        "Opera",
        "OperaMobile",
    }
    | {"Opera GX", "Samsung Internet", "Yandex", "YaBrowser", "Vivaldi", "Whale", "Huawei Browser", "HuaweiBrowser"}
)
_PLACEHOLDER_BRAND_PATTERN = re.compile(r"not\W?a\W|brand", re.IGNORECASE)  # "Not?A_Brand" keeps parsers flexible
_PLATFORMS = {  # name in the hint → our name, and the word of the User-Agent that says the same
    "Windows": ("Windows", "Windows NT"),
    "macOS": ("macOS", "Mac OS X"),
    "Android": ("Android", "Android"),
    "Linux": ("Linux", "Linux"),
    "Chrome OS": ("ChromeOS", "CrOS"),
    "Chromium OS": ("ChromeOS", "CrOS"),
}
_HINT_PATTERN = re.compile(
    r'browser=[^"\[\];/=]{1,40}/\d{1,5}|device=Mobile'
    rf"|platform=(?:{'|'.join(sorted({name for name, _ in _PLATFORMS.values()}))})(?:/\d{{1,4}}(?:\.\d{{1,4}})?)?",
    re.ASCII,
)
"""A hint as `user_agent_with_hints` writes it."""
_WINDOWS_11_MIN = 13  # Windows 11 says 13 or more, Windows 10 says 1 to 10: learn.microsoft.com, "Detect Windows 11"


def user_agent_with_hints(headers: Mapping[bytes, bytes]) -> str:
    """Returns the User-Agent header, completed by the client hints that say more."""
    user_agent = headers.get(b"user-agent", b"").decode("latin-1")
    brands = headers.get(b"sec-ch-ua")
    if brands is None:
        return user_agent
    return _complete(
        user_agent,
        brands.decode("latin-1"),
        headers.get(b"sec-ch-ua-platform", b"").decode("latin-1"),
        headers.get(b"sec-ch-ua-platform-version", b"").decode("latin-1"),
        headers.get(b"sec-ch-ua-mobile", b"") == b"?1",
    )


@bounded_lru_cache(8_192)
def _complete(user_agent: str, brands: str, platform_hint: str, version_hint: str, is_mobile: bool) -> str:
    hints = []
    for brand, version in _BRAND_PATTERN.findall(brands):
        if brand not in _KNOWN_BRANDS and not _PLACEHOLDER_BRAND_PATTERN.search(brand):
            hints.append(f"browser={brand}/{version}")
            break
    name = platform_hint.strip('" ')
    if name in _PLATFORMS:
        platform, word = _PLATFORMS[name]
        if version := _platform_version(name, version_hint.strip('" ')):
            hints.append(f"platform={platform}/{version}")
        elif word not in user_agent:
            hints.append(f"platform={platform}")
    if is_mobile and "Mobile" not in user_agent:
        hints.append("device=Mobile")
    return f"{user_agent}{_PREFIX}{'; '.join(hints)}]" if hints else user_agent


def _platform_version(platform: str, hint: str) -> str:
    """Returns the version of the platform as people name it: Windows 11, macOS 15.1; empty where unknown."""
    match = re.match(r"(\d{1,4})(?:\.(\d{1,4}))?", hint, re.ASCII)
    if not match or match[1] == "0" or platform == "Linux":
        return ""
    if platform == "Windows":
        return "11" if int(match[1]) >= _WINDOWS_11_MIN else "10"
    return match[1] if platform == "Android" or not match[2] else f"{match[1]}.{match[2]}"


def split_client_hints(text: str) -> tuple[str, dict[str, str]]:
    """Splits a completed User-Agent into the browser's own text and the values that its hints give to UserAgent.

    A sender can write such an end too: one of another form than `user_agent_with_hints` makes is part of the text.
    """
    user_agent, has_hints, end = text.partition(_PREFIX)
    hints = end.removesuffix("]").split("; ")
    if not has_hints or not end.endswith("]") or not all(map(_HINT_PATTERN.fullmatch, hints)):
        return text, {}
    values: dict[str, str] = {}
    for hint in hints:
        key, _, value = hint.partition("=")
        values[key], _, version = value.partition("/")
        if key != "device":
            values[f"{key}_version"] = version
    return user_agent, values
