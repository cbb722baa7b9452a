"""User-Agent parsing: browser, platform, device, and classification as person, bot or HTTP library."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import user_agents

from collector import bots

MAX_PARSED_LENGTH = 1_000  # characters; real ones stay under 500

# One browser is one row on a dashboard, whichever device it runs on: the device has a dimension of its own.
_BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari (in an app)",
    "Chrome Mobile WebView": "Android WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "Opera Touch": "Opera",
    "Yandex Browser": "Yandex",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Google": "Google (in its app)",
    "Facebook": "Facebook (in its app)",
    "Instagram": "Instagram (in its app)",
}
_LINUXES = ("Ubuntu", "Fedora", "Debian", "Arch Linux", "Linux Mint", "Red Hat", "SUSE", "Gentoo", "CentOS", "Mandriva")
_PLATFORMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"} | dict.fromkeys(_LINUXES, "Linux")
_TV_PATTERN = re.compile(
    r"smart-?tv|google ?tv|apple ?tv|android ?tv|hbbtv|netcast|web0s|webos.tv|\btv safari|tizen.+\btv\b|bravia|\bcrkey"
    r"|roku|\bAFT[A-Z]\w*\b|vidaa|viera|aquos|playstation|xbox|nintendo",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A parsed User-Agent. Unknown names are empty; bots and libraries have no device."""

    browser: str = ""
    browser_version: str = ""  # "141.0"
    platform: str = ""
    platform_version: str = ""
    device: str = ""  # Desktop, Mobile, Tablet, TV
    is_bot: bool = False
    bot_name: str = ""
    bot_category: str = ""  # a key of bots.CATEGORY_LABELS
    is_library: bool = False  # an HTTP library: a server-side sender, not a bot


def classify(text: str) -> UserAgent:
    """Parses and classifies a User-Agent. Never raises; an empty one is a server-side sender.

    Cached: parsing costs 300 µs once per text.
    """
    return _classify_cached(text[:MAX_PARSED_LENGTH])


@lru_cache(maxsize=8_192)
def _classify_cached(text: str) -> UserAgent:
    if bots.is_library(text):
        return UserAgent(is_library=True)
    parsed = user_agents.parse(text)
    agent = UserAgent(
        browser=_name_or_empty(_BROWSERS.get(parsed.browser.family, parsed.browser.family)),
        browser_version=_major_minor(parsed.browser.version_string),
        platform=_name_or_empty(_PLATFORMS.get(parsed.os.family, parsed.os.family)),
        platform_version=_major_minor(parsed.os.version_string),
    )
    if bots.is_bot(text):
        name, category = bots.name_and_category(text)
        return replace(agent, is_bot=True, bot_name=name, bot_category=category)
    if _TV_PATTERN.search(parsed.ua_string):
        device = "TV"
    elif parsed.is_tablet:
        device = "Tablet"
    elif parsed.is_mobile:
        device = "Mobile"
    else:
        device = "Desktop" if parsed.is_pc else ""
    return replace(agent, device=device)


def is_automated(agent: UserAgent, reports_automation: bool) -> bool:
    """Returns True for an automated browser: headless, or reporting `navigator.webdriver`.

    A property may count automated browsers like people.
    """
    return agent.bot_category == bots.HEADLESS if agent.is_bot else reports_automation


def _name_or_empty(name: str) -> str:
    return "" if name == "Other" else name


def _major_minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
