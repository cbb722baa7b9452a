"""The map in a real browser, with the slim chart bundle and with NiceGUI's own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from proprium.figures.bundle import built_file
from tests.support.servers import ROOT, free_port

COLOURED = "document.querySelectorAll('.choroplethlayer .trace')[1]?.querySelectorAll('path').length ?? 0"
LAND = "document.querySelectorAll('.choroplethlayer .trace')[0].querySelectorAll('path').length"


@contextmanager
def map_page(bundle: str) -> Iterator[str]:
    """The address of a page with a map and a chart."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.ui.map_page", str(port), bundle], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/maps/world.json", timeout=5)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the page with the bundle that a build makes: where there is none, with NiceGUI's own."""
    with map_page("slim" if built_file("plotly.js") else "stock") as address:
        yield address


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 900, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    with opened(context, address) as page:
        yield page


@contextmanager
def opened(context: BrowserContext, address: str) -> Iterator[Page]:
    """The page as it opens; at its end nothing was asked of another server, and no script had failed."""
    page = context.new_page()
    strangers: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: strangers.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.wait_for_selector("[data-drawn]", state="attached")
    yield page
    assert [url for url in strangers if not url.startswith((address, "data:", "blob:"))] == []
    assert problems == []
    page.close()


def test_the_land_and_the_chart_beside_it_are_drawn_before_any_number_is_there(page: Page) -> None:
    assert page.evaluate(LAND) >= 249
    assert page.evaluate(COLOURED) == 0
    page.wait_for_selector(".scatterlayer .trace", state="attached")


def test_it_has_the_pages_own_colour_until_the_server_knows_whether_that_is_dark(page: Page) -> None:
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => document.body.style.setProperty('--soft', '#010203'))"
    )
    page.reload()
    page.wait_for_selector("[data-drawn]", state="attached")
    land = page.locator(".choroplethlayer .trace").first.locator("path").first
    expect(land).to_have_css("fill", "rgb(1, 2, 3)")
    page.get_by_role("button", name="first").click()
    expect(land).to_have_css("fill", "rgb(238, 240, 244)")


def test_a_country_lights_up_when_its_first_visitor_comes(page: Page) -> None:
    page.get_by_role("button", name="first").click()
    page.wait_for_function(f"({COLOURED}) === 2")
    assert page.locator(".scattergeo path.point").count() == 1
    page.get_by_role("button", name="more").click()
    page.wait_for_function(f"({COLOURED}) === 3")


def test_a_click_tells_the_country_that_was_hit(page: Page) -> None:
    page.get_by_role("button", name="first").click()
    page.wait_for_function(f"({COLOURED}) === 2")
    _click(page)
    expect(page.locator("#picked")).to_have_text("picked US")


def test_an_update_keeps_the_tooltip_under_the_pointer(page: Page) -> None:
    page.get_by_role("button", name="first").click()
    page.wait_for_function(f"({COLOURED}) === 2")
    _point_at(page)
    tip = page.locator(".hoverlayer .hovertext")
    expect(tip.first).to_contain_text("4,210 visitors")
    page.evaluate("[...document.querySelectorAll('button')].find(b => /more/i.test(b.textContent)).click()")
    page.wait_for_function(f"({COLOURED}) === 3")
    expect(tip.first).to_contain_text("4,210 visitors")


def test_a_country_opens_into_its_regions(page: Page) -> None:
    page.get_by_role("button", name="germany").click()
    page.wait_for_selector("[data-drawn^='/maps/regions/DE']", state="attached")
    assert page.evaluate(LAND) == 16
    assert page.evaluate(COLOURED) == 5


def test_nicegui_s_own_bundle_draws_the_same(context: BrowserContext) -> None:
    """It serves where the slim one was not built; what differs is Plotly, so that one page shows each of its parts."""
    if built_file("plotly.js") is None:
        pytest.skip("the chart bundle was not built: the tests above have tested this one")
    with map_page("stock") as address, opened(context, address) as page:
        test_the_land_and_the_chart_beside_it_are_drawn_before_any_number_is_there(page)
        test_a_country_lights_up_when_its_first_visitor_comes(page)
        test_an_update_keeps_the_tooltip_under_the_pointer(page)
        test_a_click_tells_the_country_that_was_hit(page)
        test_a_country_opens_into_its_regions(page)


def _middle(page: Page) -> tuple[float, float]:
    """A point inside the first coloured country; the middle of its box may lie in another."""
    place = page.evaluate(
        """() => {
          const path = document.querySelectorAll('.choroplethlayer .trace')[1].querySelector('path');
          const box = path.getBoundingClientRect();
          for (let y = 0.5; y < 0.95; y += 0.05) for (let x = 0.3; x < 0.95; x += 0.05) {
            const at = [box.x + box.width * x, box.y + box.height * y];
            const local = new DOMPoint(...at).matrixTransform(path.getScreenCTM().inverse());
            if (path.isPointInFill(local)) return at;
          }
        }"""
    )
    return place[0], place[1]


def _point_at(page: Page) -> None:
    x, y = _middle(page)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=3)


def _click(page: Page) -> None:
    _point_at(page)
    page.locator(".hoverlayer .hovertext").first.wait_for(state="attached")
    page.mouse.down()
    page.mouse.up()
