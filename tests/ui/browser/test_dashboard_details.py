"""Tooltips of cards, the theme switch, the full list and the map of one country, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, card, shown, tile


@pytest.fixture
def page(page: Page) -> Page:
    """A narrow light one."""
    page.set_viewport_size({"width": 1024, "height": 900})
    page.emulate_media(color_scheme="light")
    return page


def test_a_card_explains_itself_to_the_keyboard_and_covers_no_card_below(page: Page, server: Server) -> None:
    shown(page, server)
    card(page, "visitors").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")  # as a keyboard does, so that the focus is visible
    tooltip = page.locator(".q-tooltip")
    expect(tooltip).to_contain_text("visitors", ignore_case=True)
    over, below = tooltip.bounding_box(), card(page, "visitors").bounding_box()
    assert over
    assert below
    assert over["y"] + over["height"] <= below["y"] + 1
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".q-tooltip", has_text="known")).to_have_count(0)


def test_the_first_click_on_the_theme_switch_changes_the_theme(page: Page, server: Server) -> None:
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{server.url}/login")
        page.wait_for_function("window.did_handshake")
        page.evaluate("propriumTheme.choose('auto')")
        themes = []
        for _ in range(3):
            page.get_by_label("Theme: automatic, light or dark").click()
            themes.append(page.evaluate("document.documentElement.dataset.theme"))
        assert themes == [other, scheme, scheme]


def test_the_full_list_keeps_its_height_and_its_search_field_its_place(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_label("Pages: show all").click()
    search = page.get_by_label("Search this table")
    expect(page.locator(".fulltable tbody tr")).not_to_have_count(0)
    page.wait_for_timeout(500)

    def places() -> list[float]:
        field, sheet = search.bounding_box(), page.locator(".sheet.huge").bounding_box()
        assert field
        assert sheet
        return [field["x"], field["y"], sheet["y"], sheet["height"]]

    before = places()
    search.fill("nothing like this")
    expect(page.locator(".fulltable tbody tr td.first")).to_have_count(0)
    page.wait_for_timeout(300)
    assert places() == before


def test_no_title_and_no_tab_of_a_tile_is_cut(page: Page, server: Server) -> None:
    shown(page, server)
    for width in (901, 1024, 1180, 1250):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        cut = page.evaluate("""[...document.querySelectorAll('.hd .t, .hd .tabs')].filter(
            (element) => element.offsetWidth && element.scrollWidth > element.clientWidth + 1).map(
            (element) => element.textContent)""")
        assert cut == [], width


def test_the_map_shows_the_country_that_is_filtered(page: Page, server: Server) -> None:
    shown(page, server, "?filter=country:is:DE")
    expect(tile(page, "Visitors by country").locator(".t")).to_have_text("Germany: visitors by region")
    expect(page.locator("[data-drawn*='regions/DE']")).to_have_count(1)
    expect(tile(page, "Places").locator("button.on", has_text="Regions")).to_be_visible()
    page.get_by_label("Remove Country is Germany").click()
    expect(page.locator("[data-drawn*='world']")).to_have_count(1)
    expect(page.locator(".mapbox .legend")).to_contain_text("7")
