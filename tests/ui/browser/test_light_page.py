"""A public dashboard before its live page: numbers at once, and a press that comes early is not lost."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from proprium.ui.http.light_page import LIVE_HEADER
from tests.support.dashboard_browser import Server


def test_a_press_on_the_light_page_takes_effect_in_the_live_one(stranger: Page, server: Server) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if LIVE_HEADER in route.request.headers:
            held.append(route)
        else:
            route.continue_()

    stranger.route("**/properties/*", hold)
    stranger.goto(f"{server.url}/properties/{server.facts['open']}")
    stranger.evaluate("window.isLight = true")
    stranger.get_by_role("button", name="Segments: saved filters").click()
    expect(stranger.get_by_role("button").filter(has_text="Germans")).to_have_count(0)
    assert [route.request.headers[LIVE_HEADER] for route in held] == ["1"], "asked for once"
    held[0].continue_()
    expect(stranger.get_by_role("button").filter(has_text="Germans")).to_be_visible()
    assert stranger.evaluate("window.did_handshake")


def test_names_of_events_are_no_script_in_the_live_page(stranger: Page, server: Server) -> None:
    """A pressed button's name is written into the live page."""
    stranger.goto(f"{server.url}/properties/{server.facts['open']}")
    name = "</script><script>window.isHurt = true</script>"
    stranger.evaluate("(name) => document.querySelector('button.kpi').setAttribute('aria-label', name)", name)
    stranger.locator("button.kpi").first.click()
    stranger.wait_for_function("window.did_handshake")
    assert not stranger.evaluate("window.isHurt")
