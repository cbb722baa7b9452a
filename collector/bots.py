"""Bot detection by User-Agent: bots with name and category, and HTTP libraries."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
HEADLESS = "headless"

CATEGORY_LABELS = {
    HEADLESS: "Headless browser",
    "ai": "AI crawler",
    "search": "Search engine",
    "preview": "Link preview",
    "monitor": "Monitor",
    "scanner": "Security scanner",
    "advertising": "Advertising",
    "feed": "Feed reader",
    "archiver": "Archiver",
    "academic": "Research",
    "seo": "SEO",
    "library": "Download tool",
    "other": "Other bot",
}
"""Label of every bot category, by priority: a crawler with several tags gets the category that comes first here."""

_CATEGORY_BY_TAG = {
    "browser-automation": HEADLESS,
    "ai-crawler": "ai",
    "search-engine": "search",
    "social-preview": "preview",
    "monitoring": "monitor",
    "feed-reader": "feed",
    "http-library": "library",
}

# HTTP libraries are server-side senders, not bots, though isbot lists most of them.
_LIBRARY_PATTERN = re.compile(
    r"^(?!.*(?:bot\b|crawl|spider|mastodon))(?:(?:curl|libcurl|wget|python|python-requests|python-urllib3?|python-httpx"
    r"|requests|aiohttp|httpx|urllib\d?|pycurl|axios|node|node-fetch|node\.js|undici|got|bun|deno|superagent|needle|ky"
    r"|go-http-client|go-resty|resty|fasthttp|okhttp|java|java-http-client|apache-httpclient|apache-httpasyncclient"
    r"|spring|ktor|ktor-client|dart|ruby|faraday|httparty|rest-client|typhoeus|httprb|http\.rb|guzzlehttp|guzzle|php"
    r"|php-curl-class|symfony|laravel|reqwest|ureq|hyper|isahc|libwww-perl|lwp|mojolicious|restsharp|flurl|\.net|dotnet"
    r"|powershell|hackney|finch|tesla|elixir|mint|erlang|postmanruntime|insomnia|httpie|bruno|brunoruntime|hoppscotch"
    r"|cpp-httplib|cpr|libsoup|alamofire|urlsession)(?=[/ (;,]|$)|.*windowspowershell/"
    r"|.*\b(?:python-requests|aiohttp|guzzlehttp|okhttp)/\d)",
    re.IGNORECASE | re.ASCII,
)
_TOKEN = re.compile(r"[\w.\-]*$", re.ASCII)
_TOKEN_REST = re.compile(r"[\w.\-]*", re.ASCII)
_COMPATIBLE_PATTERN = re.compile(r"compatible;\s*([A-Za-z][\w.\- ]{1,40})", re.ASCII)
_PRODUCT_PATTERN = re.compile(r"\b(?!Mozilla\b)([A-Za-z][\w.\-]{1,40})", re.ASCII)


def is_library(user_agent: str) -> bool:
    """Returns True for an HTTP library and for an empty User-Agent, which no browser sends."""
    return not user_agent or _LIBRARY_PATTERN.search(user_agent) is not None


def is_bot(user_agent: str) -> bool:
    return _bot_pattern().search(user_agent) is not None


def name_and_category(user_agent: str) -> tuple[str, str]:
    """Returns a bot's name ("GPTBot") and category (a key of CATEGORY_LABELS).

    Unlisted bots are named by the first product in their User-Agent.
    """
    for pattern, category in _crawler_patterns():
        if match := pattern.search(user_agent):
            return _name(user_agent, match), category
    return _product(user_agent), HEADLESS if "headless" in user_agent.lower() else "other"


def _name(user_agent: str, match: re.Match[str]) -> str:
    """Returns the word around the match, without its version.

    Inside a URL that is no name: the first product is used instead.
    """
    prefix_match, suffix_match = _TOKEN.search(user_agent, 0, match.start()), _TOKEN_REST.match(user_agent, match.end())
    start = prefix_match.start() if prefix_match else match.start()
    word = user_agent[start : suffix_match.end() if suffix_match else match.end()]
    if "://" in word or user_agent[max(0, start - 1) : start] in {"/", "@", "+"}:
        return _product(user_agent)
    name = word.strip(" /(),;.-_").split("/")[0].removesuffix(".com")
    return name[:60] or _product(user_agent)


def _product(user_agent: str) -> str:
    match = _COMPATIBLE_PATTERN.search(user_agent) or _PRODUCT_PATTERN.search(user_agent)
    return match.group(1).strip() if match else user_agent[:40]


@cache
def _bot_pattern() -> re.Pattern[str]:
    return re.compile("|".join(_read_data("isbot.json")["patterns"]), re.IGNORECASE | re.ASCII)


@cache
def _crawler_patterns() -> list[tuple[re.Pattern[str], str]]:
    """Returns (pattern, category) of all crawlers.

    Compiled lazily, for the first bot: 1,500 patterns take 0.2 s.
    """
    patterns = []
    for pattern, *tags in _read_data("crawlers.json")["crawlers"]:
        categories = {_CATEGORY_BY_TAG.get(tag, tag) for tag in tags}
        category = next((category for category in CATEGORY_LABELS if category in categories), "other")
        patterns.append((re.compile(pattern), category))
    return patterns


def _read_data(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))
