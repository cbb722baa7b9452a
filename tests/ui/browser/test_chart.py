"""The chart under a mouse, a finger and the arrow keys, in a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, card, shown

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
DRAWN = "document.querySelectorAll('.chart .main-svg').length > 0"


def spot(page: Page, selector: str, share: float) -> tuple[float, float]:
    """A point of a figure, so far from its left edge."""
    figure = page.locator(selector)
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    assert box
    return box["x"] + share * box["width"], box["y"] + 0.4 * box["height"]


def tooltip(page: Page, selector: str = ".chart") -> str:
    return page.locator(f"{selector} .hoverlayer").text_content() or ""


def test_a_drag_inside_a_day_is_a_period_of_hours_and_the_way_back_ends_it(page: Page, server: Server) -> None:
    shown(page, server, f"?from={YESTERDAY}&to={YESTERDAY}")
    page.wait_for_function(DRAWN)
    visitors = card(page, "visitors").locator(".v").inner_text()
    x, y = spot(page, ".chart", 0.3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=8)
    page.mouse.up()
    expect(page).to_have_url(re.compile(rf"from={YESTERDAY}T\d\d%3A00&to={YESTERDAY}T\d\d%3A00"))
    expect(page.locator(".charthead")).to_contain_text(re.compile(r"\d\d:00 – \d\d:00"))
    expect(page.get_by_label(re.compile(r"Period: .*\d\d:00 – \d\d:00")).first).to_be_visible()
    expect(card(page, "visitors").locator(".v")).not_to_have_text(visitors)
    page.go_back()
    expect(card(page, "visitors").locator(".v")).to_have_text(visitors)
    expect(page.locator(".charthead")).not_to_contain_text(":00")


def test_a_finger_reads_a_value_before_it_opens_a_day(phone: Page, server: Server) -> None:
    shown(phone, server, "?period=7d")
    phone.wait_for_function(DRAWN)
    address = phone.url
    where = spot(phone, ".chart", 0.5)
    phone.touchscreen.tap(*where)
    expect(phone.locator(".chart .hoverlayer")).to_contain_text("Tap again to open")
    phone.wait_for_timeout(600)
    assert phone.url == address
    phone.touchscreen.tap(*where)
    expect(phone).to_have_url(re.compile(r"from=\d{4}-\d\d-\d\d&to="))


def test_a_finger_reads_an_hour_of_the_week_before_it_filters(phone: Page, server: Server) -> None:
    shown(phone, server)
    phone.wait_for_function("document.querySelectorAll('.week .main-svg').length > 0")
    address = phone.url
    where = spot(phone, ".week", 0.5)
    phone.touchscreen.tap(*where)
    expect(phone.locator(".week .hoverlayer")).to_contain_text("Tap again to filter")
    phone.wait_for_timeout(600)
    assert phone.url == address
    phone.touchscreen.tap(*where)
    expect(phone).to_have_url(re.compile("filter=weekday_hour"))


def test_a_finger_reads_a_country_before_it_opens_it(phone: Page, server: Server) -> None:
    shown(phone, server)
    phone.wait_for_selector("[data-drawn]")
    address = phone.url
    where = spot(phone, ".maph", 0.22)  # the United States
    phone.touchscreen.tap(*where)
    expect(phone.locator(".maph .hoverlayer")).to_contain_text("United States")
    phone.wait_for_timeout(600)
    assert phone.url == address
    phone.touchscreen.tap(*where)
    expect(phone).to_have_url(re.compile("map=US"))
    expect(phone.locator(".maph .hoverlayer")).not_to_contain_text("United States")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hover_says_both_dates_both_values_and_the_change(page: Page, server: Server, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    shown(page, server, "?period=7d")
    page.wait_for_function(DRAWN)
    page.mouse.move(*spot(page, ".chart", 0.65))
    expect(page.locator(".chart .hoverlayer .hovertext")).to_have_count(1)
    assert len(re.findall(r"\d+ \w{3} \d{4}", tooltip(page))) == 2
    assert re.search(r"Visitors: \d+ \(new\).*: 0", tooltip(page))
    lines = page.locator(".chart .spikeline")
    styles = lines.evaluate_all("""lines => lines.map(line => [line.style.stroke || line.getAttribute('stroke'),
        parseFloat(line.style.strokeWidth || line.getAttribute('stroke-width'))])""")
    card_colour = page.evaluate("getComputedStyle(document.querySelector('section.card')).backgroundColor")
    assert styles
    for colour, width in styles:
        assert width == 1 or colour == card_colour, "an edge in another colour than the card's"


def test_arrow_keys_stop_at_today_and_at_the_first_event(page: Page, server: Server) -> None:
    shown(page, server, "?period=today")
    address = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    assert page.url == address
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(150)
    first = re.search(r"from=(\d{4}-\d\d-\d\d)", page.url)
    assert first
    assert datetime.now(UTC).date() - timedelta(days=7) <= datetime.fromisoformat(first[1]).date()
