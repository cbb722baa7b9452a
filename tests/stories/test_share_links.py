"""Share links in real browsers: with a password, within a segment, in frames of other sites, and until revoked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from proprium.clock import utc_now
from proprium.properties.service import find_any, update_settings
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.stories.conftest import Site
from tests.support.builders import an_event
from tests.support.servers import Running

PASSWORD = "a password for a client"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("shared"))
    server.env["PROPRIUM_BASE_URL"] = server.url  # commands do not know the port of the server
    server.start()
    server.add_owner("ada@example.com", "a password for a story")
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.fixture(scope="module")
def shop(server: Running) -> str:
    """The id of a private property: four visitors from Germany on /preise, three from France on /prix."""
    property_id = server.add_property("Secret shop")
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    property_ = find_any(database, UUID(property_id))
    update_settings(database, property_.id, segments=[{"name": "Germany", "filters": ["country:is:DE"]}])
    store, at = EventStore(database), utc_now() - timedelta(minutes=1)
    store.append(
        [
            an_event(f"visitor {index}", at, page, property=property_.number or 0, country=country)
            for index, (country, page) in enumerate([("DE", "/preise")] * 4 + [("FR", "/prix")] * 3)
        ]
    )
    store.close()
    database.close()
    server.wait_until_projected()
    return property_id


def share(server: Running, shop: str, *options: str, password: str = "") -> str:
    if password:
        return server.proprium("share", "add", "--property", shop, "--password-stdin", *options, stdin=password + "\n")
    return server.proprium("share", "add", "--property", shop, *options)


def visitors(page: Page) -> str:
    return page.locator('[data-value="visitors"] .v').inner_text()


def wait_until_live(page: Page) -> None:
    page.wait_for_function("window.did_handshake", timeout=30_000)


def test_a_client_opens_a_link_with_a_password_in_another_browser(browser: Browser, server: Running, shop: str) -> None:
    address = share(server, shop, "--expires", "30d", password=PASSWORD)
    client = browser.new_context()
    page = client.new_page()
    page.goto(address)
    expect(page.get_by_role("heading")).to_have_text("This dashboard needs a password")
    assert "Secret shop" not in page.content()
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("This password is incorrect.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open").click()
    expect(page.locator('[data-value="visitors"] .v')).to_have_text("7")
    wait_until_live(page)
    page.reload()
    assert visitors(page) == "7"  # asked once: the cookie is this link's
    token = address.rpartition("/")[2]
    assert {cookie["path"] for cookie in client.cookies()} == {f"/share/{token}", f"/embed/{token}"}
    client.close()
    other = browser.new_context()
    page = other.new_page()
    page.goto(address)
    expect(page.get_by_role("heading")).to_have_text("This dashboard needs a password")
    other.close()


def test_a_shared_page_opens_its_socket_for_readers_who_stay_and_sets_no_cookie(
    browser: Browser, server: Running, shop: str
) -> None:
    address = share(server, shop)
    context = browser.new_context()
    page = context.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(address)
    assert visitors(page) == "7"
    page.wait_for_timeout(1_500)
    assert sockets == []
    wait_until_live(page)
    assert len(sockets) == 1
    expect(page.locator(".livebox")).to_contain_text("7")
    page.get_by_role("link", name="/prix").click()
    expect(page.locator('[data-value="visitors"] .v')).to_have_text("3")
    assert re.search(r"/share/[\w-]{32}\?filter=page", page.url)
    page.go_back()
    expect(page.locator('[data-value="visitors"] .v')).to_have_text("7")
    assert page.url == address
    assert context.cookies() == []
    context.close()


def test_no_address_shows_more_than_the_segment_of_a_link(browser: Browser, server: Running, shop: str) -> None:
    address = share(server, shop, "--segment", "Germany")
    page = browser.new_page()
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    for query in ("", "?filter=country:is:FR", "?filter=page:is:/prix", "?segment=", "?audience=all", "?map=FR"):
        frames.clear()
        page.goto(address + query)
        page.mouse.click(5, 5)  # as somebody who does not wait for three seconds
        wait_until_live(page)
        page.wait_for_timeout(700)
        assert visitors(page) in {"0", "4", "–"}, query
        assert page.get_by_role("link", name="/prix").count() == 0, query
        assert frames
        if "prix" not in query:
            assert not [frame for frame in frames if "/prix" in frame], query
    page.goto(address)
    page.mouse.click(5, 5)
    wait_until_live(page)
    expect(page.locator(".livebox")).to_contain_text("4")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert visitors(page) == "4"
    token = address.rpartition("/")[2]
    for path in (f"/properties/{shop}", f"/properties/{shop}/report.json", f"/api/v1/properties/{shop}/totals"):
        answer = page.request.get(server.url + path)
        assert "/prix" not in answer.text()
        assert "visitors" not in answer.text() or "Sign in" in answer.text()
    report = page.request.get(f"{server.url}/share/{token}/report.json?filter=country:is:FR")
    assert report.json()["totals"]["metrics"]["visitors"]["value"] == 0
    page.close()


def test_an_embed_works_on_its_owners_site_and_on_no_other(
    browser: Browser, server: Running, shop: str, site: Site
) -> None:
    address = share(server, shop, "--embed", site.url).replace("/share/", "/embed/")
    site.pages["/wiki"] = f'<iframe src="{address}?theme=dark&parts=cards,chart" width="800" height="500"></iframe>'
    page = browser.new_page()
    page.goto(f"{site.url}/wiki")
    frame = page.frame_locator("iframe")
    expect(frame.locator('[data-value="visitors"] .v')).to_have_text("7")
    inner = next(child for child in page.frames if "/embed/" in child.url)
    inner.wait_for_function("window.did_handshake", timeout=30_000)
    expect(frame.locator(".chartbox .js-plotly-plot, .chartbox svg").first).to_be_visible()
    assert inner.evaluate("document.documentElement.dataset.theme") == "dark"
    assert frame.get_by_text("Sources").count() == 0
    third = f"http://localhost:{site.port}/wiki"  # the same pages on another origin
    page.goto(third)
    page.wait_for_timeout(1_500)
    refused = next(child for child in page.frames if child != page.main_frame)
    with suppress(TimeoutError):
        assert refused.locator('[data-value="visitors"]').count() == 0
    assert "/embed/" not in refused.url
    page.close()


def test_a_revoked_link_ends_the_pages_that_are_open(browser: Browser, server: Running, shop: str) -> None:
    address = share(server, shop)
    page = browser.new_page()
    page.goto(address)
    wait_until_live(page)
    server.proprium("share", "revoke", address)
    started_s = time.monotonic()
    expect(page.get_by_text("This link does not exist, or it is no longer valid.")).to_be_visible(timeout=10_000)
    assert time.monotonic() - started_s < 10
    assert page.request.get(address).status == 404
    page.close()


def test_the_picture_of_a_link_is_made_once(server: Running, shop: str, browser: Browser) -> None:
    address = share(server, shop)
    page = browser.new_page()
    first = page.request.get(f"{address}/card.png", timeout=60_000)
    assert first.status == 200
    assert first.body().startswith(b"\x89PNG")
    assert int.from_bytes(first.body()[16:20]) == 1200
    files = list((Path(server.data_dir) / "cards").iterdir())
    again = page.request.get(f"{address}/card.png")
    assert again.headers["etag"] == first.headers["etag"]
    assert [(file.name, file.stat().st_mtime) for file in files] == [
        (file.name, file.stat().st_mtime) for file in (Path(server.data_dir) / "cards").iterdir()
    ]
    page.close()
