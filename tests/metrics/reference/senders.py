"""Browser, device, source and place of a hit, by tables of the User-Agents and sources in the tests."""

from __future__ import annotations

import re
from typing import NamedTuple


class Agent(NamedTuple):
    browser: str | None = None
    platform: str | None = None
    device: str | None = None
    bot: str | None = None  # its name; None: no known bot
    bot_category: str | None = None
    is_library: bool = False  # a program's HTTP client
    browser_version: str | None = None  # "Chrome 140"
    platform_version: str | None = None  # "iOS 18.1"


BOTS = {  # a part of the text → name, category
    "Googlebot/": ("Googlebot", "search"),
    "bingbot/": ("bingbot", "search"),
    "GPTBot/": ("GPTBot", "ai"),
    "ClaudeBot/": ("ClaudeBot", "ai"),
    "PerplexityBot/": ("PerplexityBot", "ai"),
    "AhrefsBot/": ("AhrefsBot", "seo"),
    "SemrushBot/": ("SemrushBot", "seo"),
    "UptimeRobot/": ("UptimeRobot", "monitor"),
    "facebookexternalhit/": ("facebookexternalhit", "preview"),
    "HeadlessChrome/": ("HeadlessChrome", "headless"),
}
LIBRARIES = ("curl/", "python-requests/")
BROWSERS = {  # the first part that the text has
    "HeadlessChrome/": "HeadlessChrome",
    "OPR/": "Opera",
    "OPT/": "Opera",
    "Edg/": "Edge",
    "SamsungBrowser/": "Samsung Internet",
    "YaBrowser/": "Yandex",
    "Snapchat/": "Snapchat",
    "Ddg/": "DuckDuckGo",
    "Brave": "Brave",
    "GSA/": "Google (in its app)",
    "CriOS/": "Chrome",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "iPhone": "Safari (in an app)",
}
PLATFORMS = {
    "iPhone": "iOS",
    "iPad": "iOS",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
VERSIONS = (r"Version/(\d+)", r"Chrome/(\d+)")
PLATFORM_VERSIONS = (r"(?:iPhone|CPU) OS (\d+_\d+)",)

SOURCES = {  # a host → its name, and the channel of those who come from there without a campaign
    "google.com": ("Google", "Organic search"),
    "bing.com": ("Bing", "Organic search"),
    "duckduckgo.com": ("DuckDuckGo", "Organic search"),
    "chatgpt.com": ("ChatGPT", "AI assistants"),
    "perplexity.ai": ("Perplexity", "AI assistants"),
    "claude.ai": ("Claude", "AI assistants"),
    "news.ycombinator.com": ("Hacker News", "Organic social"),
    "reddit.com": ("Reddit", "Organic social"),
    "github.com": ("GitHub", "Organic social"),
    "linkedin.com": ("LinkedIn", "Organic social"),
    "t.co": ("X", "Organic social"),
    "youtube.com": ("YouTube", "Video"),
    "mastodon.social": ("Mastodon", "Organic social"),
}
CAMPAIGNS = {  # utm_source, utm_medium → the name of the source, the channel
    ("newsletter", "email"): ("Newsletter", "Email"),
    ("google", "cpc"): ("Google", "Paid search"),
    ("linkedin", "paid-social"): ("LinkedIn", "Paid social"),
    ("partner", "affiliate"): ("partner", "Affiliates"),
}
ADVERTISED = {("gclid", None), ("gclid", "google.com")}  # a click id and where it is a paid click


def agent_of(text: str) -> Agent:
    if not text or text.startswith(LIBRARIES):
        return Agent(is_library=True)
    browser, platform = _first(BROWSERS, text), _first(PLATFORMS, text)
    versions = (_with_version(browser, VERSIONS, text), _with_version(platform, PLATFORM_VERSIONS, text))
    for part, (name, category) in BOTS.items():
        if part in text and browser is None:  # a crawler is its own browser
            versions = (_with_version(name, (rf"{part}(\d+)",), text), versions[1])
        if part in text:
            return Agent(browser or name, platform, None, name, category, False, *versions)
    return Agent(browser, platform, _device(text), None, None, False, *versions)


def source_and_channel(
    referrer: str | None, utm_source: str | None, utm_medium: str | None, click_id: str | None
) -> tuple[str | None, str]:
    if utm_source:
        return CAMPAIGNS[utm_source, utm_medium or ""]
    if (click_id, referrer) in ADVERTISED:
        return "Google", "Paid search"
    if referrer is None:
        return None, "Direct"
    return SOURCES.get(referrer, (referrer, "Referral"))


def _device(text: str) -> str:
    if "iPad" in text or ("Android" in text and "Mobile" not in text):
        return "Tablet"
    return "Mobile" if "iPhone" in text or "Android" in text else "Desktop"


def _with_version(name: str | None, patterns: tuple[str, ...], text: str) -> str | None:
    """The name alone where no version is told."""
    version = next((version[1] for pattern in patterns if (version := re.search(pattern, text))), None)
    return name and (f"{name} {version.replace('_', '.')}" if version else name)


def _first(names: dict[str, str], text: str) -> str | None:
    return next((name for part, name in names.items() if part in text), None)
