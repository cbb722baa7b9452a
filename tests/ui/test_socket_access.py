"""Forged socket messages to every handler of a reader's dashboard return no raw data."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio
from nicegui import Client, ui
from nicegui.outbox import Outbox
from nicegui.testing import User as Browser
from nicegui.testing.user_navigate import UserNavigate
from sqlalchemy import update
from sqlmodel import col

from maps.atlas import Atlas
from proprium.clock import utc_now
from proprium.properties.service import update_settings
from proprium.server.collector_app import build_collector_parts
from proprium.storage.tables import Property, User
from proprium.ui.http import page_access, socket_messages
from tests.support.builders import an_event
from tests.ui.conftest import Site
from tests.ui.raw_data import DATA_KEYS, EVENT, PERSON, SAMPLE_KEYS, SENT, Shop, leaks, open_shop, packed

FORGED: list[Any] = [None, "0", "1", "data.email", "conversions", ["0", ""]]
OWNED = {
    f"?event={EVENT}": "canary_key",
    f"?event={EVENT}&key=email": str(SENT["email"]),
    f"?event={EVENT}&key=user_id": PERSON,
    f"?event={EVENT}&key=url": "canary-query",
    f"?filter=data.user_id:is:{PERSON}": f"user_id is {PERSON}",
}
ROUNDS = 3
"""A message may open a dialog, whose handlers are new ones."""
QUIET_S = 0.6
GONE = 20
"""Handlers of closed dialogs that get a message all the same, of some 850."""


@pytest_asyncio.fixture(loop_scope="session")
async def shop(site: Site) -> AsyncIterator[Shop]:
    collector_parts = build_collector_parts(site.services.settings, site.services.database, Atlas())
    yield open_shop(site, collector_parts)
    collector_parts.stop()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that any page sends over its socket."""
    messages: list[str] = []
    send_message = socket_messages._send

    async def recorded(outbox: Outbox, message: Any) -> None:
        messages.append(packed(message))
        await send_message(outbox, message)

    monkeypatch.setattr(socket_messages, "_send", recorded)
    for way in ("to", "reload", "back", "forward"):
        monkeypatch.setattr(UserNavigate, way, lambda *_: None)  # a forging client stays where it is
    return messages


async def opened(shop: Shop, user: User | None, query: str = "") -> Browser:
    browser = shop.site.browser(user)
    browser.javascript_rules[re.compile(r"\[propriumTheme")] = lambda _: [False, True, True, False]
    await browser.open(f"/properties/{shop.public.id}{query}")
    await until(lambda: re.search("/orders|visible only to users", everything(browser.client)) is not None)
    return browser


async def until(happened: Callable[[], bool], timeout_s: float = 15) -> None:
    for _ in range(int(timeout_s / 0.05)):
        if happened():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


def everything(client: Client | None) -> str:
    """The page's elements as a browser gets them."""
    assert client is not None
    return "\n".join(packed(element._to_dict()) for element in client.elements.values())


def values_of(element: ui.element) -> list[Any]:
    """What a browser can send to a choice: each of its options, and one that is none."""
    options = getattr(element, "options", None)
    return [{"value": index} for index in range(len(options))] if options else FORGED


def send(client: Client, element: ui.element, listener_id: str, args: Any) -> None:
    """Passes a message to the page as the socket does: through the function that checks rights."""
    message = {"id": element.id, "client_id": client.id, "listener_id": listener_id, "args": [json.dumps(args)]}
    socket_messages._dispatch(client, client.handle_event, message)


def searches(keys: Sequence[str]) -> list[str]:
    return [f"?event={EVENT}&key={key}" for key in keys] + [f"?filter=data.{key}:is_set" for key in keys]


async def forge(client: Client, keys: Sequence[str] = SAMPLE_KEYS) -> int:
    """Sends every handler of the page, and of the dialogs that open, what it could and what it could not get."""
    done: set[tuple[int, str]] = set()
    gone_count = 0
    for _ in range(ROUNDS):
        handlers = [
            (element, listener_id)
            for element in list(client.elements.values())
            for listener_id in list(element._event_listeners)
            if (element.id, listener_id) not in done
        ]
        for element, listener_id in handlers:
            done.add((element.id, listener_id))
            listener = element._event_listeners.get(listener_id)
            is_address = listener is not None and listener.type == "address"
            values = searches(keys) if is_address else values_of(element)
            if listener is None:  # a message before has closed its dialog: NiceGUI drops whatever is sent to it
                gone_count += 1
                values = values[:1] if gone_count <= GONE else []
            for args in values:
                send(client, element, listener_id, args)
                await asyncio.sleep(0.1 if is_address else 0)  # an answer replaces the one before it
            await asyncio.sleep(0)
        await asyncio.sleep(QUIET_S)
    return len(done)


