"""User-Agent parsing: browser, platform, device, and classification as person, bot or HTTP library."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import user_agents

from collector import bots
from collector.client_hints import split_client_hints
from collector.pattern_table import PatternTable

MAX_PARSED_LENGTH = 1_000  # characters; real ones stay under 500

# One browser is one row on a dashboard, whichever device it runs on: the device has a dimension of its own.
_BROWSERS = {
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari (in an app)",
    "Firefox iOS": "Firefox",
    "Opera Touch": "Opera",
    "Opera Tablet": "Opera",
    "Opera Next": "Opera",
    "Yandex Browser": "Yandex",
    "YandexSearch": "Yandex",
    "YandexModule2": "Yandex",
    "IE": "Internet Explorer",
    "IE Large Screen": "Internet Explorer",
    "Google": "Google (in its app)",
    "Facebook": "Facebook (in its app)",
    "Instagram": "Instagram (in its app)",
    "Twitter": "X",
    "Aloha": "Aloha Browser",
    "Baidu Explorer": "Baidu Browser",
    "BlackBerry": "BlackBerry WebKit",
    "Chromium": "Chromium",
    "Ecosia Android": "Ecosia",
    "Ecosia iOS": "Ecosia",
    "NetFront NX": "NetFront",
    "QQ Browser Mini": "QQ Browser",
    "HiBrowser": "Hi Browser",
    "UP.Browser": "Openwave",
    "Nokia Services (WAP) Browser": "Nokia Browser",
    "Iceweasel": "Firefox",
    "Bon Echo": "Firefox",
    "GranParadiso": "Firefox",
}
_LINUXES = (
    *("Ubuntu", "Kubuntu", "Fedora", "Debian", "Arch Linux", "Linux Mint", "Red Hat", "SUSE", "Gentoo", "CentOS"),
    *("Mandriva", "Mageia", "Slackware", "Sony", "LG"),  # Sony and LG: the Linux of their televisions
)
_PLATFORMS = {
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
    "ATV OS X": "tvOS",
    "Chromecast Linux": "Chromecast",
    "Chromecast Android": "Android",
} | dict.fromkeys(_LINUXES, "Linux")
# Browsers freeze these versions: later ones say the same.
_FROZEN_VERSIONS = {("Windows", "10"): "10 or 11", ("macOS", "10.15"): "10.15 or later"}
_DESKTOP_PLATFORMS = frozenset({"macOS", "Windows", "Linux", "ChromeOS", "FreeBSD", "OpenBSD", "NetBSD", "Solaris"})
_TABLET_FAMILIES = frozenset({"iPad", "Kindle", "BlackBerry Playbook", "Galaxy Tab", "Xoom"})
_VERSION_PATTERN = re.compile(r"\]?[/ :_]?v?(\d+(?:\.\d+)?)", re.ASCII)
_BOT_WORD_PATTERN = re.compile(r"bot\b|spider|crawl", re.IGNORECASE)
_FACEBOOK_VERSION_PATTERN = re.compile(r"\bFBAV/(\d+\.\d+)", re.ASCII)


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
    is_library: bool = False  # an HTTP library: a server-side sender, and a bot where it claims page views
    library_name: str = ""  # "curl"


def classify(text: str) -> UserAgent:
    """Parses and classifies a User-Agent. Never raises; an empty one is a server-side sender.

    Cached: parsing costs 300 µs once per text.
    """
    return _classify_cached(text[:MAX_PARSED_LENGTH])


@lru_cache(maxsize=8_192)
def _classify_cached(text: str) -> UserAgent:
    text, hints = split_client_hints(text)
    if bots.is_library(text):
        return UserAgent(is_library=True, library_name=bots.library_name(text))
    parsed = user_agents.parse(text)
    browser, browser_version = _browser(text, parsed.browser)
    platform, platform_version = _platform(text, parsed.os)
    if platform == "iOS" and "Macintosh" in text:  # Chrome on an iPad that asks for desktop pages
        platform, platform_version = "macOS", "10.15"
    if browser == "Safari" and platform == "Linux":  # there is no Safari for Linux
        browser = "Epiphany"
    agent = UserAgent(
        browser=browser,
        browser_version=browser_version,
        platform=platform,
        platform_version=_FROZEN_VERSIONS.get((platform, platform_version), platform_version),
    )
    bot_text = hints["browser"] if "Headless" in hints.get("browser", "") else text
    if bots.is_bot(bot_text):
        name, category = bots.name_and_category(bot_text)
        return replace(agent, is_bot=True, bot_name=name, bot_category=category)
    if _BOT_WORD_PATTERN.search(browser):  # the model of a phone, such as "M bot 54"
        browser_family = user_agents.parse(bots.without_people_words(text)).browser
        browser, browser_version = _browser(text, browser_family)
    return replace(
        agent,
        browser=hints.get("browser", browser),
        browser_version=hints.get("browser_version", browser_version),
        platform=hints.get("platform", agent.platform),
        platform_version=hints.get("platform_version", agent.platform_version),
        device=hints.get("device") or _device(text, platform, parsed),
    )


def _browser(text: str, parsed: Any) -> tuple[str, str]:
    """Returns name and version of the browser: of the app that contains it, else by ua-parser."""
    if match := _table("browsers").search(text):
        facebook_version = _FACEBOOK_VERSION_PATTERN.search(text)
        return match[0], _version_after(match[1]) or (facebook_version.group(1) if facebook_version else "")
    family = parsed.family
    if family.startswith("Firefox ("):  # Minefield, Shiretoko: names of versions to come
        family = "Firefox"
    name = _BROWSERS.get(family) or family.removesuffix(" Mobile")
    return _name_or_empty(name), _major_minor(parsed.version_string)


def _platform(text: str, parsed: Any) -> tuple[str, str]:
    if match := _table("platforms").search(text):
        return match[0], _version_after(match[1])
    return _name_or_empty(_PLATFORMS.get(parsed.family, parsed.family)), _major_minor(parsed.version_string)


def _device(text: str, platform: str, parsed: Any) -> str:
    device = next((device for device, pattern in _device_patterns() if pattern.search(text)), "")
    if parsed.device.family in _TABLET_FAMILIES and device != "TV":
        return "Tablet"
    if device in {"TV", "Tablet"}:
        return device
    if platform in _DESKTOP_PLATFORMS:
        return "Desktop" if parsed.is_pc or not device else device
    if device or parsed.is_mobile:
        return device or "Mobile"
    if platform == "Android":  # Android's own rule: phones say "Mobile"
        return "Tablet"
    return "Desktop" if parsed.is_pc or "X11" in text else ""


def _version_after(match: re.Match[str]) -> str:
    version = _VERSION_PATTERN.match(match.string, match.end())
    return version.group(1) if version else ""


@cache
def _table(section: str) -> PatternTable:
    return PatternTable(bots.agents()[section].items())


@cache
def _device_patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (device, re.compile("|".join(patterns), re.IGNORECASE | re.ASCII))
        for device, patterns in bots.agents()["devices"].items()
    ]


def is_library_page_view(agent: UserAgent, event: str, user_id: str | None) -> bool:
    """Returns True for a page view that an HTTP library claims for no known visitor: a bot.

    Its custom events are those of a server. `agent` is the visitor's where the library names one as data.user_agent.
    """
    return agent.is_library and event == "page_view" and user_id is None


def is_automated(agent: UserAgent, reports_automation: bool) -> bool:
    """Returns True for an automated browser: headless, or reporting `navigator.webdriver`.

    A property may count automated browsers like people.
    """
    return agent.bot_category == bots.HEADLESS if agent.is_bot else reports_automation


def _name_or_empty(name: str) -> str:
    return "" if name == "Other" else name


def _major_minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
