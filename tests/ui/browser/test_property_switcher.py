"""Many properties in a real browser: the switcher's search, the list's search by "/", sort on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, shown


@pytest.fixture(scope="module")
def customers(server: Server) -> None:
    for number in range(1, 31):
        server.create(f"customer-{number}", f"customer-{number}")


@pytest.mark.usefixtures("customers")
def test_the_switcher_finds_a_property_among_many(page: Page, server: Server) -> None:
    shown(page, server)
    switcher = page.get_by_label("Property: busy.example. Switch property")
    switcher.click()
    entries = page.locator(".q-menu a.property")
    expect(entries).to_have_count(33)  # with open.example, which is public
    names = [entry.locator("span").inner_text() for entry in entries.all()]
    assert names.index("customer-2") < names.index("customer-10") < names.index("customer-30")
    search = page.get_by_label("Search properties")
    expect(search).to_be_focused()
    search.press_sequentially("MER-2")
    expect(page.locator(".q-menu a.property:visible")).to_have_count(11)  # customer-2, customer-20 to -29
    search.press("ArrowDown")
    expect(page.locator(".q-menu a.property:visible").first).to_be_focused()
    search.fill("customer-27")
    search.press("Enter")
    expect(page).to_have_url(re.compile(server.facts["customer-27"]))


@pytest.mark.usefixtures("customers")
def test_the_list_is_compact_and_its_search_takes_the_slash(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/properties")
    expect(page.locator(".props.compact")).to_be_visible()
    assert page.locator(".props").bounding_box()["height"] < 1_200  # type: ignore[index]
    page.wait_for_function("window.did_handshake === true")
    page.keyboard.press("/")
    expect(page.get_by_label("Search properties")).to_be_focused()
    page.keyboard.type("mer-2/")
    expect(page.get_by_label("Search properties")).to_have_value("mer-2/")
    page.keyboard.press("Backspace")
    expect(page.locator(".prop")).to_have_count(11)
    page.get_by_label("Compact list").click()
    expect(page.locator(".props.compact")).to_have_count(0)
    expect(page).to_have_url(re.compile("view=cards"))


@pytest.mark.usefixtures("customers")
def test_a_phone_searches_and_sorts_the_list(phone: Page, server: Server) -> None:
    phone.goto(f"{server.url}/properties")
    expect(phone.get_by_label("Search properties")).to_be_visible()
    expect(phone.get_by_label("Sort by")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert phone.locator(".props").bounding_box()["height"] < 2_200  # type: ignore[index]
    phone.get_by_label("Sort by").click()
    phone.get_by_role("option", name="Name").click()
    expect(phone).to_have_url(re.compile("sort=name"))
