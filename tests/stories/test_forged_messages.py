"""Forged messages to a page's socket: rejected, counted, and never in the log."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import httpx
import pytest

from tests.support.open_page import SOCKET_PATH, OpenPage, eventually, opened
from tests.support.servers import Running

EVIL = "evil\n2026-11-28 00:00:00 ERROR   forged line"
REFUSED = "proprium_socket_refused_total"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("forged"), env={"PROPRIUM_LOG_LEVEL": "INFO"}).start()
    yield server
    assert server.stop() == 0
    log = server.output()
    assert "Traceback" not in log
    assert "forged line" not in log
    assert "never retrieved" not in log


def rejections(server: Running, kind: str) -> int:
    match = re.search(rf'{REFUSED}{{kind="{kind}"}} (\d+)', httpx.get(f"{server.url}/metrics").text)
    assert match, f"no counter for {kind}"
    return int(match.group(1))


@asynccontextmanager
async def raw_socket(server: Running, **query: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket that speaks for itself, without a library between."""
    pairs = urlencode({"EIO": "4", "transport": "websocket", **query})
    address = f"{server.url}{SOCKET_PATH}/?{pairs}"
    async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
        yield socket


async def joined(server: Running, socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str("40")
    while not (await socket.receive(timeout=20)).data.startswith("40"):
        pass


async def a_query(server: Running, path: str = "/login") -> dict[str, str]:
    page = OpenPage(server.url, path)
    await page.load()
    return {name: str(value) for name, value in page.query.items()}


async def is_closed(socket: aiohttp.ClientWebSocketResponse, within_s: float = 5) -> bool:
    try:
        async with asyncio.timeout(within_s):
            async for _ in socket:
                pass
    except TimeoutError:
        return False
    return True


async def is_well(server: Running) -> None:
    async with opened(server.url, "/login") as page:
        await page.emit("ack", {"client_id": page.client_id, "next_message_id": 0})
        await asyncio.sleep(0.2)
        assert page.socket.connected


@pytest.mark.parametrize("level", ["error", "warning", "info", "debug", "loud", None, 5, ["error"]])
async def test_log_messages_from_browsers_are_counted_and_not_logged(server: Running, level: Any) -> None:
    before, log_before = rejections(server, "log"), server.output()
    async with opened(server.url, "/login") as page:
        for text in (EVIL, "x" * 200_000, {"deep": [EVIL]}, None):
            await page.emit("log", {"client_id": page.client_id, "level": level, "message": text})
        await page.emit("log", EVIL)
        assert await eventually(lambda: rejections(server, "log") == before + 5, 5)
        assert page.socket.connected
    assert server.output() == log_before


async def test_a_text_of_900_kilobytes_ends_the_connection(server: Running) -> None:
    before = rejections(server, "too_large")
    async with opened(server.url, "/login") as page:
        await page.emit("log", {"client_id": page.client_id, "level": "error", "message": "evil" * 225_000})
        assert await eventually(page.is_closed.is_set, 5)
    assert rejections(server, "too_large") == before + 1
    assert "evilevil" not in server.output()


MALFORMED: list[str | bytes] = [
    "", "x", "9", "2", "0{}", "4", "4x", "47", "49[]", "42", "42{}", "42[]", '42["event"]', '42["event",5]',
    '42["event",{},{}]', '42["disconnect",{}]', '42["disconnect"]', '42["connect",{"QUERY_STRING":"client_id=x"}]',
    '42["nothing",{}]', '42[["event"],{}]', '42[{"a":1},{}]', "42[null]", '42["event",{"a":', '4299["event"',
    '42/admin,["event",{}]', "40/admin,", "40", '44{"message":"x"}', "43[]", '431["x"]', "4" * 300,
    '451-["event",{"_placeholder":true,"num":0}]', "45", "46", "b" + "AAAA", b"\x00\x01", b"",
    "42" + "[" * 5_000, '42["event",' + '{"a":' * 5_000, '42["event",1e999999]', "\x00", "4?",
    "٤٢[]", "4٢[]",
]  # fmt: skip


@pytest.mark.parametrize("packet", MALFORMED, ids=lambda packet: repr(packet)[:30])
async def test_a_packet_that_no_browser_sends_ends_the_connection(server: Running, packet: str | bytes) -> None:
    before, log_before = rejections(server, "malformed"), server.output()
    async with raw_socket(server, **await a_query(server)) as socket:
        await joined(server, socket)
        await (socket.send_bytes(packet) if isinstance(packet, bytes) else socket.send_str(packet))
        assert await is_closed(socket)
        assert socket.close_code == 1008
    assert rejections(server, "malformed") == before + 1
    assert server.output() == log_before


@pytest.mark.parametrize("first", ['42["event",{}]', "41", "3", "5", "2probe", '42["handshake",{}]'])
async def test_messages_before_the_handshake_reach_nothing(server: Running, first: str) -> None:
    log_before = server.output()
    async with raw_socket(server) as socket:
        await socket.send_str(first)
        await asyncio.sleep(0.3)
    async with raw_socket(server) as socket:
        await socket.send_str("40")
        await socket.send_str(first)
        await asyncio.sleep(0.3)
    assert server.output() == log_before
    await is_well(server)


HANDSHAKES: list[dict[str, str]] = [
    {"client_id": str(UUID(int=4711))}, {"client_id": EVIL}, {"client_id": ""}, {"tab_id": ""}, {"tab_id": "x" * 5_000},
    {"document_id": ""}, {"next_message_id": EVIL}, {"next_message_id": "-1"}, {"next_message_id": "9" * 5_000},
    {"old_tab_id": "x" * 5_000},
]  # fmt: skip


@pytest.mark.parametrize("change", HANDSHAKES, ids=lambda change: f"{change}"[:40])
@pytest.mark.parametrize("is_implicit", [True, False])
async def test_a_forged_handshake_joins_nothing(server: Running, change: dict[str, str], is_implicit: bool) -> None:
    before, log_before = rejections(server, "unjoined"), server.output()
    query = await a_query(server) | change
    parameters = query if is_implicit else {"client_id": query["client_id"]}
    async with raw_socket(server, **parameters) as socket:
        await socket.send_str("40")
        if not is_implicit:
            await socket.send_str("420" + json.dumps(["handshake", query]))
        assert await answer_of(socket) in {"44", "430[false]"}
    assert rejections(server, "unjoined") == before + 1
    assert server.output() == log_before


async def answer_of(socket: aiohttp.ClientWebSocketResponse) -> str:
    while True:
        text = (await socket.receive(timeout=20)).data
        if text.startswith("44"):
            return "44"
        if text.startswith("43"):
            return str(text)


@pytest.mark.parametrize("name", ["event", "javascript_response", "ack", "handshake"])
@pytest.mark.parametrize(
    "message",
    [
        {}, {"client_id": None}, {"client_id": ["x"]}, {"client_id": {}}, {"client_id": EVIL},
        {"client_id": str(UUID(int=4711))}, {"client_id": "own"},
        {"client_id": "own", "id": EVIL, "listener_id": EVIL, "args": EVIL},
        {"client_id": "own", "id": 3, "listener_id": EVIL, "args": []},
        {"client_id": "own", "id": 3, "listener_id": ["x"], "args": []},
        {"client_id": "own", "id": [3], "listener_id": "x", "args": []},
        {"client_id": "own", "id": "real", "listener_id": "real", "args": ["{", EVIL]},
        {"client_id": "own", "id": "real", "listener_id": "real", "args": {"0": EVIL}},
        {"client_id": "own", "id": "real", "listener_id": "real", "args": ["[" * 9_000]},
        {"client_id": "own", "id": "real", "listener_id": "real", "args": [EVIL] * 5_000},
        {"client_id": "own", "request_id": {"a": EVIL}, "next_message_id": EVIL},
        {"client_id": "own", "request_id": EVIL, "next_message_id": 1e300},
        {"client_id": "own", "request_id": None, "next_message_id": None},
    ],
    ids=range(18),
)  # fmt: skip
async def test_a_forged_message_changes_nothing(server: Running, name: str, message: dict[str, Any]) -> None:
    async with opened(server.url, "/login") as page:
        element, listener = page.listening()[0]
        real = page.event(element, listener)
        owned = {"client_id": page.client_id, "id": real["id"], "listener_id": real["listener_id"]}
        forged = {key: owned[key] if value in ("own", "real") else value for key, value in message.items()}
        await page.emit(name, forged)
        await asyncio.sleep(0.05)
        assert page.socket.connected
    assert "evil" not in server.output()


async def test_a_handler_that_raises_leaves_one_line_without_the_message(server: Running) -> None:
    property_id = server.add_property("Open")
    server.publish(property_id)
    async with opened(server.url, f"/properties/{property_id}") as page:
        await asyncio.sleep(1)
        element, listener = next(pair for pair in page.listening() if pair[1]["type"] == "theme")
        for _ in range(40):
            await page.emit("event", page.event(element, listener, {EVIL: EVIL}))
            await page.emit("event", page.event(element, listener, EVIL))
        await asyncio.sleep(1)
        assert page.socket.connected
    lines = [line for line in server.output().splitlines() if "page failed" in line]
    assert 1 <= len(lines) <= 2
    assert "KeyError at " in lines[0]
    assert "layout.py" in lines[0]
    assert "evil" not in server.output()


async def test_a_flood_of_messages_ends_the_connection(server: Running) -> None:
    before = rejections(server, "too_many")
    async with raw_socket(server, **await a_query(server)) as socket:
        await joined(server, socket)
        for _ in range(2_000):
            await socket.send_str('42["ack",{}]')
        assert await is_closed(socket)
    assert rejections(server, "too_many") == before + 1
    await is_well(server)


async def test_a_flood_of_bytes_ends_the_connection(server: Running) -> None:
    before = rejections(server, "too_many")
    async with raw_socket(server, **await a_query(server)) as socket:
        await joined(server, socket)
        for _ in range(12):
            await socket.send_str('42["ack",{"x":"' + "x" * 200_000 + '"}]')
        assert await is_closed(socket)
    assert rejections(server, "too_many") == before + 1


async def test_a_fast_user_is_never_cut_off(server: Running) -> None:
    """A key held down for twelve seconds, a zoomed chart in between, and the longest statement that is read, twice."""
    async with opened(server.url, "/documentation") as page:
        element, listener = page.listening()[0]
        for second in range(12):
            for _ in range(30):
                await page.emit("event", page.event(element, listener, "a"))
            if second % 4 == 0:
                for _ in range(60):
                    await page.emit("event", page.event(element, listener, {"zoom": [0, 1]}))
            if second in {3, 6}:
                await page.emit("event", page.event(element, listener, "x" * 60_000))
            await asyncio.sleep(1)
        assert page.socket.connected


POLLING = f"{SOCKET_PATH}/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    "body",
    ["x", "4x", "d=4x", "\x1e" * 40, "\x1e".join(["3"] * 17), "bAAAA", '42["no",{}]', '42["disconnect",{}]', b"\xff"],
    ids=repr,
)  # fmt: skip
async def test_polling_refuses_the_same(server: Running, body: str | bytes) -> None:
    before, log_before = rejections(server, "malformed"), server.output()
    async with httpx.AsyncClient(base_url=server.url) as http:
        opening = json.loads((await http.get(POLLING)).text[1:])
        session = f"{POLLING}&sid={opening['sid']}"
        assert (await http.post(session, content=body)).status_code == 400
        assert (await http.post(session, content="40")).status_code == 400, "the session has ended"
    assert rejections(server, "malformed") == before + 1
    assert server.output() == log_before


async def test_odd_requests_of_polling_leave_no_line(server: Running) -> None:
    log_before = server.output()
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get(POLLING, params={"sid": EVIL})).status_code == 400
        assert (await http.post(POLLING, params={"sid": EVIL}, content="3")).status_code == 400
        assert (await http.get(f"{POLLING}&j=0")).status_code == 400
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await http.request(method, POLLING)).status_code == 400
        opening = json.loads((await http.get(POLLING)).text[1:])
        answer = await http.post(f"{POLLING}&sid={opening['sid']}", content="4" + "x" * 300_000)
        assert answer.status_code == 400
    assert server.output() == log_before
