"""Known keys become typed fields or leave them empty; the page of a URL."""

from __future__ import annotations

from typing import Any

import pytest

from collector.known_fields import FIELD_CONVERTERS, canonical_user_id, page_and_host
from tests.collector.conftest import CollectorHarness


@pytest.mark.parametrize(
    ("url", "page", "host"),
    [
        ("/pricing", "/pricing", None),
        ("/pricing?ref=x#top", "/pricing", None),
        ("https://www.Example.com/pricing?x=1#top", "/pricing", "example.com"),
        ("https://example.com", "/", "example.com"),
        ("https://example.com?x", "/", "example.com"),
        ("//example.com/a", "//example.com/a", None),  # a path, whatever it begins with
        ("pricing/team", "/pricing/team", None),
        ("?x=1", "/", None),
        ("/app#/settings/team?tab=1", "/app#/settings/team", None),
        ("/#!/about", "/#!/about", None),
        ("/a:b", "/a:b", None),
        ("capacitor://localhost/home", "/home", "localhost"),
        ("about:blank", None, None),
        ("mailto:ada@example.com", None, None),
        ("javascript:void(0)", None, None),
        ("", None, None),
        ("  ", None, None),
    ],
)
def test_a_page_is_the_path_without_query_and_fragment(url: str, page: str | None, host: str | None) -> None:
    assert page_and_host(url) == (page, host)


def test_query_keys_of_the_property_belong_to_the_page() -> None:
    assert page_and_host("/watch?v=42&utm_source=x&t=1#top", ("v", "id")) == ("/watch?v=42", None)
    assert page_and_host("/watch?utm_source=x", ("v",)) == ("/watch", None)


@pytest.mark.parametrize(
    ("sent", "one_form"),
    [(42, "42"), ("42", "42"), (42.0, "42"), (" 42 ", "42"), ("a-b", "a-b"), (4.5, "4.5"), (1 << 62, str(1 << 62))],
)
def test_a_user_has_one_form(sent: Any, one_form: str) -> None:
    assert canonical_user_id(sent) == one_form


@pytest.mark.parametrize("sent", ["", "undefined", "null", None, True, [], {}])
def test_an_empty_user_id_is_no_user(sent: Any) -> None:
    assert canonical_user_id(sent) is None


@pytest.mark.parametrize(
    ("key", "sent", "typed"),
    [
        ("screen_width", 1920, 1920),
        ("screen_width", "1920", 1920),
        ("screen_width", 1919.5, 1920),
        ("screen_width", -1, None),
        ("screen_width", True, None),
        ("screen_width", "wide", None),
        ("scroll_depth", 100, 100),
        ("scroll_depth", 101, None),
        ("time_on_page", 61_000.4, 61_000),
        ("title", " A title ", "A title"),
        ("title", "x" * 5_000, "x" * 1_000),
        ("title", 2026, "2026"),
        ("title", ["x"], None),
        ("utm_source", "undefined", None),
        ("utm_campaign", "", None),
        ("automated", True, True),
        ("automated", 1, False),
    ],
)
def test_a_known_key_is_typed_or_empty(key: str, sent: Any, typed: Any) -> None:
    assert FIELD_CONVERTERS[key](sent) == typed


async def test_an_unusable_value_stays_in_data(harness: CollectorHarness) -> None:
    event = await harness.hit({"title": ["a", "b"], "screen_width": "wide", "url": {"a": 1}})
    assert (event.title, event.screen_width, event.page) == (None, None, None)
    assert event.data == {"title": ["a", "b"], "screen_width": "wide", "url": {"a": 1}}


async def test_the_text_of_a_click_is_cut_or_discarded_and_of_others_it_is_not(harness: CollectorHarness) -> None:
    long = {"text": "t" * 500}
    assert len((await harness.hit(long, event="click")).data["text"]) == 120
    assert len((await harness.hit(long, event="review")).data["text"]) == 500
    harness.directory.set(keeps_click_text=False)
    assert "text" not in (await harness.hit(long, event="click")).data


async def test_a_campaign_in_the_address_counts_for_senders_without_a_script(harness: CollectorHarness) -> None:
    event = await harness.hit({"url": "/landing?utm_source=spring+mail&utm_medium=email&utm_source=second&x=100%"})
    assert (event.utm_source, event.utm_medium, event.page) == ("spring mail", "email", "/landing")
    event = await harness.hit({"url": "/landing?utm_source=a", "utm_source": "b"})
    assert event.utm_source == "b"


async def test_the_own_host_is_no_referrer(harness: CollectorHarness) -> None:
    own = {"url": "https://example.com/b", "referrer": "https://www.example.com/a"}
    assert (await harness.hit(own)).referrer is None
    foreign = own | {"referrer": "https://www.blog.example/post?secret=1"}
    assert (await harness.hit(foreign)).referrer == "blog.example"


async def test_the_hostname_comes_from_the_event_then_the_url_then_the_origin(harness: CollectorHarness) -> None:
    origin = {"origin": "https://c.example"}
    assert (
        await harness.hit({"hostname": "A.example:80", "url": "https://b.example/"}, **origin)
    ).hostname == "a.example"
    assert (await harness.hit({"url": "https://b.example/"}, **origin)).hostname == "b.example"
    assert (await harness.hit({"url": "/"}, **origin)).hostname == "c.example"
    assert (await harness.hit({"url": "/"})).hostname is None
