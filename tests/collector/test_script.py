"""The browser script in a real Chromium, on a page of another origin: what it sends, and that no page notices it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from collector.ports import PropertyRules
from collector.tracker_script import SOURCE
from tests.collector.script_site import CHROMIUM, TITLE_MS, Site, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

SETTLED_MS = 100
TALL = '<p style="height: 4000px">tall</p>'


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport={"width": 800, "height": 600}, locale="en-GB")


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of a new visitor, whose clock stands until the test moves it; in the end it must have had no error."""
    context.clear_cookies()
    page = context.new_page()
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


def visit(page: Page, url: str, **options: Any) -> None:
    """Opens a page and lets the moment pass in which the script looks whether another tab has made a cookie as well."""
    page.goto(url, **options)
    page.clock.run_for(SETTLED_MS)


def test_a_new_visitor_sends_session_start_and_page_view_in_one_request(site: Site, page: Page) -> None:
    bodies: list[Any] = []
    page.on("request", lambda request: bodies.append(request.post_data) if request.method == "POST" else None)
    visit(page, f"{site.url}/pricing?utm_source=news&utm_medium=email&gclid=1&tab=2#top")
    first, view = site.wait("session_start", "page_view")
    assert len(bodies) == 1
    assert [sent["event"] for sent in json.loads(bodies[0])] == ["session_start", "page_view"]
    assert (view.page, view.title, view.hostname) == ("/pricing", "A page", "127.0.0.1")
    assert (view.utm_source, view.utm_medium, view.language) == ("news", "email", "en-GB")
    assert view.screen_width == 800
    assert view.data["url"] == "/pricing?tab=2"
    assert view.automated
    assert {view.id.version, first.id.version} == {7}
    assert view.view_id == first.view_id
    cookie = page.context.cookies()[0]
    assert (cookie["name"], cookie["value"], cookie["path"]) == ("collectoruserid", view.user_id, "/")
    assert re.fullmatch("[0-9a-v]{26}", cookie["value"])  # 130 bits
    assert cookie["sameSite"] == "Lax"
    assert not cookie["secure"]
    assert 364 < (cookie["expires"] - page.evaluate("Date.now()") / 1000) / 86_400 < 366


def test_a_returning_visitor_keeps_the_cookie(site: Site, page: Page) -> None:
    visit(page, site.url)
    visit(page, f"{site.url}/again")
    events = site.wait("session_start", "page_view", "page_view")
    assert len({event.user_id for event in events}) == 1
    assert events[1].view_id != events[2].view_id
    assert events[2].referrer is None


def test_a_visitor_of_the_seed_keeps_their_number(site: Site, page: Page) -> None:
    page.context.add_cookies([{"name": "collectoruserid", "value": "8315", "url": site.url}])
    visit(page, site.url)
    assert site.wait("page_view")[0].user_id == "8315"


def test_a_referrer_of_another_host_is_sent(site: Site, page: Page) -> None:
    visit(page, site.url, referer="https://www.blog.example/post")
    assert site.wait("session_start", "page_view")[1].referrer == "blog.example"


def test_routes_of_a_single_page_app_are_page_views(site: Site, page: Page) -> None:
    visit(page, f"{site.url}/a")
    site.wait("session_start", "page_view")
    page.mouse.move(5, 5)
    page.clock.run_for(4_000)
    page.evaluate("history.pushState({}, '', '/b'); document.title = 'B'")
    page.clock.run_for(30)
    page.evaluate("history.replaceState({}, '', '/b?x=1#y')")  # the same path: no view
    page.clock.run_for(30)
    page.evaluate("history.back()")
    page.wait_for_url("**/a")
    page.clock.run_for(30 + TITLE_MS)
    events = site.wait("session_start", "page_view", "page_leave", "page_view", "page_view")
    assert [event.page for event in events] == ["/a", "/a", "/a", "/b", "/a"]
    assert 4_000 <= (events[2].time_on_page or 0) < 4_500
    assert events[2].view_id == events[1].view_id
    assert events[3].title == "B"
    assert len({event.view_id for event in events}) == 3


