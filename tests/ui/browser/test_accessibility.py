"""Every page, menu and dialog by the rules of axe-core, in both themes; menus under the arrow keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.dashboard_browser import Server, card, row, shown
from tests.support.servers import ROOT
from tests.ui.browser.conftest import new_page

AXE = ROOT / "assets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: `make setup` needs the npm registry"
)
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
AUDIT = """([where, options]) => axe.run(where, {resultTypes: ['violations'], ...options}).then(
    result => result.violations.map(
        violation => [violation.id, ...violation.nodes.map(node => node.html.slice(0, 200))]))"""
SETTLE = """async ({quietMs, timeoutMs}) => {
    const began = performance.now();
    let changed = began;
    const observer = new MutationObserver(() => changed = performance.now());
    observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
    const isMoving = () => document.querySelector('[aria-busy=true]') || document.getAnimations().some(
        (animation) => animation.playState === 'running' && animation.effect?.getComputedTiming().endTime < Infinity);
    while (isMoving() || performance.now() - changed < quietMs) {
        if (performance.now() - began > timeoutMs) throw new Error('the page does not settle');
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    observer.disconnect();
}"""
"""Ends when numbers, figures and transitions are there: axe judges colours as they are."""
QUIET_MS = 200


def audit(page: Page, popup: str = "") -> list[Any]:
    """What axe finds in the light theme, and of its colours in the dark one; of the whole page, or of an open popup."""
    where: Any = popup or "html"
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    settle(page)
    violations = list(page.evaluate(AUDIT, [where, {}]))
    page.evaluate("propriumTheme.choose('dark')")
    settle(page)
    violations += page.evaluate(AUDIT, [where, {"runOnly": ["color-contrast"]}])
    page.evaluate("propriumTheme.choose('light')")
    return violations


def settle(page: Page) -> None:
    page.evaluate(SETTLE, {"quietMs": QUIET_MS, "timeoutMs": 15_000})


def opened(page: Page, server: Server, path: str) -> Page:
    page.goto(server.url + path.format(**server.facts))
    if path != "/nothing":
        page.wait_for_function("window.did_handshake")
    if path.partition("?")[0] in {"/properties/{busy}", "/properties/{open}", "/properties/{empty}"}:
        expect(card(page, "visitors").locator(".v")).not_to_have_text("")
        page.wait_for_selector("[data-drawn]", state="attached")
    return page


@pytest.mark.parametrize("path", PAGES)
def test_pages_break_no_rule(silent_page: Page, server: Server, path: str) -> None:
    assert audit(opened(silent_page, server, path)) == []
    assert silent_page.locator("h1").count() == silent_page.locator("main").count() == 1


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_pages_without_an_account_break_no_rule(stranger: Page, server: Server, path: str) -> None:
    assert audit(opened(stranger, server, path)) == []


@pytest.mark.parametrize("path", OWNER_PAGES)
def test_pages_of_the_server_break_no_rule(owners_page: Page, server: Server, path: str) -> None:
    assert audit(opened(owners_page, server, path)) == []
    assert owners_page.locator("h1").count() == owners_page.locator("main").count() == 1


def test_the_dialog_of_an_invitation_breaks_no_rule(owners_page: Page, server: Server) -> None:
    opened(owners_page, server, "/settings/users").get_by_role("button", name="Invite", exact=True).click()
    owners_page.wait_for_selector(".q-dialog .sheet")
    owners_page.locator(".picklist .q-checkbox").first.click()
    assert audit(owners_page, ".q-dialog .sheet") == []


MENUS = ("Property: busy.example. Switch property", "Period: ", "Segments: saved filters", "More", "Custom cards")
DIALOGS = ("Pages: show all", "Filter", "Visitors: explain this metric")


@pytest.fixture(scope="module")
def dashboard(desktop: BrowserContext, server: Server) -> Iterator[Page]:
    """One page for all menus and dialogs; the page itself is audited above."""
    page = shown(new_page(desktop, server, server.facts["token"]), server)
    yield page
    page.close()


@pytest.mark.parametrize("name", MENUS + DIALOGS)
def test_menus_and_dialogs_break_no_rule(dashboard: Page, name: str) -> None:
    popup = ".q-dialog .sheet" if name in DIALOGS else ".q-menu"
    dashboard.get_by_label(name, exact=not name.endswith(" ")).first.click(force=True)
    dashboard.wait_for_selector(popup)
    violations = audit(dashboard, popup)
    dashboard.keyboard.press("Escape")
    expect(dashboard.locator(".q-menu, .q-dialog")).to_have_count(0)
    assert violations == []


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
        expect(row(page, "Pages", f"/loud/{number}")).to_be_visible()
    expect(page.locator(".livebox")).not_to_contain_text("0")
    assert page.evaluate("window.spoken") == 0
