"""The main story: set-up link, property, tag on a page, a live dashboard, a PDF."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stories.conftest import Site, write_places
from tests.support.servers import Running, running

LONG_PAGE = (
    '<h1>Fresh bread</h1><div style="height:3000px">Much to read</div>'
    '<button id="order">Order</button><a href="https://other.example/">Elsewhere</a>'
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    write_places(tmp_path / "db.mmdb")
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def owner(browser: Browser, server: Running) -> Iterator[Page]:
    """Signed in through the set-up link, on the empty list of properties."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(server.setup_link())
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_label("Exemplar").uncheck()
    page.get_by_role("button", name=re.compile("owner|account|start", re.IGNORECASE)).click()
    page.wait_for_url("**/properties")
    yield page
    context.close()


def test_from_a_script_tag_to_a_moving_dashboard_and_a_pdf(
    browser: Browser, server: Running, owner: Page, site: Site, tmp_path: Path
) -> None:
    property_id = make_property(owner, "Bakery")
    put_tag_on(site, owner)

    dashboard = owner.context.new_page()
    dashboard.goto(f"{server.url}/properties/{property_id}")
    dashboard.wait_for_function("window.did_handshake")
    dashboard.evaluate("window.neverReloaded = true")

    visit(browser, site)

    expect(owner.locator("#listener")).to_contain_text("stored", ignore_case=True)
    expect(owner.locator("#listener")).to_contain_text("Germany")
    expect(card(dashboard, "Visitors")).to_contain_text("1")
    expect(card(dashboard, "Page views")).to_contain_text("2")
    expect(card(dashboard, "Clicks")).to_contain_text("1")
    expect(tile(dashboard, "Pages")).to_contain_text("/bread")
    expect(tile(dashboard, "Places")).to_contain_text("Germany")
    expect(dashboard.get_by_role("img", name=re.compile("^1 visitor in the last 5 minutes"))).to_be_visible()
    assert drawn_value(dashboard) == 1
    assert lit_countries(dashboard) == ["DE"]
    assert dashboard.evaluate("window.neverReloaded") is True

    with dashboard.expect_download(timeout=60_000) as download:
        dashboard.get_by_role("button", name="PDF").click()
    text = text_of(Path(download.value.path()))
    assert "Bakery" in text
    assert re.search(r"Visitors\s+1\b", text)
    assert re.search(r"Page views\s+2\b", text)
    assert re.search(r"Germany\s+1\b", text)


def test_an_automated_browser_is_a_bot_until_the_owner_counts_automated_browsers(
    headless_browser: Browser, server: Running, owner: Page, site: Site
) -> None:
    property_id = make_property(owner, "Bakery")
    put_tag_on(site, owner)
    stop_counting_automated(owner, server, property_id)
    owner.goto(f"{server.url}/properties/{property_id}/install")
    owner.wait_for_function("window.did_handshake")

    visit(headless_browser, site)

    expect(owner.locator("#listener .step.apart")).to_contain_text("automated: counted as a bot")
    count_them = owner.locator("#listener").get_by_role("button", name="Count automated browsers")
    expect(count_them).to_be_visible()
    owner.goto(f"{server.url}/properties/{property_id}")
    expect(tile(owner, "Bots")).to_contain_text("Headless", ignore_case=True)
    expect(card(owner, "Visitors")).to_contain_text("0")
    expect(card(owner, "Page views")).to_contain_text("0")

    owner.goto(f"{server.url}/properties/{property_id}/refused")
    owner.wait_for_function("window.did_handshake")
    owner.get_by_role("button", name="Count automated browsers").click()
    expect(owner.get_by_text("Automated browsers count as visitors now")).to_be_visible()
    owner.goto(f"{server.url}/properties/{property_id}")
    expect(card(owner, "Visitors")).to_contain_text("1")
    expect(card(owner, "Page views")).to_contain_text("2")


def make_property(page: Page, name: str) -> str:
    page.get_by_role("button", name="New property").first.click()
    page.get_by_label("Name").fill(name)
    page.keyboard.press("Enter")
    page.wait_for_url("**/install")
    page.wait_for_function("window.did_handshake")
    match = re.search(r"/properties/([0-9a-f-]{36})/", page.url)
    assert match
    return match.group(1)


def put_tag_on(site: Site, install_page: Page) -> None:
    site.tag = install_page.get_by_text("data-collector-id").first.inner_text()
    assert site.tag.startswith("<script")
    site.pages = {"/": '<a href="/bread">Bread</a>', "/bread": LONG_PAGE}


def visit(browser: Browser, site: Site) -> None:
    """Somebody comes, goes on to a second page, scrolls to its end, clicks and leaves."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(site.url + "/")
    page.goto(site.url + "/bread")
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 4000)
    page.wait_for_timeout(1500)
    page.locator("#order").click()
    page.wait_for_timeout(300)
    page.goto("about:blank")
    page.wait_for_timeout(300)
    context.close()


def stop_counting_automated(page: Page, server: Running, property_id: str) -> None:
    page.goto(f"{server.url}/properties/{property_id}/settings")
    page.wait_for_function("window.did_handshake")
    page.get_by_label("Count automated browsers").click()
    page.get_by_role("option", name="Never").click()
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()


def card(page: Page, name: str):
    return page.get_by_role("group", name="Metrics").get_by_role("button", name=re.compile(f"^{name}(?!: explain)"))


def tile(page: Page, title: str):
    return page.get_by_role("region", name=title, exact=True)


def drawn_value(page: Page) -> float:
    """The highest point of the chart's lines."""
    script = "() => Math.max(...document.querySelector('.js-plotly-plot').data.flatMap(trace => trace.y ?? []))"
    page.wait_for_function(f"({script})() > 0")
    return float(page.evaluate(script))


def lit_countries(page: Page) -> list[str]:
    script = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data)
        .filter(trace => trace.type === 'choropleth' && trace.hoverinfo !== 'skip').flatMap(trace => trace.locations)"""
    page.wait_for_function(f"({script})().length > 0")
    return list(page.evaluate(script))


def text_of(pdf: Path) -> str:
    return subprocess.run(["pdftotext", "-raw", pdf, "-"], check=True, capture_output=True, text=True).stdout
