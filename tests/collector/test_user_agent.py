"""Browsers, platforms and devices of real User-Agents; bots by name and category; HTTP libraries."""

from __future__ import annotations

import json
import re
import warnings

import pytest

from collector.bots import CATEGORY_LABELS, DATA
from collector.data_update import to_python_pattern
from collector.user_agent import classify

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
BROWSERS = {
    f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15": "Safari macOS Desktop",
    f"{MAC} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36": "Chrome macOS Desktop",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
    " Edg/141.0.0.0": "Edge Windows Desktop",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0": "Firefox Linux Desktop",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":
        "Chrome ChromeOS Desktop",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
    " Mobile/15E148 Safari/604.1": "Safari iOS Mobile",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1": "Chrome iOS Mobile",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148"
    " Safari/604.1": "Safari iOS Tablet",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36":
        "Chrome Android Mobile",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":
        "Chrome Android Tablet",
    "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0": "Firefox Android Mobile",
    "Mozilla/5.0 (Linux; Android 15; SM-S928B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0"
    " Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet Android Mobile",
    "Mozilla/5.0 (SMART-TV; LINUX; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 TV"
    " Safari/537.36": "Samsung Internet Tizen TV",
    "Mozilla/5.0 (Linux; Android 9; AFTKA) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.4.1 like Chrome/120.0.6099.1"
    " Safari/537.36": "Amazon Silk Android TV",
}  # fmt: skip

BOTS = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Googlebot", "search"),
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0"
    " Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Googlebot", "search"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
    " Chrome/116.0.1938.76 Safari/537.36": ("bingbot", "search"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":
        ("GPTBot", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)":
        ("ClaudeBot", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)":
        ("ChatGPT-User", "ai"),
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": ("AhrefsBot", "seo"),
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)": ("SemrushBot", "seo"),
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)": ("UptimeRobot", "monitor"),
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": ("facebookexternalhit", "preview"),
    "Twitterbot/1.0": ("Twitterbot", "preview"),
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)": ("Slackbot-LinkExpanding", "preview"),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36":
        ("HeadlessChrome", "headless"),
    "Mozilla/5.0 (compatible; NobodyKnowsThisBot/3.1; +https://nobody.example)": ("NobodyKnowsThisBot", "other"),
}  # fmt: skip

LIBRARIES = [
    "", "curl/8.11.0", "Wget/1.21.4", "python-requests/2.32.3", "Python-urllib/3.13", "Python/3.12 aiohttp/3.10.5",
    "python-httpx/0.28.1", "axios/1.7.9", "node", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "undici",
    "Go-http-client/2.0", "okhttp/4.12.0", "Apache-HttpClient/4.5.14 (Java/17.0.9)", "Java/21.0.1", "GuzzleHttp/7",
    "Ruby", "Faraday v2.12.0", "PostmanRuntime/7.43.0", "reqwest/0.12.9", "Dart/3.5 (dart:io)", "libwww-perl/6.77",
    "Deno/2.1.4", "Bun/1.1.38", "RestSharp/112.1.0.0", "HTTPie/3.2.4",
    "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.963",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BROWSERS.items(), ids=BROWSERS.values())
def test_a_real_browser_is_recognised_and_is_no_bot(text: str, expected: str) -> None:
    agent = classify(text)
    assert f"{agent.browser} {agent.platform} {agent.device}" == expected
    assert not agent.is_bot
    assert not agent.is_library
    assert agent.browser_version


@pytest.mark.parametrize(
    ("text", "expected"), BOTS.items(), ids=lambda value: value[0] if isinstance(value, tuple) else ""
)
def test_a_bot_has_a_name_and_a_kind_but_no_device(text: str, expected: tuple[str, str]) -> None:
    agent = classify(text)
    assert agent.is_bot
    assert (agent.bot_name, agent.bot_category) == expected
    assert agent.bot_category in CATEGORY_LABELS
    assert agent.device == ""


@pytest.mark.parametrize("text", LIBRARIES)
def test_a_program_is_a_sender_and_no_bot(text: str) -> None:
    agent = classify(text)
    assert agent.is_library
    assert not agent.is_bot


@pytest.mark.parametrize("text", ["Googlebot-Image/1.0", "Googlebot/2.1", "python-crawlerbot", "GotBot/1.0", "JavaBot"])
def test_a_bot_that_begins_like_a_library_is_still_a_bot(text: str) -> None:
    assert classify(text).is_bot


@pytest.mark.parametrize("text", ["\0", "x" * 5_000, "(((((", "Mozilla/5.0 (", "\u202e", "\n", "Mozilla/" * 900])
def test_odd_texts_are_harmless(text: str) -> None:
    assert classify(text) == classify(text)


def test_patterns_of_javascript_become_patterns_of_python() -> None:
    assert to_python_pattern(r"(?<!a|bb)c") == r"(?<!a)(?<!bb)c"
    assert to_python_pattern(r"[\w\d-.]") == r"[\w\d\-.]"
    assert to_python_pattern(r"[\w\-]+") == r"[\w\-]+"


@pytest.mark.parametrize(("name", "licence"), [("isbot.json", "Unlicense"), ("crawlers.json", "MIT")])
def test_the_lists_name_their_source(name: str, licence: str) -> None:
    listed = json.loads((DATA / name).read_text(encoding="utf-8"))
    assert listed["licence"] == licence
    assert listed["source"].endswith(f"@{listed['version']}")


def test_every_pattern_is_one_of_python() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a nested set is a warning today and something else tomorrow
        for listed in (
            json.loads((DATA / name).read_text(encoding="utf-8")) for name in ("isbot.json", "crawlers.json")
        ):
            for pattern in listed.get("patterns") or [pattern for pattern, *_ in listed["crawlers"]]:
                re.compile(pattern)
