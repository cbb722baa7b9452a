"""Empty dashboards in a real browser: what is missing, why, and the way out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, card, row, shown, tile


def test_filters_without_a_match_say_so_and_which_one_hides_the_most(page: Page, server: Server) -> None:
    shown(page, server, "?filter=country:is:VA&filter=page:is:/pricing")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("No data matches these filters")
    expect(notice).to_contain_text("“Country is Vatican City” hides the most: without it, there are 6 visitors.")
    for name in ("Pages", "Sources", "Places", "Devices", "Events"):
        expect(tile(page, name).locator(".missing")).to_have_text("Nothing here matches the filters.")
    notice.get_by_role("button", name="Remove “Country is Vatican City”").click()
    expect(page.locator(".chips")).not_to_contain_text("Vatican")
    expect(notice).to_be_hidden()
    expect(card(page, "visitors").locator(".v")).to_have_text("6")
    page.go_back()
    notice.get_by_role("button", name="Clear filters").click()
    expect(page).not_to_have_url(re.compile("filter"))
    expect(notice).to_be_hidden()


def test_filters_are_not_blamed_for_an_empty_period(page: Page, server: Server) -> None:
    shown(page, server, "?from=2020-01-01&to=2020-01-02&filter=country:is:DE")
    expect(page.locator(".notice")).to_contain_text("The filters are not the reason")


def test_no_geoip_database_is_the_reason_where_every_place_is_unknown(page: Page, server: Server) -> None:
    server.append(to="foreign", visitor="someone", page="/")
    server.append(to="open", visitor="someone", page="/", country=None)
    shown(page, server, which="open")
    expect(tile(page, "Places").locator(".missing")).to_contain_text("no GeoIP database")
    expect(tile(page, "Places").locator(".missing")).to_be_visible()
    expect(row(page, "Pages", "/")).to_be_visible()


def test_a_property_without_data_has_the_checklist_and_moves_with_the_first_hit(page: Page, server: Server) -> None:
    shown(page, server, which="empty")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Waiting for the first event from empty.example")
    expect(tile(page, "Pages").locator(".missing")).to_have_text("Nothing recorded yet.")
    server.append(to="empty", visitor="first", page="/welcome")
    expect(row(page, "Pages", "/welcome")).to_be_visible()
    expect(notice).to_be_hidden()


def test_sample_data_is_loaded_from_an_empty_dashboard(page: Page, server: Server) -> None:
    server.create("sampled", "sampled.example")
    shown(page, server, which="sampled")
    page.locator(".notice").get_by_role("button", name="Load sample data").click()
    expect(page.get_by_label("Property: Exemplar. Switch property")).to_be_visible(timeout=60_000)
    expect(card(page, "visitors").locator(".v")).not_to_have_text(re.compile("^[0–]?$"), timeout=60_000)
    shown(page, server, which="sampled")
    expect(page.locator(".notice").get_by_role("link", name="Open the sample property")).to_be_visible()
