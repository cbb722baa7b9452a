"""Every page, menu and dialog by the rules of axe-core, in both themes; menus under the arrow keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.servers import ROOT
from tests.ui.test_dashboard_browser import Server, browser, server, shown

__all__ = ["browser", "server"]

AXE = ROOT / "assets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.skipif(not Path("/usr/bin/chromium").exists(), reason="no Chromium on this machine"),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: `make setup` needs the npm registry"),
]
PAGES = (
    "/properties",
    "/account",
    "/account/authenticator",
    "/properties/{busy}",
    "/properties/{busy}?filter=country:is:DE&period=today",
    "/properties/{empty}",
    "/properties/{busy}/settings",
    "/properties/{busy}/install",
    "/properties/{busy}/refused",
    "/properties/{busy}/audit",
    "/sql?property={busy}",
    "/privacy/{busy}",
    "/changelog",
    "/nothing",
)
PUBLIC_PAGES = (
    *("/login", "/password-reset", "/", "/documentation"),
    *("/properties/{open}", "/invitation?token={invitation}"),
)
OWNER_PAGES = ("/settings", "/settings/users", "/settings/audit?period=all", "/settings/mail", "/settings/sign-in")
RUN = """axe.run(document, %s).then(result => result.violations.map(
    violation => [violation.id, ...violation.nodes.map(node => node.html.slice(0, 200))]))"""
SETTLED_MS = 900
"""Until numbers, figures and transitions are there: axe judges colours as they are."""


@pytest.fixture(scope="module")
def context(server: Server, browser: Browser) -> BrowserContext:
    """One for all tests, so that scripts and chart bundle are read once."""
    return browser.new_context(viewport={"width": 1440, "height": 900})


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    context.add_cookies([{"name": "proprium_session", "value": server.facts["token"], "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    page.close()


def violations(page: Page, *, is_popup_open: bool = False) -> list[Any]:
    """What axe finds in the light theme, and of its colours in the dark one.

    An open menu stands beside all landmarks.
    """
    page.wait_for_timeout(SETTLED_MS)
    page.evaluate(AXE.read_text("utf-8"))
    violations = list(page.evaluate(RUN % f"{{rules: {{region: {{enabled: {str(not is_popup_open).lower()}}}}}}}"))
    page.evaluate("propriumTheme.choose('dark')")
    page.wait_for_timeout(SETTLED_MS)
    violations += page.evaluate(RUN % "{runOnly: ['color-contrast']}")
    page.evaluate("propriumTheme.choose('light')")
    return violations


def opened(page: Page, server: Server, path: str) -> Page:
    page.goto(server.url + path.format(**server.facts))
    if path != "/nothing":
        page.wait_for_function("window.did_handshake")
    return page


@pytest.mark.parametrize("path", PAGES)
def test_pages_break_no_rule(page: Page, server: Server, path: str) -> None:
    assert violations(opened(page, server, path)) == []
    assert page.locator("h1").count() == page.locator("main").count() == 1


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_pages_without_an_account_break_no_rule(page: Page, server: Server, path: str) -> None:
    page.context.clear_cookies()
    assert violations(opened(page, server, path)) == []


@pytest.mark.parametrize("path", OWNER_PAGES)
def test_pages_of_the_server_break_no_rule(page: Page, server: Server, path: str) -> None:
    page.context.add_cookies([{"name": "proprium_session", "value": server.facts["owner_token"], "url": server.url}])
    assert violations(opened(page, server, path)) == []
    assert page.locator("h1").count() == page.locator("main").count() == 1


def test_the_dialog_of_an_invitation_breaks_no_rule(page: Page, server: Server) -> None:
    page.context.add_cookies([{"name": "proprium_session", "value": server.facts["owner_token"], "url": server.url}])
    opened(page, server, "/settings/users").get_by_role("button", name="Invite", exact=True).click()
    page.wait_for_selector(".q-dialog .sheet")
    page.locator(".picklist .q-checkbox").first.click()
    assert violations(page, is_popup_open=True) == []


MENUS = ("Property: busy.example. Switch property", "Period: ", "Segments: saved filters", "More", "Custom cards")
DIALOGS = ("Pages: show all", "Filter", "Visitors: explain this metric")


@pytest.mark.parametrize("name", MENUS + DIALOGS)
def test_menus_and_dialogs_break_no_rule(page: Page, server: Server, name: str) -> None:
    shown(page, server)
    page.get_by_label(name, exact=not name.endswith(" ")).first.click(force=True)
    page.wait_for_selector(".q-menu, .q-dialog .sheet")
    assert violations(page, is_popup_open=True) == []


def test_arrow_keys_move_in_menus_and_round_their_ends(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_label("More").focus()
    page.keyboard.press("ArrowDown")
    items = page.locator(".q-menu [role=menuitem]")
    expect(items.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(items.last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("Escape")
    expect(items.first).to_be_hidden()
    assert "/properties/" in page.url


def test_a_live_dashboard_does_not_talk_without_end(page: Page, server: Server) -> None:
    shown(page, server)
    page.evaluate("""() => {
        window.spoken = 0;
        const regions = '[role=status], [role=alert], [aria-live=polite], [aria-live=assertive]';
        new MutationObserver(changes => {
            window.spoken += changes.filter(({target}) => (target.closest ? target : target.parentElement)
                ?.closest(regions)).length;
        }).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
    }""")
    for number in range(3):
        server.append(visitor=f"loud {number}", page=f"/loud/{number}")
        page.wait_for_timeout(1_100)
    expect(page.locator(".livebox")).not_to_contain_text("0")
    assert page.evaluate("window.spoken") == 0
