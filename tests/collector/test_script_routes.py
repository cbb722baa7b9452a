"""Page views of single-page apps: routers, titles that come late, and pages that scroll inside an element."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.collector.script_site import CHROMIUM, TITLE_MS, Site, visit, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

VISIT = ["session_start", "page_view"]
WITHOUT_NAVIGATION_API = "delete window.navigation"
GO = "path => { history.pushState({}, '', path); document.title = path; }"


@pytest.fixture(params=[True, False], ids=["navigation", "history"])
def has_navigation(request: pytest.FixtureRequest, page: Page) -> bool:
    """Whether the browser has the Navigation API: older ones have only window.history."""
    if not request.param:
        page.add_init_script(WITHOUT_NAVIGATION_API)
    return bool(request.param)


def page_views(site: Site) -> list[tuple[str | None, str | None]]:
    return [(event.page, event.title) for event in site.events if event.event == "page_view"]


def wait_for_page_views(site: Site, *expected: tuple[str, str]) -> None:
    wait_for(lambda: page_views(site) == list(expected), lambda: page_views(site))


def test_a_router_that_took_push_state_before_the_tag_is_followed(site: Site, page: Page) -> None:
    held = """const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
        window.go = (url) => { push({}, '', url); document.title = url; };
        window.swap = (url) => { replace({}, '', url); document.title = url; };"""
    site.html = f"<title>a</title><script type=module>{held}</script>{site.tag()}"
    visit(page, f"{site.url}/first")
    page.evaluate("go('/next')")
    page.clock.run_for(TITLE_MS + 30)
    page.evaluate("swap('/swapped')")
    page.clock.run_for(TITLE_MS + 30)
    wait_for_page_views(site, ("/first", "a"), ("/next", "/next"), ("/swapped", "/swapped"))


def test_a_router_of_the_navigation_api_is_followed(site: Site, page: Page) -> None:
    router = """navigation.addEventListener('navigate', (event) => event.intercept({async handler() {
        await new Promise((done) => setTimeout(done, 300));
        document.title = new URL(event.destination.url).pathname;
    }}))"""
    site.html = f"<title>a</title><script>{router}</script>{site.tag()}<a href='/next'>next</a>"
    visit(page, f"{site.url}/first")
    page.click("a")
    page.clock.run_for(TITLE_MS + 30)
    wait_for_page_views(site, ("/first", "a"), ("/next", "/next"))


def test_routes_count_with_and_without_the_navigation_api(site: Site, page: Page, has_navigation: bool) -> None:
    visit(page, f"{site.url}/a")
    assert page.evaluate("Boolean(window.navigation)") == has_navigation
    for path in ("/b", "/c"):
        page.evaluate(GO, path)
        page.clock.run_for(TITLE_MS + 30)
    page.evaluate("history.replaceState({}, '', '/c?sort=date#top')")  # the same path: no page view
    page.clock.run_for(TITLE_MS + 30)
    page.evaluate("history.back()")
    page.wait_for_url("**/b")
    page.clock.run_for(TITLE_MS + 30)
    wait_for_page_views(site, ("/a", "A page"), ("/b", "/b"), ("/c", "/c"), ("/b", "/c"))
    assert page.evaluate("history.state") == {}


def test_hash_routes_count_with_and_without_the_navigation_api(site: Site, page: Page, has_navigation: bool) -> None:
    site.html = f"<title>A page</title>{site.tag('data-hash')}"
    visit(page, f"{site.url}/app#/inbox")
    for hash_ in ("#/sent", "#chapter", "#!/old?page=2"):
        page.evaluate("hash => { location.hash = hash }", hash_)
        page.clock.run_for(TITLE_MS + 30)
    wait_for(lambda: len(page_views(site)) == 4, lambda: page_views(site))
    assert [path for path, _ in page_views(site)] == ["/app#/inbox", "/app#/sent", "/app", "/app#!/old"]


def test_a_page_that_replaces_window_navigation_is_counted(site: Site, page: Page) -> None:
    site.html = f"<title>A page</title><script>var navigation = document.createElement('nav')</script>{site.tag()}"
    visit(page, f"{site.url}/a")
    page.evaluate(GO, "/b")
    page.clock.run_for(TITLE_MS + 30)
    wait_for_page_views(site, ("/a", "A page"), ("/b", "/b"))


@pytest.mark.parametrize("delay_ms", [0, 150, 600])
def test_a_title_set_after_the_route_is_the_new_pages(
    site: Site, page: Page, has_navigation: bool, delay_ms: int
) -> None:
    site.html = f"<title>First</title>{site.tag()}"
    visit(page, f"{site.url}/one")
    page.evaluate(
        "delay => { history.pushState({}, '', '/two'); setTimeout(() => document.title = 'Second', delay) }", delay_ms
    )
    page.clock.run_for(TITLE_MS + 30)
    wait_for_page_views(site, ("/one", "First"), ("/two", "Second"))


def test_an_event_on_a_new_route_does_not_take_the_old_title(site: Site, page: Page) -> None:
    """Routers report their routes, and keep the scroll position in the state, before the title is there."""
    visit(page, f"{site.url}/one")
    page.evaluate("history.pushState({}, '', '/two')")
    page.clock.run_for(30)
    page.evaluate("collectorQueue.push('routed'); history.replaceState({scroll: 0}, '', '/two')")
    page.clock.run_for(200)
    page.evaluate("document.title = 'Second'")
    page.clock.run_for(TITLE_MS)
    wait_for_page_views(site, ("/one", "A page"), ("/two", "Second"))
    assert [event.page for event in site.events if event.event == "routed"] == ["/two"]


def test_a_route_left_at_once_keeps_its_own_title(site: Site, page: Page) -> None:
    visit(page, f"{site.url}/one")
    page.evaluate(GO, "/two")
    page.clock.run_for(100)
    page.evaluate(GO, "/three")
    page.clock.run_for(100)
    page.goto("about:blank")
    wait_for_page_views(site, ("/one", "A page"), ("/two", "/two"), ("/three", "/three"))


def test_a_title_that_the_page_pushes_itself_stays(site: Site, page: Page) -> None:
    site.html = f"<title>App</title>{site.tag('data-no-routes')}"
    visit(page, f"{site.url}/a")
    page.clock.run_for(2_000)
    page.evaluate("collectorQueue.push({event: 'page_view', data: {url: '/b', title: 'Mine'}})")
    wait_for_page_views(site, ("/a", "App"), ("/b", "Mine"))


# How Turbo, Astro and htmx change pages: the address first or last, the body replaced, its scripts run again.
SWAPS = {
    "turbo": """history.pushState({turbo: {}}, '', '/next'); setTimeout(() => {
        document.title = 'Next'; const body = document.createElement('body'); body.append(rerun());
        document.documentElement.replaceChild(body, document.body); }, 200)""",
    "astro": """history.pushState({index: 1}, '', '/next'); setTimeout(() => {
        document.head.querySelector('title').remove(); const title = document.createElement('title');
        title.textContent = 'Next'; document.head.append(title);
        document.body.innerHTML = '<main>next</main>'; }, 50)""",
    "htmx": """setTimeout(() => { document.body.innerHTML = '<main>next</main>'; document.title = 'Next';
        history.replaceState({htmx: true}, '', location.href); history.pushState({htmx: true}, '', '/next'); }, 200)""",
}


@pytest.mark.parametrize("library", SWAPS)
def test_libraries_that_swap_the_body_count_each_page_once(
    site: Site, page: Page, library: str, has_navigation: bool
) -> None:
    rerun = """const rerun = () => {
        const old = document.querySelector('script[src]'), copy = document.createElement('script');
        for (const {name, value} of old.attributes) copy.setAttribute(name, value); return copy; }"""
    site.html = f"<head><title>First</title></head><body><script>{rerun}</script>{site.tag()}</body>"
    visit(page, f"{site.url}/first")
    page.evaluate(SWAPS[library])
    page.clock.run_for(TITLE_MS + 300)
    page.wait_for_timeout(200)
    page.evaluate("collectorQueue.push('after')")
    wait_for(lambda: [event.page for event in site.events if event.event == "after"] == ["/next"])
    assert page_views(site) == [("/first", "First"), ("/next", "Next")]


# Pages that scroll inside an element

SHELL = "html,body{height:100%;margin:0;overflow:hidden}main{height:100%;overflow:auto}p{margin:0;height:4000px}"
SHELLS = {
    "locked": SHELL,
    "body": "html{overflow:hidden}html,body{height:100%;margin:0}body{overflow:auto}p{margin:0;height:4000px}",
    "viewport": "body{margin:0}main{height:100vh;overflow-y:scroll}p{margin:0;height:4000px}",
    "sidebar": SHELL
    + "nav{position:fixed;left:0;top:0;width:90px;height:100%;overflow:auto}b{display:block;height:9000px}",
}


@pytest.mark.parametrize("doctype", ["", "<!doctype html>"], ids=["quirks", "standard"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_page_that_scrolls_inside_an_element_has_that_elements_depth(
    site: Site, page: Page, shell: str, doctype: str
) -> None:
    site.html = (
        f"{doctype}<style>{SHELLS[shell]}</style><title>i</title>{site.tag()}<nav><b></b></nav><main><p>tall</p></main>"
    )
    visit(page, site.url)
    for x in (300, 310, 320):
        page.mouse.move(x, 300)
        page.clock.run_for(1_000)
    page.evaluate(GO, "/second")
    page.clock.run_for(TITLE_MS + 30)
    leave = next(event for event in site.wait(*VISIT, "page_leave", "page_view") if event.event == "page_leave")
    assert leave.scroll_depth == 15  # 600 of 4,000
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 1_500)
    page.wait_for_function("document.querySelector('main').scrollTop + document.body.scrollTop == 1500")
    page.clock.run_for(6_000)
    page.goto("about:blank")
    wait_for(lambda: site.events[-1].event == "page_leave" and site.events[-1].page == "/second")
    assert [event.scroll_depth for event in site.events if event.event == "scroll"] == [25, 50]
    assert site.events[-1].scroll_depth == 53  # 2,100 of 4,000


def test_a_box_that_scrolls_inside_a_long_page_is_not_the_page(site: Site, page: Page) -> None:
    box = '<div style="height:500px;overflow:auto"><p style="height:900px">code</p></div>'
    site.html = f"<body style='margin:0'><title>i</title>{site.tag()}{box}<p style='height:3500px;margin:0'>tall</p>"
    visit(page, site.url)
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 400)
    page.wait_for_function("document.querySelector('div').scrollTop > 300")
    page.clock.run_for(3_000)
    page.goto("about:blank")
    leave = site.wait(*VISIT, "page_leave")[-1]
    assert leave.scroll_depth == 15


def test_a_page_that_fits_into_the_window_is_seen_whole(site: Site, page: Page) -> None:
    visit(page, site.url)
    page.mouse.move(300, 300)
    page.clock.run_for(3_000)
    page.goto("about:blank")
    assert site.wait(*VISIT, "page_leave")[-1].scroll_depth == 100
