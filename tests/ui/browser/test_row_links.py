"""Rows and menus are links in a real browser: another tab, selected text; a plain click stays in the page."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.dashboard_browser import Server, card, row, shown, tile


def new_tab(page: Page, link: Locator, **click: Any) -> Page:
    """The tab that a click opens; this page stays as it is."""
    before = page.url
    with page.context.expect_page() as opened:
        link.click(**click)
    assert page.url == before
    return opened.value


@pytest.mark.parametrize("click", [{"modifiers": ["ControlOrMeta"]}, {"button": "middle"}])
def test_a_row_opens_in_another_tab_with_the_state_of_the_page(
    page: Page, server: Server, click: dict[str, Any]
) -> None:
    shown(page, server, "?period=7d&filter=browser:is:Chrome")
    expect(row(page, "Pages", "/pricing")).to_be_visible()
    card(page, "page_views").click()  # after the rows were drawn
    expect(page).to_have_url(re.compile("metric=page_views"))
    other = new_tab(page, row(page, "Pages", "/pricing"), **click)
    expect(other.locator(".chips")).to_contain_text("Page is /pricing")
    expect(other.locator(".chips")).to_contain_text("Browser is Chrome")
    assert parse_qs(urlsplit(other.url).query) == {
        "period": ["7d"],
        "metric": ["page_views"],
        "filter": ["browser:is:Chrome", "page:is:/pricing"],
    }
    other.close()


def test_the_rows_of_every_list_are_links_to_what_a_click_shows(page: Page, server: Server) -> None:
    shown(page, server)
    expect(row(page, "Bots", "Googlebot")).to_be_visible()
    rows = page.locator("[data-value].row0:visible:not(.still)")
    assert rows.count() >= 10
    for link in rows.all():
        assert (link.get_attribute("href") or "").startswith(f"/properties/{server.facts['busy']}?")
    expect(row(page, "Bots", "Googlebot")).not_to_have_attribute("href", re.compile(""))
    for name, label in (("Places", "Germany"), ("Events", "sign_up"), ("Goals", "Saw prices"), ("Devices", "Chrome")):
        shown(page, server)
        link = row(page, name, label)
        link.hover()
        target = link.get_attribute("href") or ""
        link.click()
        expect(page).to_have_url(urljoin(server.url, target))


def test_text_of_a_row_is_selected_by_dragging_without_a_filter(page: Page, server: Server) -> None:
    shown(page, server)
    expect(row(page, "Pages", "/pricing")).to_be_visible()
    row(page, "Pages", "/pricing").scroll_into_view_if_needed()
    page.evaluate("window.isTheSamePage = true")
    box = row(page, "Pages", "/pricing").locator(".n").bounding_box()
    assert box
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    selected = page.evaluate("String(getSelection())")
    assert selected
    assert selected in "/pricing"
    page.wait_for_timeout(500)
    assert "filter" not in page.url
    row(page, "Pages", "/pricing").click()
    expect(page).to_have_url(re.compile("filter=page"))
    assert page.evaluate("window.isTheSamePage"), "a plain click loads no page"


def test_a_page_of_the_site_is_opened_safely(page: Page, server: Server) -> None:
    shown(page, server)
    row(page, "Pages", "/pricing").hover()
    link = tile(page, "Pages").get_by_label("Open page /pricing in a new tab")
    tile(page, "Pages").get_by_label("Pages: show all").click()
    table_link = page.get_by_role("dialog").get_by_label("Open page /pricing in a new tab")
    for each in (link, table_link):
        expect(each).to_have_attribute("href", "https://busy.example/pricing")
        expect(each).to_have_attribute("rel", "noopener noreferrer")
        expect(each).to_have_attribute("target", "_blank")
    cell = page.get_by_role("dialog").locator("tbody a.cell", has_text="/pricing")
    other = new_tab(page, cell, modifiers=["ControlOrMeta"])
    expect(other.locator(".chips")).to_contain_text("Page is /pricing")
    other.close()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_entries_of_menus_are_links(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_label("More", exact=True).click()
    settings = page.locator(".q-menu a", has_text="Settings")
    expect(settings).to_have_attribute("href", f"/properties/{server.facts['busy']}/settings")
    other = new_tab(page, settings, modifiers=["ControlOrMeta"])
    expect(other).to_have_url(re.compile("/settings$"))
    other.close()
    shown(page, server)
    page.get_by_label("Property: busy.example. Switch property").click()
    page.locator(".q-menu a", has_text="empty.example").click()
    expect(page).to_have_url(re.compile(server.facts["empty"]))