def test_a_page_that_is_left_reports_engaged_time_and_depth(site: Site, page: Page) -> None:
    site.html += TALL
    visit(page, site.url)
    page.mouse.move(5, 5)
    page.clock.run_for(5_000)
    page.mouse.move(6, 6)
    page.evaluate("window.scrollTo(0, 1700)")
    page.wait_for_function("window.scrollY > 1600")
    page.clock.run_for(100)
    page.clock.run_for(120_000)  # without activity: 30 s of it count
    page.goto("about:blank")
    events = site.wait("session_start", "page_view", "scroll", "scroll", "page_leave")
    assert [event.scroll_depth for event in events[2:4]] == [25, 50]
    leave = events[-1]
    assert 35_000 <= (leave.time_on_page or 0) < 36_000
    assert 50 <= (leave.scroll_depth or 0) < 75


def test_a_glance_sends_no_page_leave(site: Site, page: Page) -> None:
    visit(page, site.url)
    site.wait("session_start", "page_view")
    page.clock.run_for(500)
    page.goto("about:blank")
    assert site.settled() == ["session_start", "page_view"]


def test_clicks_say_what_and_where_but_never_what_is_written(site: Site, page: Page) -> None:
    site.html += """
        <button id="buy" onclick="this.blur()">secret text</button> <input name="card" value="4111 1111">
        <a href="https://Elsewhere.example/path?q=1" onclick="event.preventDefault()" data-collect="partner">secret</a>
        <a href="/files/price-list.pdf?token=1" onclick="event.preventDefault()">secret</a>
        <a href="/inside" onclick="event.preventDefault()"><b>secret</b></a>"""
    visit(page, site.url)
    page.click("#buy")  # at once followed by another: one click
    for selector in ("#buy", "input", "a >> nth=0", "a >> nth=1", "b"):
        page.click(selector)
        page.clock.run_for(400)
    site.wait("session_start", "page_view")
    page.clock.run_for(5_100)
    clicks = [event for event in site.wait("session_start", "page_view", *["click"] * 5) if event.event == "click"]
    assert [event.data["target"] for event in clicks] == ["button#buy", "input#card", "a#partner", "a", "a"]
    assert [event.data.get("href") for event in clicks] == [
        None,
        None,
        "elsewhere.example",
        site.url[7:] + "/files/price-list.pdf",
        None,
    ]
    assert all(event.data["x"] > 0 and event.data["y"] > 0 for event in clicks)
    assert "secret" not in repr(site.events)
    assert "4111" not in repr(site.events)


def test_custom_events_may_be_pushed_before_and_after_the_script_has_loaded(site: Site, page: Page) -> None:
    other = uuid4()
    site.directory.rules[other] = PropertyRules(other, 4711)
    early = "collectorQueue.push({event: 'early', data: {plan: 'pro'}})"
    site.html = f"<script>window.collectorQueue = window.collectorQueue || []; {early}</script>{site.tag()}"
    visit(page, site.url)
    site.wait("session_start", "page_view", "early")
    page.evaluate(f"collectorQueue.push({{event: 'late', user_id: 42}}, {{event: 'other', collectorId: '{other}'}})")
    wait_for(lambda: {"late", "other"} <= {event.event for event in site.sink.events})
    by_name = {event.event: event for event in site.sink.events}
    assert (by_name["early"].data["plan"], by_name["early"].page) == ("pro", "/")
    assert by_name["late"].user_id == "42"
    assert by_name["other"].property == 4711


