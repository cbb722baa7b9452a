"""Which rights an open page needs, and that no page and no message gets past the place that checks them."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import nicegui
import pytest
from nicegui import Client, core, ui
from nicegui import nicegui as framework
from nicegui.outbox import Outbox
from starlette.types import Message, Receive, Scope, Send

from proprium.accounts import login_sessions, share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.accounts.login_sessions import SignedInUser
from proprium.properties.permissions import Level
from proprium.properties.service import PropertySharing, set_public
from proprium.storage.tables import Role
from proprium.ui.http import page_access, socket_limits
from proprium.ui.http.page_access import ANYONE, PageAccess
from proprium.ui.http.security import SOCKET_PATH
from proprium.ui.http.socket_limits import EVENTS, SocketLimits
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site

PATHS = {
    "/": "/",
    "/setup": "",  # has no handler, and is gone once there is an owner
    "/invitation": "",  # needs a link, and has no handler
    "/login": "/login",
    "/password-reset": "/password-reset",
    "/password-reset/new": "",  # needs a link: tests/ui/test_password_reset.py
    "/login/second-factor": "",  # needs the first step: tests/ui/test_second_factor.py
    "/account": "/account",
    "/account/e-mail": "",  # needs a link: tests/ui/test_account.py
    "/account/authenticator": "/account/authenticator",
    "/account/recovery-codes": "",  # shows new codes once
    "/properties": "/properties",
    "/properties/{property_id}": "/properties/{id}",
    "/properties/{property_id}/": "/properties/{id}/",
    "/properties/{property_id}/install": "/properties/{id}/install",
    "/properties/{property_id}/refused": "/properties/{id}/refused",
    "/properties/{property_id}/settings": "/properties/{id}/settings",
    "/properties/{property_id}/audit": "/properties/{id}/audit",
    "/settings": "/settings",
    "/settings/users": "/settings/users",
    "/settings/audit": "/settings/audit",
    "/settings/mail": "/settings/mail",
    "/settings/sign-in": "/settings/sign-in",
    "/sql": "/sql",
    "/share/{token}": "/share/{token}",
    "/embed/{token}": "/embed/{token}",
    "/privacy/{property_id}": "/privacy/{id}",
    "/documentation": "/documentation",
    "/changelog": "/changelog",
}
PUBLIC = {"/", "/login", "/password-reset", "/privacy/{property_id}", "/share/{token}", "/embed/{token}"}
OWNERS = {"/settings", "/settings/users", "/settings/audit", "/settings/mail", "/settings/sign-in"}


def test_every_page_is_known_to_the_tests_below(site: Site) -> None:
    known = {route.path for route in nicegui.app.routes if getattr(route, "path", "").startswith("/")}
    pages = {path for path in known if not path.startswith(("/_nicegui", "/favicon", "/unguarded", "/crash"))}
    assert pages == set(PATHS)


@pytest.mark.parametrize("pattern", [pattern for pattern, path in PATHS.items() if path])
async def test_every_page_says_what_its_reader_needs(site: Site, pattern: str) -> None:
    ada = a_user(site.services.database, role=Role.OWNER if pattern in OWNERS else Role.MEMBER)
    mine = a_property(site.services.database, "Mine", ada)
    set_public(site.services.database, mine.id, True)
    reader = None if pattern in PUBLIC else ada
    link = share_links.create(site.services.database, mine.id, COMMAND_LINE)
    page = await site.browser(reader).open(PATHS[pattern].format(id=mine.id, token=link.token))
    assert page_access.is_allowed(page)
    if "{token}" in pattern:
        share_links.revoke(site.services.database, mine.id, link.id, COMMAND_LINE)
        assert not page_access.is_allowed(page)
        assert page.is_deleted
    if reader is not None:
        login_sessions.revoke_all(site.services.database, ada.id)
        assert not page_access.is_allowed(page)
        assert page.is_deleted


@pytest.mark.parametrize("path", sorted(OWNERS))
async def test_pages_of_the_server_look_missing_to_members(site: Site, path: str) -> None:
    ada = a_user(site.services.database)
    a_property(site.services.database, "Mine", ada)
    assert (await site.client(ada).get(path)).status_code == 404
    assert (await site.client().get(path)).status_code == 303


async def forged_press(page: Client, element: ui.element) -> None:
    """As a socket does that has joined the page: through the handlers that Socket.IO knows."""
    socket_id = f"test-{uuid4()}"
    page._socket_to_document_id[socket_id] = "a document"
    listener = next(iter(element._event_listeners))
    message = {"client_id": page.id, "id": element.id, "listener_id": listener, "args": ["{}"]}
    answer = core.sio.handlers["/"]["event"](socket_id, message)
    assert answer is None
    await asyncio.sleep(0)


async def test_no_handler_runs_on_a_page_that_forgot_to_say_so(site: Site) -> None:
    pressed: list[str] = []
    elements: dict[str, ui.element] = {}

    @ui.page("/unguarded")
    def unguarded(knows: str = "") -> None:
        if knows:
            page_access.register(site.services, ANYONE)
        elements[knows] = ui.element("button").on("click", lambda: pressed.append(knows))

    for knows in ("", "yes"):
        page = await site.browser().open(f"/unguarded?knows={knows}")
        await forged_press(page, elements[knows])
    assert pressed == ["yes"]
    nicegui.app.remove_route("/unguarded")


async def test_nothing_is_answered_while_rights_cannot_be_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = a_user(site.services.database)
    page = await site.browser(ada).open("/account")
    button = next(one for one in page.elements.values() if one._event_listeners and one.props.get("type") == "button")

    def broken(*_: object, **__: object) -> Any:
        raise OSError("the disk is gone")

    before = len(page.elements)
    monkeypatch.setattr(login_sessions, "signed_in_users", broken)
    await forged_press(page, button)
    assert len(page.elements) == before
    monkeypatch.undo()
    await forged_press(page, button)
    assert not page.is_deleted


ADA, BOB, NUMBER = uuid4(), uuid4(), uuid4()
NO_KEYS: frozenset[str] = frozenset()
MINE, THEIRS = PropertySharing(NUMBER, ADA, False, NO_KEYS), PropertySharing(NUMBER, BOB, False, NO_KEYS)
OPEN = PropertySharing(NUMBER, BOB, True, NO_KEYS)


@pytest.mark.parametrize(
    ("level", "role", "now", "holds"),
    [
        (Level.EDIT, Role.MEMBER, MINE, True),
        (Level.READ, Role.MEMBER, OPEN, True),
        (Level.READ, Role.MEMBER, THEIRS, False),
        (Level.EDIT, Role.MEMBER, OPEN, False),
        (Level.READ, Role.MEMBER, MINE, True),
        (Level.EDIT, Role.OWNER, THEIRS, False),  # the page was built for an editor
    ],
)
def test_a_page_holds_as_long_as_nothing_was_taken(level: Level, role: Role, now: PropertySharing, holds: bool) -> None:
    access = PageAccess("token", SignedInUser(ADA, Role.MEMBER), NUMBER, {NUMBER: level})
    assert access.holds({"token": SignedInUser(ADA, role)}, {NUMBER: now}) is holds


def test_a_page_about_a_property_ends_with_it_and_a_list_does_not() -> None:
    reader = SignedInUser(ADA, Role.MEMBER)
    assert not PageAccess("token", reader, NUMBER, {NUMBER: Level.EDIT}).holds({"token": reader}, {})
    assert PageAccess("token", reader, None, {NUMBER: Level.EDIT}).holds({"token": reader}, {})
    assert ANYONE.holds({}, {})


# What is used of NiceGUI's insides: another version fails here first.


def test_nicegui_hears_no_message_that_is_not_checked(site: Site) -> None:
    assert set(core.sio.handlers["/"]) == EVENTS | {"connect", "disconnect"}
    for name in EVENTS | {"connect"}:
        assert core.sio.handlers["/"][name].__module__ == "proprium.ui.http.socket_messages"
    script = Path(nicegui.__file__).with_name("static") / "nicegui.js"
    assert set(re.findall(r'socket\??\.emit\(\s*"(\w+)"', script.read_text())) == EVENTS
    assert Outbox._emit.__module__ == "proprium.ui.http.socket_messages"
    source = inspect.getsource(inspect.getmodule(Outbox.loop))  # type: ignore[arg-type]
    assert source.count("sio.emit(") == 1, "a page sends in one place"
    assert "self._emit(message)" in source


async def test_nicegui_still_has_what_is_used_of_it(site: Site) -> None:
    assert list(inspect.signature(framework._on_handshake).parameters) == ["sid", "data"]
    page = await site.browser().open("/login")
    assert [type(name) for name in page._socket_to_document_id] == [str]
    assert page._delete_tasks == {}
    assert page._response_built is True
    assert list(inspect.signature(page._cancel_delete_task).parameters) == ["document_id"]
    assert isinstance(nicegui.app._exception_handlers, list)
    assert isinstance(core.sio.environ, dict)


def test_no_page_runs_a_timer_of_its_own() -> None:
    """It would run a page's code without a message and without a change: the hub does that for all pages."""
    folder = Path(page_access.__file__).parent
    assert [path.name for path in folder.rglob("*.py") if re.search(r"\bui\.timer\(|\bTimer\(", path.read_text())] == []


