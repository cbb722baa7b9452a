"""A public dashboard in a real browser: no raw data over its socket but keys that its owner publishes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect

from proprium.clock import utc_now
from proprium.properties.service import find_any
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.ui.http.light_page import LIVE_HEADER
from tests.support.builders import an_event
from tests.support.servers import Running

PASSWORD = "a password for a story"
VALUES = ("canary@mail.example", "canary-user", "canary-query", "canary-plan")
WIDTHS = {"wide": (1440, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("public")).start()
    server.add_owner("ada@example.com", PASSWORD)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.fixture(scope="module")
def shop(server: Running) -> str:
    """The id of a public property with raw data of one person in it."""
    property_id = server.add_property("Shop")
    server.publish(property_id)
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    number = find_any(database, UUID(property_id)).number or 0
    data = {"email": VALUES[0], "plan": VALUES[3], "url": f"https://shop.example/orders?token={VALUES[2]}"}
    at = utc_now() - timedelta(minutes=30)
    store = EventStore(database)
    store.append(
        [
            an_event(VALUES[1], at, "/orders", name, property=number, data=data, country="DE")
            for name in ("page_view", "signup")
        ]
    )
    store.close()
    database.close()
    server.wait_until_projected()
    return property_id


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A tab that opens live pages at once, and every frame that comes to it over a socket."""
    page = context.new_page()
    page.set_extra_http_headers({LIVE_HEADER: "1"})
    received: list[str] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: received.append(str(frame))))
    page.set_default_timeout(20_000)
    return page, received


def forge(page: Page, search: str) -> None:
    """What a script in the reader's own console can send: the message of the back button."""
    page.evaluate("(search) => emitEvent('address', search)", search)


def sign_in(page: Page, server: Running) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/properties")


def picture(page: Page, name: str) -> None:
    """Kept where PROPRIUM_SHOTS says, to be looked at."""
    if folder := os.environ.get("PROPRIUM_SHOTS"):
        for width, (w, h) in WIDTHS.items():
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": w, "height": h})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.wait_for_timeout(700)
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})


def test_an_anonymous_browser_receives_no_raw_data(browser: Browser, server: Running, shop: str) -> None:
    page, received = watched(browser.new_context(viewport={"width": 1440, "height": 900}))
    page.goto(f"{server.url}/properties/{shop}")
    expect(page.get_by_text("/orders").first).to_be_visible()
    page.locator("section[aria-label='Events'] .row0").first.click()
    expect(page.get_by_text("had no public data")).to_be_visible()
    picture(page, "reader-event")
    page.get_by_label("Pages: show all").click()
    page.get_by_label("Break down by").click()
    expect(page.get_by_role("option", name="Country")).to_be_visible()
    expect(page.get_by_role("option", name="Data:")).to_have_count(0)
    for search in ("?event=signup&key=email", "?filter=data.user_id:is_set", "?event=signup&key=url"):
        page.goto(f"{server.url}/properties/{shop}")
        expect(page.get_by_text("/orders").first).to_be_visible()
        with page.expect_navigation():  # it is refused: the page opens again at its own address
            forge(page, search)
        page.goto(f"{server.url}/properties/{shop}{search}")
        expect(page.get_by_text("is visible only to users who may edit this property")).to_be_visible()
        received.append(page.content())
    picture(page, "reader-refused")
    everything = "\n".join(received)
    assert "/orders" in everything
    assert [value for value in VALUES if value in everything] == []
    page.context.close()


def test_an_owner_publishes_one_data_key_and_makes_it_private_again(
    browser: Browser, server: Running, shop: str
) -> None:
    owner, _ = watched(browser.new_context(viewport={"width": 1440, "height": 900}))
    reader, received = watched(browser.new_context(viewport={"width": 1440, "height": 900}))
    sign_in(owner, server)
    owner.goto(f"{server.url}/properties/{shop}/settings")
    keys = owner.locator("section[aria-label='Public data keys']")
    expect(keys.get_by_role("switch")).to_have_count(3)  # email, plan, url
    for each in keys.get_by_role("switch").all():
        expect(each).not_to_be_checked()
    keys.get_by_role("switch", name="plan").click()
    expect(owner.get_by_text("plan is visible to readers now.")).to_be_visible()
    keys.get_by_label("Data key to make public").fill("user_id")
    keys.get_by_role("button", name="Make public").click()
    expect(owner.get_by_text("cannot be made public")).to_be_visible()
    picture(owner, "settings")
    reader.goto(f"{server.url}/properties/{shop}?event=signup")
    reader.locator("section[aria-label='Events'] .row0", has_text="plan").click()
    expect(reader.get_by_text(VALUES[3])).to_be_visible()
    picture(reader, "reader-public-key")
    owner.get_by_role("switch", name="plan").click()
    expect(owner.get_by_text("plan is no longer visible to readers.")).to_be_visible()
    with suppress(TimeoutError):  # the page may have ended by itself: it is checked once a second, and at each click
        reader.get_by_label("Back to signup").click(timeout=1_000)
    expect(reader.get_by_text("visible only to users who may edit this property")).to_be_visible()
    everything = "\n".join(received)
    assert [value for value in VALUES[:3] if value in everything] == []
    owner.context.close()
    reader.context.close()
