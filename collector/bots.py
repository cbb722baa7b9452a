"""Bot detection by User-Agent: bots with name and category, and HTTP libraries."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from collector.pattern_table import PatternTable

DATA = Path(__file__).parent / "data"
HEADLESS = "headless"
LIBRARY = "library"

CATEGORY_LABELS = {
    HEADLESS: "Headless browser",
    "ai": "AI crawler or agent",
    "search": "Search engine",
    "preview": "Link preview",
    "monitor": "Monitor",
    "scanner": "Security scanner",
    "advertising": "Advertising",
    "feed": "Feed reader",
    "archiver": "Archiver",
    "academic": "Research",
    "seo": "SEO",
    LIBRARY: "HTTP library",
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
    "http-library": LIBRARY,
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
_COMPATIBLE_PATTERN = re.compile(r"compatible[;,]\s*(\d*[A-Za-z][\w.\-! ]{1,40})", re.ASCII)
_PRODUCT_PATTERN = re.compile(r"(?<![\w.@/:%\-])(\d*[A-Za-z][\w.\-!]{1,40})(?=[/ ;:,)(]|$)", re.ASCII)
_COMMENT_PATTERN = re.compile(r"\([^()]*\)")
_HOST_PATTERN = re.compile(r"(?:https?://(?:www\.)?|@)([\w.\-]+)", re.ASCII | re.IGNORECASE)
# Products and platforms that bots copy from browsers: none of them is a bot's name.
_COMMON_PRODUCTS = re.compile(
    r"(?:mozilla|applewebkit|webkit|khtml|like|gecko|geckotrail|chrome|chromium|safari|firefox|version|mobile|tablet|opera"
    r"|presto|opr|edge?|edg[ae]?|msie|trident|iemobile|netscape|seamonkey|crios|fxios|linux|x11|x86(?:_64)?|ubuntu|debian"
    r"|fedora|windows|win(?:32|64|nt)?|x64|wow64|nt|macintosh|intel|mac|os|iphone|ipad|ipod|cpu|android|build|u|compatible"
    r"|unknown|en|en-us|en-gb|de|fr|zh-cn|i[3-6]86|amd64|arm\w*|aarch64|wv|mmb29p|nexus|pixel|desktop|darwin|cfnetwork"
    r"|net|clr|slcc\d|media|center|pc|\.net\w*|rv|r?v?[\d._]+\w?|the|an|and|for|by|from|user-agent|http|https|html|platform)",
    re.IGNORECASE | re.ASCII,
)
_UNNAMED = "Unnamed bot"


def is_library(user_agent: str) -> bool:
    """Returns True for an HTTP library and for an empty User-Agent, which no browser sends."""
    return not user_agent or _LIBRARY_PATTERN.search(user_agent) is not None


def library_name(user_agent: str) -> str:
    """Returns the name of an HTTP library: "curl", "python-requests", or "No User-Agent"."""
    if not user_agent:
        return "No User-Agent"
    first_product = _PRODUCT_PATTERN.search(user_agent)
    return _first_name(user_agent) or (first_product.group(1) if first_product else user_agent[:40])


def is_bot(user_agent: str) -> bool:
    """Returns True for a bot: listed, or not a person's and matched by a pattern of isbot."""
    if _own_bots().search(user_agent):
        return True
    if _people_patterns()[1].search(user_agent):
        return False
    return _bot_pattern().search(without_people_words(user_agent)) is not None


def without_people_words(user_agent: str) -> str:
    """Removes device models and other words of people's User-Agents that read like a bot's name."""
    return _people_patterns()[0].sub(" ", user_agent)


def name_and_category(user_agent: str) -> tuple[str, str]:
    """Returns a bot's name ("GPTBot") and category (a key of CATEGORY_LABELS).

    Unlisted bots are named by the first product in their User-Agent that no browser has.
    """
    if own_bot := _own_bots().search(user_agent):
        name, _, category = own_bot[0].rpartition(":")
        return name, category
    fallback: tuple[str, str] | None = None
    for pattern, category in _crawler_patterns():
        if match := pattern.search(user_agent):
            if name := _name(user_agent, match):
                return name, category
            fallback = fallback or (_first_name(user_agent) or _host_name(user_agent), category)
    return fallback or (
        _first_name(user_agent) or _host_name(user_agent),
        HEADLESS if "headless" in user_agent.lower() else "other",
    )


def _name(user_agent: str, match: re.Match[str]) -> str:
    """Returns the word around the match, without its version; empty inside a URL and for a browser's product."""
    prefix_match, suffix_match = _TOKEN.search(user_agent, 0, match.start()), _TOKEN_REST.match(user_agent, match.end())
    start = prefix_match.start() if prefix_match else match.start()
    word = user_agent[start : suffix_match.end() if suffix_match else match.end()]
    if "://" in word or user_agent[max(0, start - 1) : start] in {"/", "@", "+"}:
        return ""
    name = word.strip(" /(),;.-_").split("/")[0].removesuffix(".com")[:60]
    return "" if _COMMON_PRODUCTS.fullmatch(name) else name


def _first_name(user_agent: str) -> str:
    """Returns the first product that no browser has: after `compatible;`, outside of comments, or in one."""
    without_comments = _COMMENT_PATTERN.sub(" ", user_agent)
    names = (
        match.group(1).strip()
        for text, pattern in (
            (user_agent, _COMPATIBLE_PATTERN),
            (without_comments, _PRODUCT_PATTERN),
            (user_agent, _PRODUCT_PATTERN),
        )
        for match in pattern.finditer(text)
    )
    return next((name for name in names if not all(map(_COMMON_PRODUCTS.fullmatch, name.split()))), "")


def _host_name(user_agent: str) -> str:
    match = _HOST_PATTERN.search(user_agent)
    return match.group(1) if match else _UNNAMED


@cache
def agents() -> dict[str, Any]:
    """Reads our own table of User-Agents, agents.toml."""
    return tomllib.loads((DATA / "agents.toml").read_text(encoding="utf-8"))


@cache
def _people_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Returns the patterns of parts, and of whole texts, that are a person's though isbot matches them."""
    people = agents()["people"]
    return (
        re.compile("|".join(people["patterns"]), re.IGNORECASE | re.ASCII),
        re.compile("|".join(people["whole"]), re.IGNORECASE | re.ASCII),
    )


@cache
def _own_bots() -> PatternTable:
    """Returns the bots in our own table, named "name:category"."""
    return PatternTable(
        (
            (f"{name}:{category}", pattern)
            for category, patterns in agents()["bots"].items()
            for name, pattern in patterns.items()
        ),
        re.IGNORECASE,
    )


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