# Sockets of one address, without NiceGUI.


async def engine(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, and reads until the socket has ended."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


class Wire:
    """One WebSocket of an address, whose browser says nothing by itself."""

    def __init__(self, app: SocketLimits, address: str) -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": f"{SOCKET_PATH}socket.io/", "headers": [], "query_string": b"EIO=4"}
        self.task = asyncio.create_task(app(scope | {"client": (address, 1)}, self.incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def is_accepted(self) -> bool:
        return [message["type"] for message in self.sent] == ["websocket.accept"]


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.01)


async def test_an_address_has_so_many_sockets_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_limits, "MAX_SOCKETS_PER_ADDRESS", 3)
    app = SocketLimits(engine)
    wires = [Wire(app, "192.0.2.7") for _ in range(5)] + [Wire(app, "192.0.2.8")]
    await until(lambda: all(wire.sent for wire in wires))
    assert [wire.is_accepted for wire in wires] == [True, True, True, False, False, True]
    wires[0].incoming.put_nowait({"type": "websocket.disconnect"})
    await wires[0].task
    wires.append(Wire(app, "192.0.2.7"))
    await until(lambda: bool(wires[-1].sent))
    assert wires[-1].is_accepted
    for wire in wires:
        wire.task.cancel()


async def test_an_address_opens_so_many_sockets_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_limits, "CONNECTS_PER_MINUTE", 2)
    app = SocketLimits(engine)
    accepted = []
    for _ in range(3):
        wire = Wire(app, "192.0.2.7")
        await until(lambda wire=wire: bool(wire.sent))  # type: ignore[misc]
        accepted.append(wire.is_accepted)
        wire.incoming.put_nowait({"type": "websocket.disconnect"})
        await wire.task
    assert accepted == [True, True, False]


async def test_a_socket_that_joins_no_page_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_limits, "JOIN_WITHIN_S", 0.2)
    wire = Wire(SocketLimits(engine), "192.0.2.7")
    await until(lambda: wire.is_accepted)
    async with asyncio.timeout(5):
        await wire.task
