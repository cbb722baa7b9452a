"""Page views, visitors and pages of the tracker script in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from collector.ports import PropertyRules
from collector.tracker_script import SOURCE
from tests.collector.script_site import CHROMIUM, TITLE_MS, Site, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

VISIT = ["session_start", "page_view"]
SETTLED_MS = 100
TAG = '<script defer src="/collector.js" data-collector-id="0e7b1f1a-6a3c-4c59-9a52-3d1f5b3f8a01"></script>'
TALL = '<p style="height: 4000px">tall</p>'


def tab(context: BrowserContext) -> Page:
    """A page whose clock stands until the test moves it."""
    page = context.new_page()
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    return page


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = tab(context)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


def visit(page: Page, url: str) -> None:
    page.goto(url)
    page.clock.run_for(SETTLED_MS)


def go(page: Page, path: str) -> None:
    """As a single-page app does, after some time for the page before."""
    page.clock.run_for(3_000)
    page.evaluate("path => history.pushState({}, '', path)", path)
    page.clock.run_for(30 + TITLE_MS)


def test_two_tabs_that_open_at_once_are_one_new_visitor(site: Site, context: BrowserContext) -> None:
    tabs = [tab(context), tab(context)]
    for page in tabs:
        context.clear_cookies()  # neither finds the other's cookie: both make one
        page.goto(site.url)
    for page in tabs:
        page.clock.run_for(SETTLED_MS)
    wait_for(lambda: [event.event for event in site.events].count("page_view") == 2)
    tabs[0].evaluate("collectorQueue.push('later')")
    wait_for(lambda: site.events[-1].event == "later")
    names = sorted(event.event for event in site.events)
    assert names == ["later", "page_view", "page_view", "session_start"]
    assert {event.user_id for event in site.events} == {context.cookies()[0]["value"]}


def test_a_visitor_who_leaves_at_once_is_new_too(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.goto("about:blank")
    site.wait(*VISIT)


def test_opting_out_on_an_open_page_stops_sending(site: Site, page: Page) -> None:
    visit(page, site.url)
    site.wait(*VISIT)
    page.clock.run_for(3_000)
    page.evaluate("localStorage.collector_optout = '1'; collectorQueue.push('x')")
    page.goto("about:blank")
    assert site.settled() == VISIT


def test_an_excluded_route_of_an_app_leaves_no_trace(site: Site, page: Page) -> None:
    site.html = site.tag('data-exclude="/admin/*"')
    visit(page, f"{site.url}/open")
    go(page, "/admin/users")
    page.evaluate("collectorQueue.push('secret')")
    page.click("html")
    go(page, "/again")
    events = site.wait(*VISIT, "page_leave", "page_view")
    assert [event.page for event in events] == ["/open"] * 3 + ["/again"]
    assert events[2].time_on_page == 3_120  # of /open, though it was said when the visitor was at /admin already


def test_a_client_side_router_counts_each_view_once(site: Site, page: Page) -> None:
    site.html = f"<title>App</title>{site.tag('data-no-routes')}"
    visit(page, f"{site.url}/a")
    navigate = (
        "path => { history.pushState({}, '', path); collectorQueue.push({event: 'page_view', data: {url: path}}) }"
    )
    page.evaluate(navigate, "/a")  # the router's first page view: the script has sent it already
    page.clock.run_for(3_000)
    page.evaluate(navigate, "/b")
    page.evaluate("collectorQueue.push('on-b')")
    events = site.wait(*VISIT, "page_leave", "page_view", "on-b")
    assert [event.page for event in events] == ["/a", "/a", "/a", "/b", "/b"]
    assert events[2].view_id == events[1].view_id
    assert events[4].view_id == events[3].view_id != events[1].view_id
    assert events[3].title == "App"


def test_an_anchor_is_no_page_even_where_hash_routes_are(site: Site, page: Page) -> None:
    site.html = site.tag("data-hash")
    visit(page, f"{site.url}/app#/inbox?sort=date")
    for hash_ in ("#/inbox?sort=name", "#/sent", "#/sent?page=2"):
        page.evaluate("hash => { location.hash = hash }", hash_)
        page.clock.run_for(30)
    visit(page, f"{site.url}/doc")
    page.evaluate("location.hash = '#chapter-2'")
    page.clock.run_for(30)
    page.evaluate("collectorQueue.push('end')")
    wait_for(lambda: site.events[-1].event == "end")
    pages = [event.page for event in site.events if event.event == "page_view"]
    assert pages == ["/app#/inbox", "/app#/sent", "/doc"]


def test_how_far_a_view_was_seen_is_its_own(site: Site, page: Page) -> None:
    """A route that begins at its top has not been scrolled; and what was in sight without scrolling has been seen."""
    site.html += TALL
    visit(page, f"{site.url}/tall")
    page.evaluate("scrollTo(0, 3000)")
    page.wait_for_function("scrollY == 3000")
    page.clock.run_for(50)
    go(page, "/short")
    page.evaluate("document.querySelector('p').style.height = '100px'; scrollTo(0, 0)")
    page.wait_for_timeout(50)
    page.evaluate("document.querySelector('p').style.height = '1100px'")
    go(page, "/last")
    events = site.wait(*VISIT, *["scroll"] * 3, "page_leave", "page_view", "page_leave", "page_view")
    leaves = [event.scroll_depth for event in events if event.event == "page_leave"]
    assert (leaves[0], 45 <= (leaves[1] or 0) <= 60) == (89, True)


def test_unusual_campaign_fields_are_kept_beside_the_usual_ones(site: Site, page: Page) -> None:
    visit(page, f"{site.url}/?utm_source=a&utm_id=b&UTM_X=c&fbclid=d")
    view = site.wait(*VISIT)[1]
    assert (view.utm_source, view.data["utm_id"]) == ("a", "b")
    assert "d" not in view.data.values()


def test_long_texts_of_other_scripts_arrive(site: Site, page: Page) -> None:
    """Browsers count bytes, of which these letters have three each, and keep at most 64 KiB for a page that goes."""
    visit(page, site.url)
    page.evaluate("collectorQueue.push({event: 'essay', data: {text: '漢'.repeat(40_000)}})")
    assert site.wait(*VISIT, "essay")[2].data["text"] == "漢" * 10_000


def test_an_error_of_one_property_does_not_affect_another(site: Site, page: Page) -> None:
    """What is tried again travels by property as well: an array is taken or refused as a whole."""
    other = uuid4()
    site.directory.rules[other] = PropertyRules(other, 4_712)
    site.sink.trouble = lambda events: OSError("the disk is away")
    rejected = site.counters.rejected
    before = rejected[503]
    visit(page, site.url)
    page.evaluate(f"collectorQueue.push({{event: 'theirs', collectorId: '{other}'}})")
    wait_for(lambda: rejected[503] >= before + 3)
    page.wait_for_timeout(200)
    del site.directory.rules[other]
    site.sink.trouble = lambda events: None
    page.evaluate("collectorQueue.push('ours')")
    site.wait(*VISIT, "ours")
    assert not [event for event in site.sink.events if event.event == "theirs"]


def shop(page: Page, status: int = 204) -> list[str]:
    """Opens a page of a secure site whose collector gives one answer to all; the bodies that come, while they come."""
    bodies: list[str] = []

    def collect(route: Route) -> None:
        bodies.append(route.request.post_data or "")
        route.fulfill(status=status)

    page.route("https://shop.example/", lambda route: route.fulfill(body=TAG, content_type="text/html"))
    page.route("https://shop.example/collector.js", lambda route: route.fulfill(path=SOURCE))
    page.route("https://shop.example/collect", collect)
    visit(page, "https://shop.example/")
    wait_for(lambda: page.evaluate("1") == 1 and len(bodies) == 1)
    return bodies


def test_the_cookie_of_a_secure_site_is_secure(page: Page) -> None:
    shop(page)
    [cookie] = page.context.cookies()
    assert (cookie["secure"], cookie["sameSite"], cookie["domain"]) == (True, "Lax", "shop.example")


@pytest.mark.parametrize(("status", "tries"), [(429, 2), (500, 2), (503, 2), (204, 1), (400, 1), (413, 1)])
def test_only_temporary_errors_are_retried(page: Page, status: int, tries: int) -> None:
    bodies = shop(page, status)
    page.wait_for_timeout(50)
    page.evaluate("collectorQueue.push('next')")
    wait_for(lambda: page.evaluate("1") == 1 and len(bodies) == 2)
    assert sum("page_view" in body for body in bodies) == tries