def test_invalid_pushes_are_harmless(site: Site, page: Page) -> None:
    visit(page, site.url)
    page.evaluate(
        "const ring = {}; ring.ring = ring; collectorQueue.push(null, 7, {}, {event: 1}, {event: 'r', data: ring})"
    )
    page.evaluate("collectorQueue.push('', ' ', ['signup', {plan: 'pro'}], {event: ['signup']}, {event: {}})")
    page.evaluate("collectorQueue.push({event: 'x'.repeat(900)}, 'plain')")
    events = site.wait("session_start", "page_view", "x" * 255, "plain")
    assert all(event.user_id for event in events)


def test_the_seeds_own_tag_works(site: Site, page: Page) -> None:
    for server in (site.stats, f"{site.stats}/collect/"):
        site.renew()
        site.html = f"""<script>let collectorQueue = [], collectorServer = "{server}", collectorId = "{site.property}";
            const tag = document.createElement("script"); tag.src = "{site.stats}/static/collector.js";
            document.head.appendChild(tag); collectorQueue.push({{event: "early", data: {{}}}});</script>"""
        visit(page, site.url)
        wait_for(lambda: [event.event for event in site.events][-2:] == ["page_view", "early"])
        page.context.clear_cookies()


@pytest.mark.parametrize(
    "wish",
    [
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})",
        "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})",
        "",
    ],
)
def test_cookieless_mode_sets_no_cookie(site: Site, page: Page, wish: str) -> None:
    if not wish:
        site.html = site.tag("data-cookieless")
    page.add_init_script(wish)
    visit(page, site.url)
    view = site.wait("page_view")[0]
    assert view.user_id is None
    assert view.visitor is not None
    assert page.context.cookies() == []


def test_an_opted_out_visitor_sends_nothing(site: Site, page: Page) -> None:
    page.add_init_script("localStorage.collector_optout = '1'")
    visit(page, site.url)
    page.evaluate("window.collectorQueue.push({event: 'x'})")
    assert site.settled() == []
    assert page.context.cookies() == []
    page.evaluate("localStorage.clear()")


def test_options_turn_parts_off(site: Site, page: Page) -> None:
    site.html = site.tag('data-no-clicks data-no-scroll data-no-routes data-exclude="/admin/*, /draft"') + TALL
    for path in ("/admin/users", "/draft"):
        visit(page, site.url + path)
        page.evaluate("collectorQueue.push('x')")
    assert site.settled() == []
    assert page.context.cookies() == []
    visit(page, f"{site.url}/drafts")
    page.click("p")
    page.evaluate("window.scrollTo(0, 9999); history.pushState({}, '', '/other')")
    page.clock.run_for(6_000)
    assert site.settled() == ["session_start", "page_view"]


def test_hash_routes_are_pages_where_asked_for(site: Site, page: Page) -> None:
    site.html = site.tag("data-hash")
    visit(page, f"{site.url}/app#/inbox")
    page.evaluate("location.hash = '#/settings?tab=1'")
    page.clock.run_for(30 + TITLE_MS)
    events = site.wait("session_start", "page_view", "page_view")
    assert [event.page for event in events[1:]] == ["/app#/inbox", "/app#/settings"]


def test_a_path_may_be_sent_as_its_pattern(site: Site, page: Page) -> None:
    site.html = site.tag('data-url="/orders/{id}" data-cookieless')
    visit(page, f"{site.url}/orders/4711")
    assert site.wait("page_view")[0].page == "/orders/{id}"
    assert "4711" not in repr(site.events)


def test_a_page_from_the_back_forward_cache_counts_again(site: Site, page: Page) -> None:
    visit(page, site.url)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    assert len({event.view_id for event in site.wait("session_start", "page_view", "page_view")}) == 2


def test_a_prerendered_page_counts_when_it_is_shown(site: Site, page: Page) -> None:
    page.add_init_script("Object.defineProperty(document, 'prerendering', {value: true})")
    visit(page, site.url)
    assert site.settled() == []
    page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    page.clock.run_for(SETTLED_MS)
    site.wait("session_start", "page_view")


