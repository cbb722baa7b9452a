"""An open page ends with its reader's rights, whichever process revokes them, and answers nothing afterwards."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import delete, update
from sqlmodel import col

from proprium.accounts import login_sessions, users
from proprium.properties import access
from proprium.properties.service import set_public, update_settings
from proprium.storage.database import Database
from proprium.storage.rejected_events import newest
from proprium.storage.tables import LoginSession, Property, PropertyRole, Role, User
from tests.support.builders import PASSWORD, a_property, a_user
from tests.support.open_page import Element, OpenPage, eventually, opened
from tests.support.servers import CHROME, Running

ENDS_WITHIN_S = 10.0
QUIET_S = 0.7


@dataclass
class Case:
    """A user with a property of their own, on a server that many of them share."""

    server: Running
    database: Database
    user: User
    token: str
    mine: Property

    def lose(self, way: str) -> None:
        """In this process, which is not the server's; or by a command, which is a third one."""
        if way == "removed by a command":
            self.server.proprium("user", "remove", self.user.email)
        elif way == "password changed by a command":
            self.server.proprium("user", "password", self.user.email, "--password-stdin", stdin="another battery\n")
        elif way == "role changed":
            with self.database.write_transaction() as session:
                session.execute(update(User).where(col(User.id) == self.user.id).values(role=Role.OWNER))
        elif way == "session ended":
            with self.database.write_transaction() as session:
                session.execute(delete(LoginSession).where(col(LoginSession.user_id) == self.user.id))
        else:
            raise AssertionError(way)


WAYS = ["removed by a command", "password changed by a command", "role changed", "session ended"]
PAGES: dict[str, tuple[str, str]] = {  # path, and the name of something on it that answers when it is pressed
    "dashboard": ("/properties/{id}", "Filter"),
    "dashboard with its dialogs": ("/properties/{id}?period=7d", "Filter"),
    "list of properties": ("/properties", "New property"),
    "install": ("/properties/{id}/install", "SPA"),
    "settings": ("/properties/{id}/settings", "Reset"),
    "refused events": ("/properties/{id}/refused", "Clear"),
    "audit log": ("/properties/{id}/audit", ""),
    "sql": ("/sql", "Save"),
    "account": ("/account", "New key"),
    "documentation": ("/documentation", ""),
    "changelog": ("/changelog", ""),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("rights")).start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.fixture
def database(server: Running) -> Iterator[Database]:
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    yield database
    database.close()


@pytest.fixture
def case(server: Running, database: Database) -> Case:
    user = a_user(database, f"{uuid4()}@example.com")
    mine = a_property(database, "Mine", user, hostnames=["example.com"])
    hit = {"collectorId": str(mine.id), "event": "page_view", "data": {"url": "/", "hostname": "other.example"}}
    visit = {"collectorId": str(mine.id), "event": "page_view", "data": {"url": "/x", "hostname": "example.com"}}
    for body in (hit, visit):
        httpx.post(f"{server.url}/collect", json=body, headers={"User-Agent": CHROME, "Origin": "http://example.com"})
    deadline = time.monotonic() + 15
    while not newest(database, mine.number or 0):  # a rejected event is written within a second
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return Case(server, database, user, login_sessions.start_session(database, user.id, "a test"), mine)


def named(page: OpenPage, name: str) -> Element:
    """What is pressed by this name: its label, or the text inside it."""

    def says(element: Element) -> bool:
        inside = [page.elements.get(str(number), {}) for number in element.get("children", ())]
        return element.get("props", {}).get("aria-label") == name or any(one.get("text") == name for one in inside)

    pressable = [one for one in page.elements.values() if any(e["type"] == "click" for e in one.get("events", ()))]
    return next(one for one in pressable if says(one))


async def settle(*pages: OpenPage) -> None:
    """Until nothing has come for a while."""
    counts: list[int] = []
    while (now := [len(page.received) for page in pages]) != counts:
        counts = now
        await asyncio.sleep(QUIET_S)


async def press_everything(page: OpenPage) -> None:
    """Calls every handler that the server has for the page, as a browser could that was not told to leave."""
    for element, listener in page.listening():
        args = {"theme": [{"dark": True}], "shortcut": ["?"], "address": ["?period=30d"], "visible": [True]}
        await page.emit("event", page.event(element, listener, *args.get(listener["type"], [["visitors", "visitors"]])))


def answers(page: OpenPage) -> list[tuple[str, object]]:
    """All that came but the request to leave."""
    return [(event, message) for event, message in page.received if not (event == "run_javascript" and page.left_by)]


