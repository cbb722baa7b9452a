"""Browsers, platforms and devices of real User-Agents; bots by name and category; HTTP libraries."""

from __future__ import annotations

import json
import re
import warnings

import pytest

from collector.bots import CATEGORY_LABELS, DATA
from collector.data_update import to_python_pattern
from collector.user_agent import classify, is_library_page_view

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
ANDROID_APP = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/129.0.0.0 Mobile Safari/537.36"
)
IPHONE_APP = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
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

# "browser|platform|device"; None: not looked at
DEVICES = {
    # Browsers that pretend
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141 Version/11.1.1"
    " Safari/605.1.15": ("Chrome", "macOS", "Desktop"),
    "Mozilla/5.0 (X11; FreeBSD amd64; rv:143.0) Gecko/20100101 Firefox/143.0": ("Firefox", "FreeBSD", "Desktop"),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":
        ("Epiphany", "Linux", "Desktop"),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
    " Epiphany/605.1.15": ("Epiphany", "Linux", "Desktop"),
    # Phones and tablets
    "Opera/9.80 (Android; Opera Mini/36.2.2254/191.303; U; en) Presto/2.12.423 Version/12.16":
        ("Opera Mini", "Android", "Mobile"),
    "Mozilla/5.0 (Android 14; Tablet; rv:143.0) Gecko/143.0 Firefox/143.0": ("Firefox", "Android", "Tablet"),
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.106 Mobile"
    " DuckDuckGo/5 Safari/537.36": ("DuckDuckGo", "Android", "Mobile"),
    f"Mozilla/5.0 (Linux; Android 10; K) {CHROME}": ("Chrome", "Android", "Tablet"),
    "Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00; HMSCore 6.13.0.302) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/114.0.5735.196 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36": ("Huawei Browser", "HarmonyOS", "Mobile"),
    "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36"
    " ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.4.300": ("Huawei Browser", "HarmonyOS", "Mobile"),
    "Mozilla/5.0 (Tablet; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36"
    " ArkWeb/4.1.6.1 HuaweiBrowser/5.0.4.300": ("Huawei Browser", "HarmonyOS", "Tablet"),
    "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5": ("Firefox", "KaiOS", "Mobile"),
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; Touch; Tablet PC 2.0; rv:11.0) like Gecko":
        ("Internet Explorer", "Windows", "Desktop"),
    "Mozilla/5.0 (Linux; Android 14; AQUOS sense8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile"
    " Safari/537.36": ("Chrome", "Android", "Mobile"),
    # E-readers
    "Mozilla/5.0 (X11; Linux armv7l like Android) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36"
    " Kindle/5.17": ("Kindle", None, "Tablet"),
    "Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) AppleWebKit/531.2+ (KHTML, like Gecko) Version/5.0"
    " Safari/533.2+ Kindle/3.0+": ("Kindle", None, "Tablet"),
    "Mozilla/5.0 (Linux; U; Android 2.0; en-us;) AppleWebKit/538.1 (KHTML, like Gecko) Version/4.0 Mobile Safari/538.1"
    " (Kobo Touch 0377/4.38.21908)": (None, None, "Tablet"),
    # Televisions and consoles
    "AppleTV11,1/11.1": (None, "tvOS", "TV"),
    "Mozilla/5.0 (Linux armv7l) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/84.0.4147.140 Safari/537.36"
    " OPR/46.0.2207.0 OMI/4.21.4.112.Catcher4.69 Model/Hisense-MT9602 VIDAA/5.0(Hisense;SmartTV;55A52FEVS;MTK9602)":
        (None, "VIDAA", "TV"),
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/87.0.4280.88 Safari/537.36"
    " WebAppManager": ("Chrome", "webOS", "TV"),
    "Roku/DVP-14.0 (14.0.4.5006)": (None, "Roku OS", "TV"),
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0"
    " Safari/605.1.15": (None, "PlayStation", "TV"),
    "Mozilla/5.0 (PlayStation 4 11.00) AppleWebKit/605.1.15 (KHTML, like Gecko)": (None, "PlayStation", "TV"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0": ("Edge", "Xbox", "TV"),
    "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 (KHTML, like Gecko) NF/6.0.1.15.4"
    " NintendoBrowser/5.1.0.20393": (None, "Nintendo", "TV"),
    # People whom a list calls bots
    "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile"
    " Safari/537.36": ("Chrome", "Android", "Mobile"),
    "Mozilla/5.0 (Linux; U; Android 4.2.2; it-it; S222 Build/CUBOT) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0"
    " Mobile Safari/534.30": ("Android", "Android", "Mobile"),
    "Mozilla/5.0 (Linux; Android 7.0; M bot 54) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.96 Mobile"
    " Safari/537.36": ("Chrome", "Android", "Mobile"),
    "Mozilla/5.0 (Linux; Android 14; DISCOVERY_2_ME) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile"
    " Safari/537.36": ("Chrome", "Android", "Mobile"),
    "Mozilla/5.0 (Linux; Android 11; Xming Google TV Build/RTM7.230903.079; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Version/4.0 Chrome/129.0.6668.102 Mobile Safari/537.36": ("Android WebView", "Android", "TV"),
    "Opera/9.80 (Linux mips; U; HbbTV/1.1.1 (; Humax; hdr1000s; 1.0.0; 1.0.0; ); ce-html/1.0; xx) Presto/2.10.250"
    " Version/11.60": (None, "Linux", "TV"),
    "Mozilla/5.0 (Linux; Android 11; M2012K11AC Build/RKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/86.0.4240.99 XWEB/3195 Mobile Safari/537.36 MMWEBID/1 MicroMessenger/8.0.16.2040(0x28001056)"
    " Process/tools WeChat/arm64 Weixin NetType/4G": ("WeChat", "Android", "Mobile"),
    # Browsers inside apps
    f"{ANDROID_APP} [FB_IAB/Orca-Android;FBAV/475.0.0.45.107;]": ("Messenger", "Android", "Mobile"),
    f"{IPHONE_APP} [FBAN/MessengerForiOS;FBAV/480.0.0.31.106;FBDV/iPhone14,5]": ("Messenger", "iOS", "Mobile"),
    f"{ANDROID_APP} [FB_IAB/FB4A;FBAV/475.0.0.45.107;]": ("Facebook (in its app)", "Android", "Mobile"),
    f"{IPHONE_APP} Instagram 350.0.0.32.92 (iPhone14,5; iOS 18_1)": ("Instagram (in its app)", "iOS", "Mobile"),
    f"{ANDROID_APP} [LinkedInApp]/4.1.990": ("LinkedIn", "Android", "Mobile"),
    f"{IPHONE_APP} [LinkedInApp]/9.29.8962": ("LinkedIn", "iOS", "Mobile"),
    f"{IPHONE_APP} MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN": ("WeChat", "iOS", "Mobile"),
    f"{IPHONE_APP} musical_ly_34.9.0 JsSdk/2.0 NetType/WIFI Channel/App Store": ("TikTok", "iOS", "Mobile"),
    f"{IPHONE_APP} Safari/604.1 Line/14.15.0": ("LINE", "iOS", "Mobile"),
    f"{IPHONE_APP} Twitter for iPhone/10.50": ("X", "iOS", "Mobile"),
    f"{ANDROID_APP} [Pinterest/Android]": ("Pinterest", "Android", "Mobile"),
    # One row for each family of browsers
    "Mozilla/5.0 (Linux; U; Android 13; zh-cn; 22041211AC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/109.0.5414.86 MQQBrowser/14.6 Mobile Safari/537.36": ("QQ Browser", "Android", "Mobile"),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
    " Vivaldi/7.6": ("Vivaldi", "Linux", "Desktop"),
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
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
    " Safari/605.1.15 (Applebot-Extended/0.1; +http://www.apple.com/go/applebot)": ("Applebot-Extended", "ai"),
    "meta-externalfetcher/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)":
        ("meta-externalfetcher", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amazonbot/0.1;"
    " +https://developer.amazon.com/support/amazonbot) Chrome/119.0.6045.214 Safari/537.36": ("Amazonbot", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amzn-User/0.1) Chrome/119.0.6045.214 Safari/537.36":
        ("Amzn-User", "ai"),
    "Mozilla/5.0 (compatible; Diffbot/0.1; +http://www.diffbot.com)": ("Diffbot", "ai"),
    "Timpibot/0.8 (+http://www.timpi.io)": ("Timpibot", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; OAI-SearchBot/1.3; +https://openai.com/searchbot)":
        ("OAI-SearchBot", "ai"),
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0; +Claude-User@anthropic.com)":
        ("Claude-User", "ai"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0"
    " Safari/537.36 DebugBear": ("DebugBear", "monitor"),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36 GTmetrix":
        ("GTmetrix", "monitor"),
    "kube-probe/1.29": ("kube-probe", "monitor"),
    "ELB-HealthChecker/2.0": ("ELB-HealthChecker", "monitor"),
    "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)": ("Bluesky Cardyb", "preview"),
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Prerender (+https://github.com/prerender/prerender)":
        ("Prerender", "other"),
    # Named by what no browser has: a product behind the browser's, one in a comment, else the host of the URL
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} AcmeRenderBot/2.1": ("AcmeRenderBot", "other"),
    f"Mozilla/5.0 (X11; Linux x86_64; AcmeCrawler) {CHROME}": ("AcmeCrawler", "other"),
    "Mozilla/5.0 (compatible; 1001FirmsBot/1.0; +https://www.1001firms.com/bot.php)": ("1001FirmsBot", "other"),
    "Mozilla/5.0 (crawl@acme.example)": ("acme.example", "other"),
    f"Mozilla/5.0 (X11; Linux x86_64; +https://www.acme.example/crawl.html) {CHROME}": ("acme.example", "other"),
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


@pytest.mark.parametrize(("text", "expected"), DEVICES.items(), ids=[f"{value}" for value in DEVICES.values()])
def test_a_device_of_any_kind_is_recognised_and_is_a_person(
    text: str, expected: tuple[str | None, str | None, str]
) -> None:
    agent = classify(text)
    values = (agent.browser, agent.platform, agent.device)
    assert (
        tuple(
            value if expected_value is not None else None
            for value, expected_value in zip(values, expected, strict=True)
        )
        == expected
    )
    assert not agent.is_bot
    assert not agent.is_library


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", "10 or 11"),
        (f"Mozilla/5.0 (Windows NT 6.1; Win64; x64) {CHROME}", "7"),
        (f"{MAC} {CHROME}", "10.15 or later"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) {CHROME}", "10.14"),
    ],
)
def test_a_frozen_version_says_which_versions_it_may_be(text: str, expected: str) -> None:
    assert classify(text).platform_version == expected


def test_a_bot_on_a_device_with_a_bots_name_is_still_found() -> None:
    agent = classify("Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (compatible; AcmeSpider/1.0)")
    assert (agent.is_bot, agent.bot_name) == (True, "AcmeSpider")


def test_a_page_view_of_a_library_is_a_bots_and_its_custom_event_a_servers() -> None:
    curl, browser = classify("curl/8.11.0"), classify(next(iter(BROWSERS)))
    assert curl.library_name == "curl"
    assert is_library_page_view(curl, "page_view", None)
    assert not is_library_page_view(curl, "page_view", "ada")
    assert not is_library_page_view(curl, "order", None)
    assert not is_library_page_view(browser, "page_view", None)


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