def test_a_failed_request_is_retried_with_the_same_id(site: Site, page: Page) -> None:
    tries: list[Any] = []
    page.on("request", lambda request: tries.append(request.post_data_json) if request.method == "POST" else None)
    site.sink.trouble = lambda events: OSError("the disk is away")
    visit(page, site.url)
    wait_for(lambda: page.evaluate("1") == 1 and len(tries) == 1)
    page.wait_for_timeout(100)
    site.sink.trouble = lambda events: None
    page.evaluate("collectorQueue.push('next')")
    events = site.wait("session_start", "page_view", "next")
    assert [UUID(sent["id"]) for sent in tries[0]] == [event.id for event in events[:2]]


def test_it_retries_twice_but_not_after_a_rejection(site: Site, page: Page) -> None:
    tries: list[Any] = []
    page.on("request", lambda request: tries.append(request.post_data_json) if request.method == "POST" else None)
    rejected = site.counters.rejected
    rejected.clear()

    def answered(status: int, events: int) -> None:
        wait_for(lambda: rejected[status] == events)
        page.wait_for_timeout(250)  # until the script has read it

    site.sink.trouble = lambda events: OSError("the disk is away")
    visit(page, site.url)
    answered(503, 2)
    page.evaluate("collectorQueue.push('a')")
    answered(503, 5)
    page.evaluate("collectorQueue.push('b')")
    answered(503, 9)
    site.directory.rules.clear()
    page.evaluate("collectorQueue.push('c')")
    answered(404, 3)
    page.evaluate("collectorQueue.push('d')")
    answered(404, 4)
    start = ["session_start", "page_view"]
    names = [[sent["event"] for sent in one] for one in tries]
    assert names == [start, [*start, "a"], [*start, "a", "b"], ["a", "b", "c"], ["d"]]


def test_an_unusual_page_never_sees_an_error(site: Site, context: BrowserContext) -> None:
    for trouble in (
        "window.fetch = () => { throw new Error('mine') }",
        "window.fetch = () => 42",
        "window.fetch = async () => {}",
        "window.fetch = undefined; navigator.sendBeacon = undefined",
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('blocked') }})",
        "Object.defineProperty(document, 'referrer', {value: 'not an address'})",
        "window.URLSearchParams = undefined",
        "Object.defineProperty(document, 'cookie', {get() { throw new Error('blocked') }, set() {}})",
        "window.crypto.getRandomValues = undefined",
        "window.collectorQueue = {push() {}}",
    ):
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))  # type: ignore[misc]
        page.add_init_script(trouble)
        visit(page, f"{site.url}/?x=100%&utm_source=%E0%A4%A")
        page.evaluate("(window.collectorQueue || []).push({event: 'x'})")
        page.click("html")
        page.evaluate("history.pushState({}, '', '/on')")
        page.goto("about:blank")
        page.close()
        assert errors == [], trouble


def test_without_fetch_a_beacon_carries_the_events(site: Site, page: Page) -> None:
    page.add_init_script("window.fetch = undefined")
    visit(page, site.url)
    site.wait("session_start", "page_view")


def test_a_blocked_cookie_is_no_new_visitor_on_every_page(site: Site, page: Page) -> None:
    page.add_init_script("Object.defineProperty(document, 'cookie', {get: () => '', set() {}})")
    visit(page, site.url)
    assert site.wait("page_view")[0].user_id is None


def test_the_script_works_behind_the_prefix_of_a_proxy(site: Site, page: Page) -> None:
    sent: list[str] = []
    page.route("**/stats/js/collector.js*", lambda route: route.fulfill(path=SOURCE, content_type="text/javascript"))
    page.route("**/collect", lambda route: (sent.append(route.request.url), route.fulfill(status=204)))
    site.html = f'<script defer src="/stats/js/collector.js?v=1" data-collector-id="{site.property}"></script>'
    visit(page, site.url)
    wait_for(lambda: page.evaluate("1") == 1 and sent == [f"{site.url}/stats/js/collect"])