async def assert_it_ends(pages: dict[str, OpenPage], lose: Callable[[], None]) -> None:
    await settle(*pages.values())
    for page in pages.values():
        page.received.clear()
    lose()
    began = time.monotonic()
    await asyncio.gather(*(press_everything(page) for page in pages.values()))
    await asyncio.gather(*(eventually(page.is_closed.is_set, ENDS_WITHIN_S) for page in pages.values()))
    assert time.monotonic() - began < ENDS_WITHIN_S
    assert [name for name, page in pages.items() if not page.is_closed.is_set()] == []
    assert {name: answers(page) for name, page in pages.items() if answers(page)} == {}
    assert [name for name, page in pages.items() if not page.left_by] == []


async def open_dialogs(page: OpenPage) -> None:
    """Filter dialog, a card's explanation, a full list: each has handlers of its own."""
    headline = next(one for one in page.elements.values() if "headline" in one.get("class", ()))
    await page.press(headline, ["", "visitors"])
    for name in ("Filter", "Pages: show all"):
        await page.press(named(page, name))
    await settle(page)


@pytest.mark.parametrize("way", WAYS)
async def test_every_page_ends_and_answers_nothing_once_its_reader_has_lost_a_right(case: Case, way: str) -> None:
    async with AsyncExitStack() as stack:
        pages: dict[str, OpenPage] = {}
        for kind, (path, _) in PAGES.items():
            page = opened(case.server.url, path.format(id=case.mine.id), case.token)
            pages[kind] = await stack.enter_async_context(page)
        await settle(*pages.values())
        for kind, (_, name) in PAGES.items():
            page = pages[kind]
            page.received.clear()
            if name:
                await page.press(named(page, name))
                assert await eventually(lambda page=page: bool(page.received), 5), f"{kind} does not answer at all"
        await open_dialogs(pages["dashboard with its dialogs"])
        await assert_it_ends(pages, lambda: case.lose(way))


async def test_every_page_that_shows_a_property_ends_once_it_is_private(case: Case, database: Database) -> None:
    """To a stranger, and to somebody who has it in a list of their own."""
    set_public(database, case.mine.id, True)
    bob = a_user(database, f"{uuid4()}@example.com")
    own, token = a_property(database, "Bob's", bob), login_sessions.start_session(database, bob.id, "a test")
    shown = f"/properties/{case.mine.id}"
    paths_and_tokens = {
        "a stranger's dashboard": (shown, ""),
        "a reader's dashboard": (shown, token),
        "a list": ("/properties", token),
        "a switcher": (f"/properties/{own.id}", token),
        "sql": ("/sql", token),
    }
    async with AsyncExitStack() as stack:
        pages = {}
        for kind, (path, cookie) in paths_and_tokens.items():
            pages[kind] = await stack.enter_async_context(opened(case.server.url, path, cookie))
        mine = await stack.enter_async_context(opened(case.server.url, shown, case.token))
        elsewhere = await stack.enter_async_context(opened(case.server.url, "/documentation", token))
        await assert_it_ends(pages, lambda: set_public(database, case.mine.id, False) and None)
        assert not mine.is_closed.is_set(), "its owner may still see it"
        assert not elsewhere.is_closed.is_set(), "a page that did not show it stays"


async def test_an_idle_page_ends_too(case: Case) -> None:
    async with opened(case.server.url, f"/properties/{case.mine.id}", case.token) as page:
        await settle(page)
        page.received.clear()
        case.lose("session ended")
        assert await eventually(page.is_closed.is_set, ENDS_WITHIN_S)
        assert page.left_by[0].startswith("location.href = '/login")
        assert answers(page) == []


async def test_live_numbers_are_not_pushed_to_a_page_that_lost_its_right(case: Case, server: Running) -> None:
    async with opened(server.url, f"/properties/{case.mine.id}", case.token) as page:
        await settle(page)
        case.lose("session ended")
        await asyncio.sleep(1.6)
        page.received.clear()
        hit = {"collectorId": str(case.mine.id), "event": "page_view", "data": {"url": "/secret-page"}}
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{server.url}/collect", json=hit, headers={"User-Agent": CHROME, "Origin": "http://example.com"}
            )
        assert answer.status_code == 204
        await asyncio.sleep(3)
        assert "secret-page" not in page.texts()


async def test_a_socket_that_lost_its_connection_cannot_join_the_page_again(case: Case, server: Running) -> None:
    page = await OpenPage(server.url, "/account", case.token).open()
    await page.close()
    case.lose("session ended")
    again = OpenPage(server.url, "/account", case.token)
    again.query = page.query
    with pytest.raises(Exception, match="failed to connect"):
        await again.join()
    await again.close()


