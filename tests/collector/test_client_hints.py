"""Client hints complete a frozen User-Agent, and change neither the daily visitor nor a User-Agent that says all."""

from __future__ import annotations

import pytest

from collector.client_hints import split_client_hints, user_agent_with_hints
from collector.user_agent import classify

ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {ENGINE}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {ENGINE}"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {ENGINE}"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {ENGINE}"
CHROME = '"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"'
BRAVE = '"Brave";v="141", "Not?A_Brand";v="8", "Chromium";v="141"'


def headers(
    user_agent: str, brands: str = CHROME, platform: str = "", version: str = "", mobile: str = "?0"
) -> dict[bytes, bytes]:
    sent = {
        b"user-agent": user_agent,
        b"sec-ch-ua": brands,
        b"sec-ch-ua-platform": platform,
        b"sec-ch-ua-platform-version": version,
        b"sec-ch-ua-mobile": mobile,
    }
    return {name: value.encode() for name, value in sent.items() if value}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (headers(WINDOWS, CHROME, '"Windows"', '"15.0.0"'), "Chrome|Windows 11|Desktop"),
        (headers(WINDOWS, CHROME, '"Windows"', '"10.0.0"'), "Chrome|Windows 10|Desktop"),
        (headers(WINDOWS, CHROME, '"Windows"'), "Chrome|Windows 10 or 11|Desktop"),
        (headers(WINDOWS, BRAVE, '"Windows"'), "Brave|Windows 10 or 11|Desktop"),
        (headers(MAC, CHROME, '"macOS"', '"15.1.0"'), "Chrome|macOS 15.1|Desktop"),
        (headers(MAC, CHROME, '"macOS"'), "Chrome|macOS 10.15 or later|Desktop"),
        (headers(ANDROID, CHROME, '"Android"', '"15.0.0"'), "Chrome|Android 15|Tablet"),
        (headers(LINUX, CHROME, '"Android"', mobile="?1"), "Chrome|Android |Mobile"),
        (headers(LINUX, CHROME, '"Linux"', '"6.8.0"'), "Chrome|Linux |Desktop"),
    ],
)
def test_hints_say_what_the_user_agent_hides(sent: dict[bytes, bytes], expected: str) -> None:
    agent = classify(user_agent_with_hints(sent))
    assert f"{agent.browser}|{agent.platform} {agent.platform_version}|{agent.device}" == expected
    assert not agent.is_bot


def test_a_headless_brand_is_a_bot() -> None:
    agent = classify(user_agent_with_hints(headers(LINUX, '"HeadlessChrome";v="141", "Chromium";v="141"', '"Linux"')))
    assert (agent.is_bot, agent.bot_name, agent.bot_category) == (True, "HeadlessChrome", "headless")


@pytest.mark.parametrize(
    "sent",
    [
        headers(WINDOWS, CHROME, '"Windows"'),
        headers(WINDOWS, "", "", "", ""),
        headers(WINDOWS, "\x00[hints: ];;=", '"Plan 9"', '"x"'),
        headers(WINDOWS, CHROME, '"Windows"', '"0.0.0"'),
    ],
)
def test_a_user_agent_stays_as_it_was_where_hints_say_no_more(sent: dict[bytes, bytes]) -> None:
    assert user_agent_with_hints(sent) == WINDOWS


def test_the_browsers_own_text_is_recovered() -> None:
    completed = user_agent_with_hints(headers(WINDOWS, BRAVE, '"Windows"', '"15.0.0"'))
    assert completed == f"{WINDOWS} [hints: browser=Brave/141; platform=Windows/11]"
    assert split_client_hints(completed) == (
        WINDOWS,
        {"browser": "Brave", "browser_version": "141", "platform": "Windows", "platform_version": "11"},
    )
    assert split_client_hints(WINDOWS) == (WINDOWS, {})


@pytest.mark.parametrize(
    "forged",
    [
        "device=Cheap watches",
        f"browser={'x' * 300}/1",
        "browser=<b>bold</b>; platform=Nowhere/9",
        "platform=Windows/11",  # but without its end
    ],
)
def test_a_sender_cannot_write_hints_of_its_own_form(forged: str) -> None:
    end = "" if forged == "platform=Windows/11" else "]"
    text = f"{WINDOWS} [hints: {forged}{end}"
    agent = classify(text)
    assert (agent.browser, agent.platform, agent.platform_version) == ("Chrome", "Windows", "10 or 11")
    assert agent.device == "Desktop"
    assert split_client_hints(text) == (text, {})
