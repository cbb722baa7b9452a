"""Goals, segments, whole lists, events' data, the week and "why" in a real browser."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, WebSocketRoute, expect

from proprium.figures.template import Look
from tests.support.dashboard_browser import Server, card, number, row, shown, tile


def test_a_goal_filters_by_what_it_asks_for_and_aims_the_cards(page: Page, server: Server) -> None:
    shown(page, server)
    expect(card(page, "conversions").locator(".v")).to_have_text("9")
    goals = tile(page, "Goals")
    expect(goals.locator(".row0")).to_have_count(2)
    goals.get_by_label("Show only Signed up").click()
    expect(page).to_have_url(re.compile("goal=Signed"))
    expect(card(page, "conversions")).to_contain_text("Conversions: Signed up")
    expect(card(page, "conversions").locator(".v")).to_have_text("3")
    goals.locator(".row0", has_text="Signed up").click()
    expect(page.get_by_text("Event is sign_up")).to_be_visible()
    expect(card(page, "visitors").locator(".v")).to_have_text("3")


def test_a_segment_is_applied_and_another_one_saved_and_removed(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_role("button", name="Segments: saved filters").click()
    page.get_by_role("button").filter(has_text="Germans").click()
    expect(page).to_have_url(re.compile("filter=country%3Ais%3ADE"))
    page.get_by_text("Save as segment").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Mine <b>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".q-dialog")).to_have_count(0)
    shown(page, server)
    page.get_by_role("button", name="Segments: saved filters").click()
    page.get_by_label("Delete segment Mine <b>").click()
    page.get_by_role("button", name="Segments: saved filters").click()
    expect(page.get_by_role("button").filter(has_text="Germans")).to_be_visible()
    expect(page.get_by_role("button").filter(has_text="Mine")).to_have_count(0)


def test_a_stranger_applies_the_segments_of_a_public_property_and_changes_none(stranger: Page, server: Server) -> None:
    shown(stranger, server, which="open")
    stranger.get_by_role("button", name="Segments: saved filters").click()
    expect(stranger.get_by_role("button").filter(has_text="Germans")).to_be_visible()
    expect(stranger.get_by_label("Delete segment Germans")).to_have_count(0)
    stranger.get_by_role("button").filter(has_text="Germans").click()
    expect(stranger.locator(".chips")).to_contain_text("Country is Germany")
    expect(stranger.get_by_text("Save as segment")).to_have_count(0)
    expect(stranger.get_by_text("No goals yet")).to_be_visible()
    expect(stranger.get_by_text("Define a goal")).to_have_count(0)


def test_the_whole_list_is_sorted_broken_down_and_taken_away(page: Page, server: Server) -> None:
    shown(page, server)
    page.get_by_label("Pages: show all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("tbody tr")).not_to_have_count(0)
    dialog.get_by_role("button", name="Visitors").click()
    expect(dialog.locator("th[aria-sort=descending]")).to_have_text(re.compile("Visitors"))
    dialog.get_by_role("button", name="Visitors").click()
    expect(dialog.locator("th[aria-sort=ascending]")).to_have_text(re.compile("Visitors"))
    dialog.get_by_label("Break down by").fill("country")
    page.get_by_role("option", name="Country").click()
    expect(dialog.locator("tbody tr", has_text="Germany")).to_be_visible()
    with page.expect_download() as waiting:
        dialog.get_by_label("Download this table as CSV").click()
    lines = list(csv.reader(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()))
    assert lines[0][:3] == ["Country", "Code", "Visitors"]
    assert ["Germany", "DE", "7"] in [line[:3] for line in lines]
    with page.expect_download() as waiting:
        dialog.get_by_label("Download this table as JSON").click()
    rows = json.loads(Path(waiting.value.path()).read_text())["rows"]
    assert {"DE": 7, "US": 5}.items() <= {one["value"]: one["visitors"] for one in rows}.items()
    dialog.get_by_label("Search this table").fill("germ")
    expect(dialog.locator("tbody tr")).to_have_count(1)
    dialog.locator("tbody a.cell").click()
    expect(page.get_by_text("Country is Germany")).to_be_visible()


LIST_HEADS = {
    "Pages": ["Page", "Page views", "%"],
    "Sources": ["Channel", "Visitors", "%"],
    "Places": ["Country", "Visitors", "%"],
    "Devices": ["Browser", "Visitors", "%"],
    "Events": ["Custom event", "Events", "%"],
    "Bots": ["Bot", "Hits", "%"],
    "Goals": ["Goal", "Conversions", "Rate"],
}


def test_each_list_says_what_it_lists_what_it_counts_and_of_what(page: Page, server: Server) -> None:
    shown(page, server, "?filter=source:is:")
    for name, heads in LIST_HEADS.items():
        head = tile(page, name).locator(".colhead")
        expect(head.locator("span")).to_have_text(heads)
    visitors = number(page, "visitors")
    share = tile(page, "Sources").locator(".colhead .p")
    expect(share).to_have_attribute("title", f"Share of {visitors} visitors")
    expect(tile(page, "Bots").locator(".listnote")).to_have_text("Not filtered by Source.")
    expect(tile(page, "Pages").locator(".listnote")).to_be_hidden()
    tile(page, "Pages").get_by_role("button", name="All events", exact=True).click()
    expect(tile(page, "Pages").locator(".colhead span")).to_have_text(["Page (all events)", "Events", "%"])


def test_a_whole_list_says_what_its_rows_are_of_and_what_was_found(page: Page, server: Server) -> None:
    shown(page, server, "?filter=source:is:")
    page.get_by_label("Places: show all").click()
    dialog = page.get_by_role("dialog")
    visitors = number(page, "visitors")
    expect(dialog.locator("thead th")).to_contain_text(["Country", "Visitors", "Share"])
    expect(dialog.locator(".mut.small.num")).to_have_text(f"2 countries, {visitors} visitors")
    dialog.get_by_label("Search this table").fill("germ")
    expect(dialog.locator(".mut.small.num")).to_have_text(f"1 country, 7 of {visitors} visitors")
    page.keyboard.press("Escape")
    page.get_by_label("Bots: show all").click()
    expect(dialog.locator("thead th")).to_contain_text(["Bot", "Hits", "Share"])
    expect(dialog.locator("thead th", has_text="Page views")).to_have_count(0)
    expect(dialog.locator(".mut.small.num")).to_have_text("1 bot, 1 hit · Not filtered by Source.")
    expect(dialog.get_by_role("button", name="Columns")).to_be_hidden()


def test_a_card_tells_its_previous_value_to_the_mouse_and_to_the_keyboard(page: Page, server: Server) -> None:
    shown(page, server)
    tooltip = page.locator(".q-tooltip")
    card(page, "visitors").hover()
    expect(tooltip).to_contain_text("Previous: 0. The compared period begins before the first event.")
    page.mouse.move(5, 500)
    expect(tooltip).to_have_count(0)
    card(page, "visitors").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(tooltip).to_contain_text("Previous: 0")
    page.keyboard.press("Tab")
    expect(tooltip.filter(has_text="recognised")).to_have_count(0)
    expect(card(page, "visitors").locator(".delta")).to_have_text("new")


def test_an_event_opens_its_keys_their_values_and_a_value_filters(page: Page, server: Server) -> None:
    shown(page, server)
    row(page, "Events", "sign_up").click()
    expect(row(page, "Events", "<b>seats</b>")).to_be_visible()
    events = tile(page, "Events")
    events.locator(".row0", has_text="plan").click()
    expect(events.locator(".row0", has_text="pro").locator(".c")).to_have_text("2")
    expect(page).to_have_url(re.compile("event=sign_up&key=plan"))
    events.locator(".row0", has_text="pro").click()
    expect(page.get_by_text("plan is pro", exact=True)).to_be_visible()
    expect(card(page, "visitors").locator(".v")).to_have_text("2")
    events.get_by_label("Back to sign_up").click()
    events.get_by_label("Back to all events").click()
    expect(events.locator("h2")).to_have_text("Events")


def test_an_hour_of_the_week_filters_the_page(page: Page, server: Server) -> None:
    shown(page, server)
    plot = page.locator(".week")
    expect(plot).to_have_attribute("aria-label", re.compile("Busiest hour: "))
    plot.evaluate("(plot) => plot.emit('plotly_click', {points: [{customdata: ['3-07', 'Wednesday 07:00', '0']}]})")
    expect(page.get_by_text("Weekday and hour is Wednesday 07:00")).to_be_visible()
    expect(page).to_have_url(re.compile("weekday_hour%3Ais%3A3-07"))


def test_a_dark_page_is_never_sent_a_light_figure(stranger: Page, server: Server) -> None:
    """The week's answer may come before the dashboard's."""
    stranger.emulate_media(color_scheme="dark")
    sent: list[str] = []
    stranger.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sent.append(str(frame))))
    shown(stranger, server, which="open")
    stranger.wait_for_selector(".week .heatmaplayer image, .week .hm", state="attached")
    assert any(Look.DARK.value.accent_low in frame for frame in sent)
    assert not [frame for frame in sent if Look.LIGHT.value.accent_low in frame]


def test_a_card_says_why_by_key_and_by_its_sign(page: Page, server: Server) -> None:
    shown(page, server)
    card(page, "bounce_rate").focus()
    page.keyboard.press("i")
    side = page.get_by_role("dialog")
    expect(side.locator(".whynumber")).to_have_text(card(page, "bounce_rate").locator(".v").inner_text())
    page.keyboard.press("Escape")
    expect(page.locator(".q-dialog")).to_have_count(0)
    card(page, "visitors").hover()
    page.get_by_label("Visitors: explain this metric", exact=True).click()
    expect(side.locator(".whynumber")).to_have_text(str(number(page, "visitors")))


def test_values_that_were_seen_are_offered_while_a_filter_is_written(page: Page, server: Server) -> None:
    shown(page, server)
    page.keyboard.press("/")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".suggested")).not_to_have_attribute("aria-busy", "true")
    dialog.get_by_label("Condition", exact=True).click()
    page.get_by_role("option", name="is one of").click()
    dialog.get_by_label("Filter by", exact=True).fill("country")
    page.get_by_role("option", name="Country").click()
    dialog.get_by_label("Value", exact=True).fill("germ")
    dialog.locator(".suggested button", has_text="Germany").click()
    dialog.get_by_label("Value", exact=True).fill("United States")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_text("Country is one of Germany, United States")).to_be_visible()


def test_text_typed_before_the_server_has_answered_is_not_lost(page: Page, server: Server) -> None:
    """A slow connection: the frames of the server wait while somebody types on."""
    held: list[Callable[[], None]] = []
    is_slow = False

    def relay(browser_side: WebSocketRoute) -> None:
        def deliver(message: str | bytes) -> None:
            if is_slow:
                held.append(lambda: browser_side.send(message))
            else:
                browser_side.send(message)

        browser_side.connect_to_server().on_message(deliver)

    def deliver_held() -> None:
        page.wait_for_timeout(500)  # the server's answers have arrived at the relay
        assert held
        while held:
            held.pop(0)()

    page.route_web_socket("**/socket.io/**", relay)
    shown(page, server)
    page.keyboard.press("/")
    filter_dialog = page.get_by_role("dialog")
    expect(filter_dialog.locator(".suggested")).not_to_have_attribute("aria-busy", "true")
    filter_dialog.get_by_label("Condition", exact=True).click()
    page.get_by_role("option", name="is one of").click()
    expect(page.locator(".q-menu")).to_have_count(0)
    filter_dialog.get_by_label("Filter by", exact=True).fill("country")
    page.get_by_role("option", name="Country").click()
    value, chosen = filter_dialog.get_by_label("Value", exact=True), filter_dialog.get_by_label("Remove ")
    value.press_sequentially("germ")
    expect(filter_dialog.locator(".suggested button")).to_have_count(1)
    is_slow = True
    filter_dialog.locator(".suggested button", has_text="Germany").click()
    value.fill("United States")
    deliver_held()
    expect(chosen).to_have_count(1)
    expect(value).to_have_value("United States")
    value.press("Enter")
    value.press_sequentially("France")
    deliver_held()
    expect(chosen).to_have_count(2)
    expect(value).to_have_value("France")
    value.press("Enter")
    is_slow = False
    filter_dialog.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_text("Country is one of Germany, United States, France")).to_be_visible()