async def test_another_login_cannot_join_the_page(case: Case, server: Running, database: Database) -> None:
    """Client ids are random; one that leaked is still of no use."""
    page = OpenPage(server.url, "/account", case.token)
    await page.load()
    bob = a_user(database, f"{uuid4()}@example.com")
    for cookie in (f"proprium_session={login_sessions.start_session(database, bob.id, 'a test')}", ""):
        with pytest.raises(Exception, match="failed to connect"):
            await page.join(headers={"User-Agent": CHROME, "Cookie": cookie})
        await page.close()
    await page.join()
    await page.close()


async def test_a_socket_speaks_for_its_own_page_only(case: Case, server: Running) -> None:
    async with opened(server.url, "/account", case.token) as page, opened(server.url, "/login") as other:
        await settle(page, other)
        page.received.clear()
        button = named(page, "New key")
        await other.emit("event", page.event(button, button["events"][0]))
        await asyncio.sleep(1)
        assert page.received == []
        await page.press(button)
        assert await eventually(lambda: bool(page.received), 5)


async def test_a_page_goes_on_when_its_reader_keeps_every_right(case: Case, database: Database) -> None:
    """Other people's changes, one's own settings, a property made public, a new one, one that was deleted."""
    async with (
        opened(case.server.url, f"/properties/{case.mine.id}", case.token) as dashboard,
        opened(case.server.url, "/properties", case.token) as listed,
    ):
        set_public(database, case.mine.id, True)
        update_settings(database, case.mine.id, name="Mine, renamed")
        users.set_profile(database, case.user.id, name="Ada L.", email=case.user.email)
        other = a_user(database, f"{uuid4()}@example.com", password=PASSWORD)
        a_property(database, "Another", other)
        a_property(database, "A second one", case.user)
        login_sessions.start_session(database, case.user.id, "another browser")
        users.remove(database, other.email)
        await asyncio.sleep(3)
        assert not dashboard.is_closed.is_set()
        assert not listed.is_closed.is_set()
        await settle(dashboard)
        dashboard.received.clear()
        await dashboard.press(named(dashboard, "Filter"))
        assert await eventually(lambda: bool(dashboard.received), 5)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_page_works_over_both_transports(case: Case, server: Running, transport: str) -> None:
    page = OpenPage(server.url, "/account", case.token)
    await page.load()
    await page.join(transport)
    await page.press(named(page, "New key"))
    assert await eventually(lambda: "New API key" in page.texts(), 5)
    case.lose("session ended")
    assert await eventually(page.is_closed.is_set, ENDS_WITHIN_S)
    assert page.left_by
    await page.close()


def test_a_browser_is_sent_to_the_sign_in_page_or_a_404(
    browser: Browser, server: Running, case: Case, database: Database
) -> None:
    context = browser.new_context()
    context.add_cookies([{"name": "proprium_session", "value": case.token, "url": server.url}])
    settings, dashboard = context.new_page(), context.new_page()
    settings.goto(f"{server.url}/properties/{case.mine.id}/settings")
    dashboard.goto(f"{server.url}/properties/{case.mine.id}?period=7d")
    settings.wait_for_function("window.did_handshake === true")
    dashboard.wait_for_function("window.did_handshake === true")
    access.transfer(database, case.mine.id, a_user(database, f"{uuid4()}@example.com").id)
    access.grant(database, case.mine.id, case.user.id, PropertyRole.VIEWER)
    expect(settings.locator("body")).to_contain_text("404", timeout=30_000)
    expect(dashboard.get_by_role("group", name="Metrics")).to_be_visible(timeout=30_000)
    expect(dashboard.get_by_text("Settings", exact=True)).to_have_count(0)  # drawn for somebody who may only read
    case.lose("session ended")
    dashboard.wait_for_url(re.compile(r"/login\?next=.*period"), timeout=30_000)
    expect(dashboard.get_by_label("E-mail")).to_be_visible()
    stranger = browser.new_context()
    public = stranger.new_page()
    set_public(database, case.mine.id, True)
    public.goto(f"{server.url}/properties/{case.mine.id}")
    public.wait_for_function("window.did_handshake === true")
    set_public(database, case.mine.id, False)
    public.wait_for_url(re.compile(r"/login\?next="), timeout=30_000)
    context.close()
    stranger.close()
    assert json.dumps(server.output()).count("page failed") == 0
