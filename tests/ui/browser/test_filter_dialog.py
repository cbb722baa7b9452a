"""The filter dialog in a real browser: users choose values by name, by mouse or keyboard; the URL has the codes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, card, shown


def opened(page: Page, server: Server, dimension: str, query: str = "") -> Any:
    """The dialog after "/" and the choice of a dimension by keyboard."""
    shown(page, server, query)
    page.keyboard.press("/")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".suggested")).not_to_have_attribute("aria-busy", "true")  # new options would close the list
    dialog.get_by_label("Filter by", exact=True).fill(dimension)
    page.get_by_role("option", name=dimension, exact=True).click()
    return dialog


def test_a_country_is_typed_by_name_sent_as_code_and_edited_by_name(page: Page, server: Server) -> None:
    dialog = opened(page, server, "Country")
    expect(dialog.get_by_label("Condition", exact=True)).to_have_value("is")
    expect(dialog.locator(".suggested button", has_text="Germany").locator(".c")).to_have_text("7")
    dialog.get_by_label("Value", exact=True).press_sequentially("germany")
    page.keyboard.press("Enter")
    expect(page.locator(".chips")).to_contain_text("Country is Germany")
    expect(page).to_have_url(re.compile("filter=country%3Ais%3ADE"))
    expect(card(page, "visitors").locator(".v")).to_have_text("7")
    page.locator(".chips").get_by_text("Country is Germany").click()
    expect(dialog.locator(".selected")).to_contain_text("Germany")
    expect(dialog.get_by_label("Value", exact=True)).to_have_value("")
    expect(dialog.locator(".suggested button", has_text="United States")).to_be_visible()
    expect(dialog.locator(".suggested button", has_text="Germany")).to_have_count(0)


def test_several_values_are_chosen_with_the_keyboard_alone(page: Page, server: Server) -> None:
    dialog = opened(page, server, "Country")
    field, suggestions = dialog.get_by_label("Value", exact=True), dialog.locator(".suggested button")
    expect(suggestions.first).to_contain_text("Germany")  # no longer the two pages
    expect(suggestions).to_have_count(2)
    field.focus()
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator(".selected")).to_contain_text("Germany")
    expect(field).to_be_focused()
    expect(suggestions).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(dialog.locator(".selected .chip")).to_have_count(2)
    page.keyboard.press("Backspace")
    expect(dialog.locator(".selected .chip")).to_have_count(1)
    page.keyboard.type("united states")
    page.keyboard.press("Enter")
    expect(page.locator(".chips")).to_contain_text("Country is one of Germany, United States")
    expect(page).to_have_url(re.compile("one_of%3ADE%7CUS"))


@pytest.mark.parametrize(
    ("dimension", "text", "chip", "sent"),
    [
        ("Region", "Hesse", "Region is Hesse", "DE-HE"),
        ("Weekday", "friday", "Weekday is Friday", "weekday%3Ais%3A5"),
        ("Hour", "9:00", "Hour is 09:00", "hour%3Ais%3A09"),
        ("Weekday and hour", "Friday 9:00", "Weekday and hour is Friday 09:00", "5-09"),
        ("Country", "vatican", "Country is Vatican City", "VA"),  # in the world, though not among the visitors
        ("Country", "de", "Country is Germany", "DE"),
        ("Browser", "chrome", "Browser is Chrome", "Chrome"),
        ("Page", "/PRICING", "Page is /pricing", "%2Fpricing"),
        ("Page", "/not-there", "Page is /not-there", "%2Fnot-there"),
    ],
)
def test_what_is_typed_becomes_the_value_of_that_name(
    page: Page,
    server: Server,
    dimension: str,
    text: str,
    chip: str,
    sent: str,
) -> None:
    dialog = opened(page, server, dimension)
    dialog.get_by_label("Value", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".chips")).to_contain_text(chip)
    expect(page).to_have_url(re.compile(re.escape(sent)))


def test_a_name_that_no_country_has_is_kept_and_explained(page: Page, server: Server) -> None:
    dialog = opened(page, server, "Country")
    dialog.get_by_label("Value", exact=True).fill("Atlantis")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("“Atlantis” is not known")
    expect(dialog.get_by_label("Value", exact=True)).to_have_value("Atlantis")
    assert "filter" not in page.url


def test_segments_and_their_menu_name_hours(page: Page, server: Server) -> None:
    shown(page, server, "?filter=weekday_hour:is:5-09")
    page.get_by_text("Save as segment").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Friday mornings")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".q-dialog")).to_have_count(0)
    page.get_by_label("Segments: saved filters").click()
    expect(page.locator(".q-menu.segments")).to_contain_text("Weekday and hour is Friday 09:00")