def read(browser: Browser, sent: list[str]) -> str:
    downloads = [answer.text for answer in browser.download.http_responses]
    return "\n".join([everything(browser.client), *sent, *downloads])


@pytest.mark.parametrize(("who", "keys"), [("anonymous", DATA_KEYS), ("viewer", SAMPLE_KEYS)])
async def test_forged_messages_return_no_raw_data(shop: Shop, sent: list[str], who: str, keys: Sequence[str]) -> None:
    """Both have the same DataAccess: every key once, and one of each sort through the other's page."""
    browser = await opened(shop, shop.bob if who == "viewer" else None)
    assert await forge(browser.client, keys) > 60  # type: ignore[arg-type]
    texts = read(browser, sent)
    assert leaks(texts) == []
    assert "Bought pro" in texts, "the goal's name and number are the owner's to show"


async def test_the_same_messages_return_raw_data_to_the_owner(shop: Shop, sent: list[str]) -> None:
    """The positive control."""
    browser = await opened(shop, shop.ada)
    [(element, listener_id)] = [
        (element, each.id)
        for element in browser.client.elements.values()  # type: ignore[union-attr]
        for each in element._event_listeners.values()
        if each.type == "address"
    ]
    for search, value in OWNED.items():
        send(browser.client, element, listener_id, search)  # type: ignore[arg-type]
        await until(lambda value=value: value in everything(browser.client))  # type: ignore[misc]
    assert "Canary people" in everything(browser.client)


@pytest.mark.parametrize("who", ["anonymous", "viewer"])
async def test_a_private_key_in_the_url_is_explained_to_readers(shop: Shop, sent: list[str], who: str) -> None:
    browser = await opened(shop, shop.bob if who == "viewer" else None, f"?event={EVENT}&key=email")
    texts = read(browser, sent)
    assert "data.email is visible only to users who may edit this property." in texts
    assert "Show the last 28 days of Shop" in texts
    assert leaks(texts) == []


async def test_an_event_opens_for_readers_with_its_public_keys_alone(shop: Shop, sent: list[str]) -> None:
    browser = await opened(shop, None, f"?event={EVENT}")
    await until(lambda: "had no public data" in everything(browser.client))
    update_settings(shop.site.services.database, shop.public.id, public_data_keys=["plan"])
    browser = await opened(shop, None, f"?event={EVENT}&key=plan")
    await until(lambda: "canary plan" in everything(browser.client))
    assert not [leak for leak in leaks(read(browser, sent)) if not re.search("canary[ +]plan", leak)]


async def test_rights_that_end_while_the_page_is_open_end_what_it_shows(shop: Shop, sent: list[str]) -> None:
    browser = await opened(shop, shop.ada)
    before = len(sent)
    with shop.site.services.database.write_transaction() as session:
        session.execute(update(Property).where(col(Property.id) == shop.public.id).values(owner_id=None))
    client = browser.client
    assert client is not None
    await forge(client)
    assert client.is_deleted
    assert leaks("\n".join(sent[before:])) == []


async def test_a_key_that_becomes_private_ends_the_pages_that_show_it(shop: Shop, sent: list[str]) -> None:
    database = shop.site.services.database
    update_settings(database, shop.public.id, public_data_keys=["plan"])
    browser = await opened(shop, None, f"?event={EVENT}&key=plan")
    await until(lambda: "canary plan" in everything(browser.client))
    update_settings(database, shop.public.id, public_data_keys=[])
    before = len(sent)
    number = shop.public.number
    shop.site.filled.append(
        [an_event("eve", utc_now(), "/orders", EVENT, property=number or 0, data={"plan": "canary new"})]
    )
    shop.site.services.live_queries.invalidate([number or 0])
    client = browser.client
    assert client is not None
    await page_access.end_pages(shop.site.services)
    assert client.is_deleted
    await asyncio.sleep(QUIET_S)
    assert "canary new" not in "\n".join(sent[before:])
