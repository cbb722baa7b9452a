"""The dashboard in a real browser: it moves by itself, its address says what it shows, a click goes where it should."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, card, number, row, shown, tile, until


def test_an_event_moves_cards_rows_and_live_count_without_a_reload(page: Page, server: Server) -> None:
    shown(page, server)
    page.evaluate("window.isTheSamePage = true")
    page.mouse.wheel(0, 300)
    visitors, views = number(page, "visitors"), number(page, "page_views")
    server.append(visitor="moving", page="/just-now", country="FR")
    expect(card(page, "visitors").locator(".v")).to_have_text(str(visitors + 1))
    expect(card(page, "page_views").locator(".v")).to_have_text(str(views + 1))
    expect(row(page, "Pages", "/just-now")).to_be_visible()
    expect(row(page, "Places", "France")).to_be_visible()
    expect(page.locator(".livebox")).to_contain_text("1")
    assert page.evaluate("window.isTheSamePage && scrollY > 0"), "no reload, no jump"


def test_a_row_filters_the_page_and_the_way_back_undoes_it(page: Page, server: Server) -> None:
    shown(page, server)
    everybody = number(page, "visitors")
    row(page, "Pages", "/pricing").click()
    expect(page.get_by_text("Page is /pricing")).to_be_visible()
    expect(card(page, "visitors").locator(".v")).to_have_text(
        "6"
    )  # who signed up there without a view is not among them
    expect(page).to_have_url(re.compile("filter=page%3Ais%3A%2Fpricing"))
    page.go_back()
    expect(page.get_by_text("Page is /pricing")).to_be_hidden()
    expect(card(page, "visitors").locator(".v")).to_have_text(str(everybody))
    page.go_forward()
    expect(card(page, "visitors").locator(".v")).to_have_text(
        "6"
    )  # who signed up there without a view is not among them
    page.get_by_label("Remove Page is /pricing").click()
    expect(card(page, "visitors").locator(".v")).to_have_text(str(everybody))


def test_a_pasted_link_shows_the_same_page(page: Page, server: Server) -> None:
    shown(page, server, "?period=90d&filter=country:is:DE&metric=sessions&map=DE&devices=platforms&sources=utm_term")
    expect(page.get_by_text("Country is Germany")).to_be_visible()
    expect(card(page, "sessions")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Period: Last 90 days")).to_be_visible()
    expect(tile(page, "Devices").get_by_role("button", name="Platform", exact=True)).to_be_visible()
    expect(row(page, "Places", "Hesse")).to_be_visible()
    expect(tile(page, "Sources").locator("button[aria-pressed=true]")).to_have_text(["Campaigns", "Term"])
    expect(page.locator(".maph")).to_have_attribute("aria-label", "Map of Germany: Visitors by region")


def test_a_country_on_the_map_opens_its_regions_and_the_world_comes_back(page: Page, server: Server) -> None:
    shown(page, server)
    world = page.locator(".maph")
    page.wait_for_selector(".maph[data-drawn*=world]")
    world.evaluate("(map) => map.emit('plotly_click', {points: [{customdata: ['DE', 'Germany', '7']}]})")
    page.wait_for_selector(".maph[data-drawn*='regions/DE']")
    expect(page).to_have_url(re.compile(r"\?map=DE$"))
    expect(row(page, "Places", "Hesse")).to_be_visible()
    page.get_by_label("Back to the world").click()
    page.wait_for_selector(".maph[data-drawn*=world]")
    expect(row(page, "Places", "Germany")).to_be_visible()


def test_a_card_switches_the_chart_and_a_bucket_opens_its_day(page: Page, server: Server) -> None:
    shown(page, server)
    card(page, "event:sign_up").click()
    expect(page.locator(".charthead")).to_contain_text("sign_up")
    page.locator(".chart").evaluate("(chart) => chart.emit('plotly_click', {points: [{x: '2026-11-02'}]})")
    expect(page.get_by_label("Period: 2 Nov 2026")).to_be_visible()
    expect(page).to_have_url(re.compile("from=2026-11-02&to=2026-11-02"))


def test_a_tile_opens_its_whole_list_and_a_row_of_it_filters(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_label("Places: show all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Search this table").fill("germ")
    expect(dialog.get_by_text("United States")).to_be_hidden()
    expect(dialog).to_contain_text("1 country")  # the head comes last: a row that is being redrawn misses its click
    dialog.get_by_text("Germany").click()
    expect(page.get_by_text("Country is Germany")).to_be_visible()


def test_keys_change_the_period_unless_somebody_types(page: Page, server: Server) -> None:
    shown(page, server)
    page.keyboard.press("w")
    expect(page.get_by_label("Period: Last 7 days")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator(".charthead")).not_to_contain_text("vs")
    page.keyboard.press("/")
    page.get_by_label("Value").fill("my way")  # w, m and y are keys
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Page is my way", exact=True)).to_be_visible()
    expect(page.locator(".q-dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Page is my way", exact=True)).to_be_hidden()
    expect(page).to_have_url(re.compile("period=7d"))
    page.keyboard.press("?")
    expect(page.get_by_text("Previous/next period")).to_be_visible()


def test_a_hidden_page_costs_nothing_and_catches_up(page: Page, server: Server) -> None:
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    shown(page, server)
    other = shown(page.context.new_page(), server)
    before = number(page, "visitors")
    page.evaluate(hide, True)
    page.wait_for_timeout(300)
    server.append(visitor="unseen")
    expect(card(other, "visitors").locator(".v")).to_have_text(str(before + 1))
    other.close()
    assert number(page, "visitors") == before
    page.evaluate(hide, False)
    expect(card(page, "visitors").locator(".v")).to_have_text(str(before + 1))


def test_a_closed_page_costs_nothing(page: Page, server: Server) -> None:
    shown(page, server)
    until(lambda: server.looked_at() > 0)
    page.goto("about:blank")
    until(lambda: server.looked_at() == 0)


def test_a_page_that_lost_its_connection_moves_again(page: Page, server: Server) -> None:
    shown(page, server)
    before = number(page, "visitors")
    page.evaluate("window.socket.io.engine.close()")
    until(lambda: server.looked_at() == 0)
    server.append(visitor="meanwhile")
    expect(card(page, "visitors").locator(".v")).to_have_text(str(before + 1))
    assert server.looked_at() > 0


def test_a_custom_event_gets_a_card_and_keeps_it(page: Page, server: Server) -> None:
    shown(page, server)
    server.append(event="download", visitor="v1")
    page.get_by_label("Custom cards").click()
    page.locator(".cardlist .q-toggle", has_text="download").click()
    page.keyboard.press("Escape")
    expect(card(page, "event:download").locator(".v")).to_have_text("1")
    shown(page, server)
    expect(card(page, "event:download")).to_be_visible()


def test_a_wrong_address_gets_a_message_and_a_way_out(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/properties/{server.facts['busy']}?filter=mood:is:good")
    expect(page.get_by_role("alert")).to_contain_text("'mood' cannot be filtered on")
    page.get_by_text("Show the last 28 days").click()
    expect(card(page, "visitors").locator(".v")).not_to_have_text("")


def test_somebody_elses_property_looks_like_one_that_does_not_exist(server: Server) -> None:
    def answer(property_id: str) -> tuple[int, str]:
        cookies = {"proprium_session": server.facts["token"]}
        response = httpx.get(f"{server.url}/properties/{property_id}", cookies=cookies, headers={"Accept": "text/html"})
        return response.status_code, response.text.replace(property_id, "ID")

    missing = answer("00000000-0000-0000-0000-000000000000")
    assert answer(server.facts["foreign"]) == missing == answer("no-id-at-all")
    assert missing[0] == 404


def test_a_public_property_is_read_without_an_account_and_without_a_cookie(stranger: Page, server: Server) -> None:
    shown(stranger, server, which="open")
    assert stranger.context.cookies() == []
    expect(stranger.get_by_label("Custom cards")).to_have_count(0)
    stranger.get_by_label("More").click()
    expect(stranger.get_by_text("Sign in")).to_be_visible()
    expect(stranger.get_by_text("Delete …")).to_have_count(0)


def test_an_empty_property_says_how_to_begin(page: Page, server: Server) -> None:
    shown(page, server, which="empty")
    expect(page.get_by_text("No data yet.")).to_be_visible()
    expect(page.get_by_role("link", name="Tracking code")).to_have_attribute("href", re.compile("/install$"))


def test_a_phone_needs_no_sideways_scroll(phone: Page, server: Server) -> None:
    shown(phone, server)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_ones_own_sql_is_written_with_a_click_run_with_the_keyboard_and_drawn(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/sql?property={server.facts['busy']}")
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT ")
    page.locator(".schema button[data-name='country']").first.click()
    expect(editor).to_have_text("SELECT country")
    page.keyboard.type(", count(*) AS n FROM sessions GROUP BY ALL ORDER BY n DESC")
    expect(editor).to_have_text("SELECT country, count(*) AS n FROM sessions GROUP BY ALL ORDER BY n DESC")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".sqltable td.text-left").first).to_have_text("DE", timeout=90_000)  # a query's own limit
    countries = page.locator(".sqltable tbody td.text-left").count()  # as many as the tests before have left
    assert countries >= 2
    expect(page.locator(".sqlchart .bars .point")).to_have_count(countries)
    page.get_by_role("button", name="Save").click()
    page.get_by_placeholder("Sign-ups by country").fill("<b>Countries</b>")
    page.keyboard.press("Enter")
    expect(page.locator(".query").first).to_contain_text("<b>Countries</b>")
