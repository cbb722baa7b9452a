"""The script's tag: id in the address, several properties, one cookie for subdomains, and tags that cannot work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, Route

from collector.event import Event
from collector.ports import PropertyRules
from collector.tracker_script import SOURCE
from tests.collector.script_site import CHROMIUM, SETTLED_MS, Site, visit, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

VISIT = ["session_start", "page_view"]
SECOND_NUMBER = 9_001
OFF = "Proprium is off: no id or no http page"


@pytest.fixture
def console_messages(page: Page) -> list[tuple[str, str]]:
    """Messages of the console: type and text."""
    messages: list[tuple[str, str]] = []
    page.on("console", lambda message: messages.append((message.type, message.text)))
    return messages


def second_property(site: Site) -> UUID:
    second = uuid4()
    site.directory.rules[second] = PropertyRules(second, SECOND_NUMBER)
    site.sink.events[:] = [event for event in site.sink.events if event.property != SECOND_NUMBER]
    return second


def of_second(site: Site) -> list[Event]:
    return [event for event in site.sink.events if event.property == SECOND_NUMBER]


def as_a_tag_manager(address: str) -> str:
    """A tag whose attributes are lost: a tag manager creates the element and copies nothing but the address."""
    return f"""<title>g</title><script>const script = document.createElement('script');
        script.src = '{address}'; document.head.append(script);</script>"""


def test_the_id_may_stand_in_the_address(site: Site, page: Page) -> None:
    site.html = as_a_tag_manager(f"{site.stats}/collector.js?id={site.property}")
    visit(page, f"{site.url}/a")
    assert [(event.page, event.title) for event in site.wait(*VISIT)] == [("/a", "g")] * 2


@pytest.mark.parametrize("kind", ["module", "text/javascript"])
def test_the_id_may_stand_in_the_address_of_a_tag_in_the_page(site: Site, page: Page, kind: str) -> None:
    site.html = f'<script type="{kind}" src="{site.stats}/collector.js?id={site.property}"></script>'
    visit(page, site.url)
    site.wait(*VISIT)


def test_options_may_stand_in_the_address_too(site: Site, page: Page) -> None:
    site.html = as_a_tag_manager(f"{site.stats}/collector.js?id={site.property}&cookieless&exclude=/admin/*&noClicks")
    visit(page, f"{site.url}/admin/users")
    visit(page, f"{site.url}/a")
    page.click("html")
    page.evaluate("collectorQueue.push('end')")
    assert [(event.event, event.page) for event in site.wait("page_view", "end")] == [
        ("page_view", "/a"),
        ("end", "/a"),
    ]
    assert page.context.cookies() == []


def test_a_version_in_the_address_is_no_option(site: Site, page: Page) -> None:
    address = f"{site.stats}/collector.js?hash=4f3a&cookieless"
    site.html = f'<script defer src="{address}" data-collector-id="{site.property}"></script>'
    visit(page, f"{site.url}/a#/b")
    assert site.wait(*VISIT)[1].page == "/a"
    assert len(page.context.cookies()) == 1


def test_two_tags_serve_two_properties(site: Site, page: Page) -> None:
    second = second_property(site)
    early = "<script>window.collectorQueue = [{event: 'early'}]</script>"
    site.html = early + site.tag() + site.tag().replace(str(site.property), str(second))
    visit(page, f"{site.url}/a")
    page.evaluate("collectorQueue.push({event: 'both'})")
    page.evaluate(f"collectorQueue.push({{event: 'theirs', collectorId: '{second}'}})")
    page.evaluate("history.pushState({}, '', '/b')")
    page.clock.run_for(1_030)
    wait_for(lambda: len(site.events) + len(of_second(site)) == 10, lambda: [e.event for e in site.sink.events])
    assert site.settled() == [*VISIT, "early", "both", "page_view"]
    assert sorted(event.event for event in of_second(site)) == ["both", "early", "page_view", "page_view", "theirs"]
    assert {event.page for event in of_second(site)} == {"/a", "/b"}
    assert {event.user_id for event in (*site.events, *of_second(site))} == {page.context.cookies()[0]["value"]}


def test_a_tag_that_stands_twice_counts_once(site: Site, page: Page) -> None:
    site.html = site.tag() + site.tag() + as_a_tag_manager(f"{site.stats}/collector.js?id={site.property}")
    visit(page, site.url)
    page.evaluate("collectorQueue.push('once')")
    wait_for(lambda: len(site.events) >= 3)
    assert site.settled() == [*VISIT, "once"]


# Subdomains


def shop(page: Page, attributes: str) -> list[Any]:
    """Serves shop.example and all its subdomains with one tag; the events that come, while they come."""
    tag = f'<script src="/collector.js" data-collector-id="{uuid4()}" {attributes}></script>'
    events: list[Any] = []

    def answer(route: Route) -> None:
        path = route.request.url.split("/", 3)[3]
        if path == "collect":
            events.extend(json.loads(route.request.post_data or "[]"))
            route.fulfill(status=204)
        elif path == "collector.js":
            route.fulfill(path=SOURCE)
        else:
            route.fulfill(body=tag, content_type="text/html")

    page.route("**/*", answer)
    return events


@pytest.mark.parametrize(("attributes", "visitors"), [("", 2), ('data-domain="shop.example"', 1)])
def test_one_cookie_serves_all_subdomains_where_the_tag_says_so(page: Page, attributes: str, visitors: int) -> None:
    events = shop(page, attributes)
    for count, url in ((2, "https://shop.example/"), (1 + visitors, "https://www.shop.example/")):
        visit(page, url)
        wait_for(lambda count=count: page.evaluate("1") == 1 and len(events) >= count)  # type: ignore[misc]
    users = [event["data"]["user_id"] for event in events if "data" in event]
    assert len(set(users)) == visitors
    assert [event["event"] for event in events].count("session_start") == visitors
    [cookie, *_] = page.context.cookies("https://shop.example/")
    assert (cookie["domain"], cookie["secure"], cookie["sameSite"]) == (
        ".shop.example" if visitors == 1 else "shop.example",
        True,
        "Lax",
    )


# Tags that cannot work


@pytest.mark.parametrize("id_", ["", "YOUR-PROPERTY-ID"])
def test_a_tag_without_a_property_logs_one_message(
    site: Site, page: Page, console_messages: list[Any], id_: str
) -> None:
    tag = site.tag().replace(str(site.property), id_)
    site.html = tag + tag
    visit(page, site.url)
    page.evaluate("window.collectorQueue.push('x')")
    page.clock.run_for(6_000)
    assert console_messages == [("info", OFF)]
    assert site.settled() == []
    assert page.context.cookies() == []


def test_a_tag_whose_attributes_are_lost_logs_a_message(site: Site, page: Page, console_messages: list[Any]) -> None:
    site.html = as_a_tag_manager(f"{site.stats}/collector.js")
    visit(page, site.url)
    wait_for(lambda: page.evaluate("1") == 1 and console_messages == [("info", OFF)], lambda: console_messages)


def test_a_page_without_a_console_notices_nothing(site: Site, page: Page) -> None:
    site.html = f"<script>window.console = undefined</script>{as_a_tag_manager(f'{site.stats}/collector.js')}"
    visit(page, site.url)
    assert site.settled() == []


def test_a_usable_tag_logs_nothing(site: Site, page: Page, console_messages: list[Any]) -> None:
    visit(page, site.url)
    site.wait(*VISIT)
    assert console_messages == []


def test_a_saved_page_sends_nothing(site: Site, page: Page, console_messages: list[Any], tmp_path: Path) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if request.method == "POST" else None)
    (tmp_path / "saved.html").write_text(site.html)
    visit(page, (tmp_path / "saved.html").as_uri())
    page.click("html")
    page.evaluate("window.collectorQueue && collectorQueue.push('x')")
    page.clock.run_for(6_000)
    page.goto("about:blank")
    assert (site.settled(), requests, console_messages) == ([], [], [("info", OFF)])


@pytest.mark.parametrize("frame", ["srcdoc", "blob"])
def test_a_frame_that_has_no_address_sends_nothing(site: Site, page: Page, frame: str) -> None:
    html = json.dumps(site.html).replace("</", "<\\/")
    site.html = f"""<iframe></iframe><script>const html = {html};
        const frame = document.querySelector('iframe');
        if ('{frame}' == 'srcdoc') frame.srcdoc = html;
        else frame.src = URL.createObjectURL(new Blob([html], {{type: 'text/html'}}));</script>"""
    visit(page, site.url)
    page.frames[1].wait_for_function("document.title == 'A page'")
    page.clock.run_for(SETTLED_MS)
    assert site.settled() == []


# Campaigns and click ids


@pytest.mark.parametrize(
    "name", ["gclid", "msclkid", "fbclid", "ttclid", "twclid", "yclid", "gbraid", "wbraid", "li_fat_id"]
)
def test_a_click_id_is_sent_by_name_only(site: Site, page: Page, name: str) -> None:
    visit(page, f"{site.url}/?a=1&{name}=abc123&b=%20x")
    view = site.wait(*VISIT)[1]
    assert view.data["click_id"] == name
    assert view.data["url"] == "/?a=1&b=%20x"
    assert "abc123" not in repr(view.data)


def test_a_page_without_a_click_id_has_none(site: Site, page: Page) -> None:
    visit(page, f"{site.url}/?id=1&clid&eclipse=2&client=3")
    view = site.wait(*VISIT)[1]
    assert view.data["url"] == "/?id=1&eclipse=2&client=3"
    visit(page, f"{site.url}/?id=1")
    assert "click_id" not in site.wait(*VISIT, "page_view")[2].data


def test_what_fills_the_campaign_is_left_in_the_address(site: Site, page: Page) -> None:
    """Upper case, Matomo's names, ref and source are read by the collector."""
    query = "UTM_SOURCE=Foo&Utm_Medium=email&mtm_campaign=c&pk_kwd=k&ref=producthunt&source=s"
    visit(page, f"{site.url}/?{query}&utm_term=t")
    view = site.wait(*VISIT)[1]
    assert view.data["url"] == f"/?{query}"
    assert view.utm_term == "t"
