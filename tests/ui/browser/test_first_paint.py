"""Before any script has run the page shows its bar and skeletons, in the place where they stay."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.dashboard_browser import Server

PAGES = ["/properties/{busy}", "/properties", "/properties/{busy}/settings", "/account", "/properties/{busy}/install"]
PUBLIC_PAGES = ["/login", "/password-reset", "/", "/documentation", "/invitation?token={invitation}"]
OWNER_PAGES = ["/settings", "/settings/users", "/settings/audit"]
RECTS = """() => Object.fromEntries([...document.querySelectorAll('#app [id]:not(.input)')].map(
    (element) => [element.id, element.getBoundingClientRect()]).filter(
    ([, box]) => box.width && box.height && box.bottom < 900).map(
    ([id, box]) => [id, [box.left, box.top, box.width, box.height].map(Math.round)]))"""


def hold(page: Page, pattern: str) -> Callable[[], None]:
    """Holds back the answers to requests; returns what lets them pass."""
    held: list[Route] = []
    is_open = False

    def on_request(route: Route) -> None:
        if is_open:
            route.continue_()
        else:
            held.append(route)

    def release() -> None:
        nonlocal is_open
        is_open = True
        for route in held:
            route.continue_()

    page.route(re.compile(pattern), on_request)
    return release


@pytest.mark.parametrize("path", PAGES + PUBLIC_PAGES + OWNER_PAGES)
def test_a_page_is_painted_before_scripts_and_stays_where_it_is(silent_page: Page, server: Server, path: str) -> None:
    page = silent_page
    if path in PUBLIC_PAGES:
        page.context.clear_cookies()
    if path in OWNER_PAGES:
        owner_token = server.facts["owner_token"]
        page.context.add_cookies([{"name": "proprium_session", "value": owner_token, "url": server.url}])
    page.route(re.compile(r"/_nicegui_ws/"), lambda route: route.abort())  # no numbers: only what is in the first HTML
    release = hold(page, r"vue\.esm|quasar\.umd|nicegui\.js|\.css")
    page.goto(server.url + path.format(**server.facts), wait_until="commit")
    expect(page.locator("header.top .brand")).to_be_visible()
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length === 1")
    page.evaluate("document.fonts.ready")
    painted = page.evaluate(RECTS)
    assert page.evaluate("document.querySelectorAll('#app > [aria-busy=true]').length") == 1
    release()
    page.wait_for_function("window.Vue && !document.querySelector('[aria-busy]')")
    page.evaluate("document.fonts.ready")
    drawn = page.evaluate(RECTS)
    moved = {
        name: (box, drawn[name])
        for name, box in painted.items()
        if name in drawn and any(abs(one - other) > 1 for one, other in zip(box, drawn[name], strict=True))
    }
    assert len(set(painted) & set(drawn)) > 10
    assert moved == {}


def test_what_is_typed_before_scripts_have_run_is_kept(stranger: Page, server: Server) -> None:
    page = stranger
    release = hold(page, r"vue\.esm")
    page.goto(f"{server.url}/login", wait_until="commit")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").press_sequentially("half of")
    release()
    page.wait_for_function("window.Vue && !document.querySelector('[aria-busy]')")
    page.keyboard.type(" it")
    assert page.get_by_label("E-mail").input_value() == "ada@example.com"
    assert page.get_by_label("Password").input_value() == "half of it"


def test_without_scripts_the_page_says_what_it_needs(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/login")
    expect(page.locator("noscript p")).to_have_text("This page needs JavaScript.")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("#esm-fallback")).to_be_hidden()
    context.close()
