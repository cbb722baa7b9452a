"""Bare hosts, known sources, and the channel of a visit."""

from __future__ import annotations

import pytest

from collector.acquisition import CHANNELS, host_of, is_spam, known_source, referrer_host, source_and_channel


@pytest.mark.parametrize(
    ("raw", "expected"),
    {
        "https://www.Google.com/search?q=x": "google.com",
        "http://user:secret@blog.example:8080/x": "blog.example",
        "blog.example": "blog.example",
        "//cdn.example/x": "cdn.example",
        "localhost:3000": "localhost",
        "http://[2001:db8::1]:80/": "2001:db8::1",
        "android-app://com.google.android.gm/": "com.google.android.gm",
        "https://bücher.example/": "bücher.example",
        "https://shop.example./": "shop.example",
        "about:blank": None,
        "javascript:alert(1)": None,
        "file:///etc/passwd": None,
        "data:text/html,x": None,
        "": None,
        "https://": None,
        "http://a b/": None,
        "https://www.example.com/self": None,
    }.items(),
)
def test_a_referrer_is_cut_to_its_bare_host(raw: str, expected: str | None) -> None:
    assert referrer_host(raw, "example.com") == expected


def test_a_host_has_no_user_port_or_path() -> None:
    assert host_of("https://a@b@WWW.Host.Example:99\\path?x#y") == "host.example"


@pytest.mark.parametrize(
    ("host", "name", "kind"),
    [
        ("google.de", "Google", "search"),
        ("google.co.uk", "Google", "search"),
        ("news.google.com", "Google News", "search"),
        ("gemini.google.com", "Gemini", "ai"),
        ("mail.google.com", "Gmail", "email"),
        ("uk.search.yahoo.com", "Yahoo", "search"),
        ("l.facebook.com", "Facebook", "social"),
        ("t.co", "X", "social"),
        ("old.reddit.com", "Reddit", "social"),
        ("m.youtube.com", "YouTube", "video"),
        ("chatgpt.com", "ChatGPT", "ai"),
        ("copilot.microsoft.com", "Copilot", "ai"),
        ("amazon.co.jp", "Amazon", "shopping"),
        ("com.google.android.gm", "Gmail", "email"),
    ],
)
def test_well_known_sources_are_known_by_their_hosts(host: str, name: str, kind: str) -> None:
    assert known_source(host) == (name, kind)


@pytest.mark.parametrize(
    "host", ["google.evil.com", "notgoogle.com", "box.com", "x.company", "microsoft.com", "localhost"]
)
def test_similar_hosts_are_not_taken_for_a_source(host: str) -> None:
    assert known_source(host) is None


@pytest.mark.parametrize(
    ("referrer", "utm", "expected"),
    [
        (None, (None, None), (None, "Direct")),
        ("google.com", (None, None), ("Google", "Organic search")),
        ("blog.example", (None, None), ("blog.example", "Referral")),
        ("chatgpt.com", (None, None), ("ChatGPT", "AI assistants")),
        ("facebook.com", (None, None), ("Facebook", "Organic social")),
        ("youtube.com", (None, None), ("YouTube", "Video")),
        ("mail.google.com", (None, None), ("Gmail", "Email")),
        ("etsy.com", (None, None), ("Etsy", "Shopping")),
        (None, ("google", "cpc"), ("Google", "Paid search")),
        ("google.com", ("google", "CPC"), ("Google", "Paid search")),
        (None, ("facebook", "paid_social"), ("Facebook", "Paid social")),
        (None, ("youtube", "cpc"), ("YouTube", "Paid video")),
        (None, ("amazon", "ppc"), ("Amazon", "Paid shopping")),
        (None, ("somewhere", "retargeting"), ("somewhere", "Paid other")),
        (None, ("google", "display"), ("Google", "Display")),
        (None, ("partner", "banner"), ("partner", "Display")),
        (None, ("newsletter", None), ("Newsletter", "Email")),
        ("mail.google.com", ("spring", "email"), ("spring", "Email")),
        (None, ("partner", "affiliate"), ("partner", "Affiliates")),
        (None, ("chatgpt.com", None), ("ChatGPT", "AI assistants")),
        (None, ("someone", "social"), ("someone", "Organic social")),
        (None, ("someone", "organic"), ("someone", "Organic search")),
        (None, ("someone", "referral"), ("someone", "Referral")),
        (None, ("sms", None), ("sms", "SMS")),
        (None, ("app", "push"), ("app", "Push")),
        (None, ("podcast", "audio"), ("podcast", "Audio")),
        (None, ("flyer", "print"), ("flyer", "Unassigned")),
        ("blog.example", ("flyer", "print"), ("flyer", "Referral")),
    ],
)
def test_the_channel_follows_the_campaign_then_the_referrer(
    referrer: str | None, utm: tuple[str | None, str | None], expected: tuple[str | None, str]
) -> None:
    assert source_and_channel(referrer, *utm) == expected
    assert expected[1] in CHANNELS


def test_a_campaign_may_decide_the_channel() -> None:
    assert source_and_channel("google.com", "google", "cpc", "summer-shopping")[1] == "Paid shopping"
    assert source_and_channel(None, "google", "cpc", "Cross-network 1")[1] == "Cross-network"
    assert source_and_channel("google.com", None, None, "workshop")[1] == "Organic search"


def test_spam_covers_its_subdomains_and_nothing_else() -> None:
    assert is_spam("semalt.com")
    assert is_spam("100.semalt.com")
    assert not is_spam("notsemalt.com")
    assert not is_spam("example.com")
    assert not is_spam("localhost")
