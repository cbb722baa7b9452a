"""Clicks on links that lead away: middle button, keyboard and context menu; shadow roots and SVG."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from collector.event import Event
from tests.collector.script_site import CHROMIUM, Site, visit, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

LINKS = """<a id=out href="https://other.example/path?q=1">out</a> <a id=file href="/files/list.pdf?token=1">file</a>
    <a id=saved href="/report?token=1" download>saved</a> <a id=inside href="/inside">inside</a> <p id=text>text</p>"""
STAY = "<script>addEventListener('click', (event) => event.preventDefault(), true)</script>"


def clicks(site: Site, page: Page, count: int) -> list[dict[str, Any]]:
    """Waits for this number of clicks; the next request takes them along."""
    page.evaluate("collectorQueue.push('end')")
    wait_for(lambda: bool(site.events) and site.events[-1].event == "end")
    clicks: list[Event] = [event for event in site.events if event.event == "click"]
    assert len(clicks) == count, [event.data for event in clicks]
    return [event.data for event in clicks]


def targets(site: Site, page: Page, count: int) -> list[tuple[str, str | None]]:
    return [(data["target"], data.get("href")) for data in clicks(site, page, count)]


@pytest.mark.parametrize("button", ["middle", "right"])
def test_a_new_tab_by_middle_button_or_context_menu_is_a_click_on_a_link_that_leads_away(
    site: Site, page: Page, button: Any
) -> None:
    site.html += LINKS
    visit(page, site.url)
    for link in ("#text", "#inside", "#out", "#file", "#saved"):  # a click that does not count delays none that does
        page.click(link, button=button)
        if link not in ("#text", "#inside"):
            page.clock.run_for(400)
    host = site.url.removeprefix("http://")
    assert targets(site, page, 3) == [
        ("a#out", "other.example"),
        ("a#file", f"{host}/files/list.pdf"),
        ("a#saved", f"{host}/report"),
    ]


def test_the_keyboard_opens_links(site: Site, page: Page) -> None:
    site.html += STAY + LINKS
    visit(page, site.url)
    for link, keys in (("#out", "Enter"), ("#file", "Control+Enter"), ("#out", "Shift+F10")):
        page.focus(link)
        page.keyboard.press(keys)
        page.clock.run_for(400)
    clicks = targets(site, page, 3)
    assert [target for target, _ in clicks] == ["a#out", "a#file", "a#out"]
    assert clicks[0][1] == "other.example"


def test_links_in_shadow_roots_are_links(site: Site, page: Page) -> None:
    site.html += (
        STAY
        + """<my-card></my-card><my-button data-collect="buy"></my-button>
        <a href="https://around.example/"><my-icon></my-icon></a><script>
        const open = (name, html) => { document.querySelector(name).attachShadow({mode: 'open'}).innerHTML = html; };
        open('my-card', '<a id=out href="https://other.example/x"><b>secret</b></a>');
        open('my-button', '<button>secret</button>');
        open('my-icon', '<i>secret</i>');</script>"""
    )
    visit(page, site.url)
    for selector in ("b", "button", "i"):
        page.click(selector)
        page.clock.run_for(400)
    assert targets(site, page, 3) == [("a#out", "other.example"), ("my-button#buy", None), ("a", "around.example")]
    assert "secret" not in repr(site.events)


def test_links_in_svg_are_links(site: Site, page: Page) -> None:
    shape = '<circle id="{}" cx="{}" cy="50" r="20"/>'
    site.html += f"""{STAY}<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="100">
        <a id="one" href="https://other.example/x">{shape.format("a", 50)}</a>
        <a id="two" xlink:href="https://older.example/x">{shape.format("b", 150)}</a>
        <a id="three" href="/files/map.zip">{shape.format("c", 250)}</a>
        <a id="four" href="/inside">{shape.format("d", 350)}</a></svg>"""
    visit(page, site.url)
    for selector in ("#a", "#b", "#c", "#d"):
        page.click(selector)
        page.clock.run_for(400)
    assert targets(site, page, 4) == [
        ("a#one", "other.example"),
        ("a#two", "older.example"),
        ("a#three", site.url.removeprefix("http://") + "/files/map.zip"),
        ("a#four", None),
    ]


def test_links_that_lead_nowhere_on_the_web_have_no_href(site: Site, page: Page) -> None:
    addresses = ("mailto:ann@mail.zip", "tel:+491", "javascript:void 0", "whatsapp://send", "http://[", "#top", "")
    site.html += STAY + "".join(f'<p><a href="{address}">link</a></p>' for address in addresses) + "<a>no link</a>"
    visit(page, site.url)
    for index in range(len(addresses) + 1):
        page.click(f"a >> nth={index}")
        page.clock.run_for(400)
    assert targets(site, page, len(addresses) + 1) == [("a", None)] * (len(addresses) + 1)
