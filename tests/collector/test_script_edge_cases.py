"""The tracker script on difficult pages and browsers: no event lost, duplicated or harmful."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests.collector.script_site import CHROMIUM, Site, wait_for
from tests.support.servers import CHROMIUM_ARGS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

VISIT = ["session_start", "page_view"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """With the back/forward cache, which Playwright turns off."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A new visitor."""
    context = browser.new_context(viewport={"width": 800, "height": 600}, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


@contextmanager
def pages(answers: dict[str, str], requested_paths: list[str] | None = None, **headers: str) -> Iterator[str]:
    """Serves pages and yields their URL. `requested_paths` records the paths that browsers request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if requested_paths is not None:
                requested_paths.append(self.path)
            self.send_response(200)
            for name, value in {"content-type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(answers.get(self.path, "").encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def sent_by(page: Page, site: Site) -> list[Request]:
    """The requests to the collector, while they come."""
    requests: list[Request] = []
    is_ours = f"{site.stats}/collect"
    page.context.on("request", lambda request: requests.append(request) if request.url == is_ours else None)
    return requests


def test_a_page_from_the_real_back_forward_cache_counts_again(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/a")
    page.evaluate("window.marked = 'kept'")
    page.goto(f"{site.url}/b")
    site.wait(*VISIT, "page_view")
    page.go_back(wait_until="commit")
    wait_for(lambda: page.evaluate("window.marked") == "kept")  # the very same page, not loaded again
    events = site.wait(*VISIT, "page_view", "page_view")
    assert [event.page for event in events[1:]] == ["/a", "/b", "/a"]
    assert len({event.view_id for event in events}) == 3


@contextmanager
def browser_without_debugger(url: str, profile: Path) -> Iterator[None]:
    """A browser without debugger: a debugger turns prerendering off."""
    args = [*CHROMIUM_ARGS, "--headless=new", "--remote-debugging-port=0", "--no-first-run"]
    process = subprocess.Popen([str(CHROMIUM), *args, f"--user-data-dir={profile}", url], stderr=subprocess.DEVNULL)
    yield
    process.terminate()
    process.wait()


def test_a_really_prerendered_page_counts_once_it_is_shown(site: Site, tmp_path: Path) -> None:
    rules = '{"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]}'
    go_on = "setInterval(() => fetch('/go').then((go) => go.text()).then((go) => { if (go) location = '/next' }), 50)"
    answers = {
        "/": f"{site.html}<script type=speculationrules>{rules}</script><script>{go_on}</script>",
        "/next": f"{site.html}<script>fetch('/drawn?' + document.prerendering)</script>",
    }
    requested_paths: list[str] = []

    def viewed() -> list[str | None]:
        return [event.page for event in site.events if event.event == "page_view"]

    with pages(answers, requested_paths) as url, browser_without_debugger(url, tmp_path):
        wait_for(lambda: "/drawn?true" in requested_paths, lambda: requested_paths)
        wait_for(lambda: viewed() == ["/"])
        assert site.settled() == VISIT
        answers["/go"] = "now"
        wait_for(lambda: viewed() == ["/", "/next"], viewed)
    assert requested_paths.count("/next") == 1  # it was shown as it had been drawn ahead


def test_two_tabs_are_one_visitor(site: Site, context: BrowserContext) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto(f"{site.url}/one")
    site.wait(*VISIT)
    second.goto(f"{site.url}/two")
    second.evaluate("collectorQueue.push('from-two')")
    first.evaluate("collectorQueue.push('from-one')")
    wait_for(lambda: len(site.events) == 5)
    assert len({event.visitor for event in site.events}) == 1
    views = {event.event: event.view_id for event in site.events}
    assert views["from-one"] != views["from-two"]


def test_events_sent_offline_arrive_once_when_online(site: Site, page: Page) -> None:
    sent = sent_by(page, site)
    page.goto(site.url)
    site.wait(*VISIT)
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.evaluate("collectorQueue.push('offline')")
    page.wait_for_timeout(50)  # until the script has noticed it
    page.context.set_offline(False)
    page.evaluate("collectorQueue.push('online')")
    site.wait(*VISIT, "offline", "online")
    assert site.settled() == [*VISIT, "offline", "online"]
    tries = [event["id"] for request in sent for event in json.loads(request.post_data or "[]")]
    assert len(tries) == 5  # two, the one that failed, and again with the next
    assert len(set(tries)) == 4


def test_a_lost_response_duplicates_nothing(site: Site, page: Page) -> None:
    """The server stored it and the connection broke: the second try has the same id."""
    lost: list[Any] = []

    def lose_the_first(route: Any) -> None:
        response = route.fetch()
        lost.append(response.status)
        route.fulfill(response=response) if len(lost) > 1 else route.abort()

    page.route(f"{site.stats}/collect", lose_the_first)
    page.goto(site.url)
    wait_for(lambda: page.evaluate("1") == 1 and lost == [204])
    page.evaluate("collectorQueue.push('next')")
    wait_for(lambda: page.evaluate("1") == 1 and lost == [204, 204])
    assert site.settled() == [*VISIT, "next"]


def test_a_strict_policy_lets_the_script_work_where_it_is_named(site: Site, page: Page) -> None:
    policy = (
        f"default-src 'none'; script-src {site.stats}; connect-src {site.stats}; require-trusted-types-for 'script'"
    )
    with pages({"/": site.html}, content_security_policy=policy) as url:
        page.goto(url)
        site.wait(*VISIT)


def test_a_strict_policy_that_forbids_sending_is_harmless(site: Site, page: Page) -> None:
    policy = f"default-src 'none'; script-src {site.stats}"
    with pages({"/": site.html}, content_security_policy=policy) as url:
        page.goto(f"{url}/")
        page.mouse.click(5, 5)
        page.wait_for_timeout(100)
    assert site.settled() == []


def test_a_sandboxed_frame_without_storage_counts_without_a_cookie(site: Site, page: Page) -> None:
    frame = f"{site.url}/framed"
    with pages({"/": f'<iframe sandbox="allow-scripts" src="{frame}"></iframe>'}) as url:
        page.goto(url)
        view = site.wait("page_view")[0]
    assert (view.page, view.hostname, view.user_id) == ("/framed", "127.0.0.1", None)
    assert view.visitor is not None


@pytest.mark.parametrize(
    "library",
    [
        "Array.prototype.toJSON = function () { return '[' + this.join() + ']' }",  # Prototype.js
        "Array.from = (things) => [].slice.call(things)",  # MooTools
        "Array.prototype.last = function () { return this[this.length - 1] }; Object.prototype.own = 1",
        "window.fetch = new Proxy(fetch, {apply: (real, self, args) => Reflect.apply(real, self, args)})",
    ],
)
def test_a_page_with_an_old_library_is_counted(site: Site, page: Page, library: str) -> None:
    site.html = f"<script>{library}</script>{site.html}"
    page.goto(f"{site.url}/?x=100%")
    page.evaluate("collectorQueue.push({event: 'signup', data: {plan: 'pro'}})")
    events = site.wait(*VISIT, "signup")
    assert events[1].data["url"] == "/?x=100%"
    assert events[2].data["plan"] == "pro"
    assert {event.id.version for event in events} == {7}


def test_a_page_that_redefines_fetch_later_loses_nothing(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.evaluate("window.fetch = () => { throw new Error('mine') }; collectorQueue.push('after')")
    site.wait(*VISIT, "after")


def test_classic_pages_are_one_view_each(site: Site, page: Page) -> None:
    site.html += '<a href="/two">on</a>'
    page.goto(f"{site.url}/one")
    site.wait(*VISIT)
    page.click("a")
    page.wait_for_url("**/two")
    wait_for(lambda: [event.event for event in site.events].count("page_view") == 2)
    events = [(event.event, event.page) for event in site.events if event.event != "page_leave"]  # of a slow machine
    assert events == [*((name, "/one") for name in (*VISIT, "click")), ("page_view", "/two")]
