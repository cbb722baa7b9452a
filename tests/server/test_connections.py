"""Deadlines and limits of connections, on a real server in this process with short limits."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Form, Request, WebSocket
from websockets.asyncio.client import connect

from collector.asgi import collector_middleware
from collector.client_address import ClientAddressResolver
from collector.counters import Counters
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.pipeline import Pipeline
from collector.service import Collector
from proprium.server.body_limit import BodyLimitMiddleware
from proprium.server.connections import MAX_BACKLOG, ConnectionLimits, ConnectionRegistry, backlog_for, limits_for
from proprium.server.limited_connection import LimitedConnection
from tests.support.collector_ports import CHROME, PROPERTY, Directory, Salts, Sink

HIT = json.dumps({"collectorId": str(PROPERTY), "event": "page_view", "data": {"url": "/a", "user_id": "1"}}).encode()
SHORT = ConnectionLimits(
    head_timeout_s=0.4,
    body_timeout_s=0.4,
    drain_timeout_s=0.4,
    close_timeout_s=0.4,
    write_timeout_s=0.4,
    sweep_interval_s=0.05,
)
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "


@dataclass
class LimitedServer:
    server: uvicorn.Server
    connections: ConnectionRegistry
    counters: Counters
    sink: Sink

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def open(self, *packets: bytes, source: str = "127.0.0.1") -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        client = Client(reader, writer)
        for packet in packets:
            await client.send(packet)
        return client


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, packet: bytes) -> None:
        self.writer.write(packet)
        await self.writer.drain()

    async def status(self) -> int:
        """Of the next answer, which is read whole."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            if length := re.search(rb"content-length: (\d+)", head):
                await self.reader.readexactly(int(length.group(1)))
        return int(head[9:12])

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        parts = []
        try:
            async with asyncio.timeout(10):
                while part := await self.reader.read(65_536):
                    parts.append(part)
        except ConnectionError:
            pass
        self.writer.close()
        return b"".join(parts)


def app() -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1.2)
        return "at last"

    @app.post("/form")
    async def form(name: str = Form()) -> str:
        return name

    @app.post("/unread")
    async def unread() -> str:
        return "without a look at the body"

    @app.post("/_nicegui/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    @app.get("/large")
    async def large() -> str:
        return "a" * 30_000_000

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    return app


@asynccontextmanager
async def run_limited_server(limits: ConnectionLimits = SHORT, **options: Any) -> AsyncIterator[LimitedServer]:
    sink = Sink()
    writer = GroupCommit(sink)
    writer.start()
    counters = Counters()
    pipeline = Pipeline(GeoIPDatabase(None), Salts())
    collector = Collector(Directory(), writer, pipeline, observers=[counters], collect_rate=0, **options)
    connections = ConnectionRegistry(collector.client_addresses, limits)
    config = uvicorn.Config(
        collector_middleware(BodyLimitMiddleware(app()), collector),
        http=partial(LimitedConnection, collector, connections),  # type: ignore[arg-type]
        port=0,
        log_level="critical",
        lifespan="off",
        timeout_keep_alive=1,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield LimitedServer(server, connections, counters, sink)
    finally:
        server.should_exit = True
        await serving
        writer.stop()
        assert counters.received == counters.outcome_count
        assert connections.open_count == 0


@pytest.fixture
async def limited_server() -> AsyncIterator[LimitedServer]:
    async with run_limited_server() as limited_server:
        yield limited_server


async def until(is_so: Callable[[], bool], timeout_s: float = 5) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def post(path: str, body: bytes = b"", length: int | None = None, headers: str = "") -> bytes:
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: {CHROME}\r\n{FORM}Content-Length: {size}\r\n{headers}\r\n"
    return head.encode() + body


def chunked(path: str, *chunks: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


# Heads


@pytest.mark.parametrize(
    "sent", [b"", b"\r\n", b"G", HALF], ids=["nothing", "an empty line", "a letter", "half a head"]
)
async def test_a_connection_without_a_head_is_closed_without_response(
    limited_server: LimitedServer, sent: bytes
) -> None:
    assert await (await limited_server.open(sent)).rest() == b""


@pytest.mark.parametrize("before", [GET, post("/collect", HIT)])
async def test_a_connection_that_stalls_in_a_later_head_is_closed(limited_server: LimitedServer, before: bytes) -> None:
    client = await limited_server.open(before)
    assert await client.status() in {200, 204}
    await client.send(HALF)
    assert await client.rest() == b""


async def test_empty_lines_keep_no_connection_open(limited_server: LimitedServer) -> None:
    client = await limited_server.open(GET)
    assert await client.status() == 200
    begun_s = time.monotonic()
    # What arrives after the end is answered by a reset, which the reader holds as its exception.
    while not (client.reader.at_eof() or client.reader.exception()) and time.monotonic() - begun_s < 5:
        client.writer.write(b"\r\n")
        await asyncio.sleep(0.05)
    assert client.reader.at_eof() or isinstance(client.reader.exception(), ConnectionError)


async def test_a_head_byte_by_byte_is_read_while_there_is_time(limited_server: LimitedServer) -> None:
    client = await limited_server.open(*(GET[at : at + 1] for at in range(len(GET))))
    assert await client.status() == 200


@pytest.mark.parametrize("noise", [b"", b"\r\n"])
async def test_an_answer_may_take_longer_than_a_request(limited_server: LimitedServer, noise: bytes) -> None:
    client = await limited_server.open(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.1)
    await client.send(noise)
    assert await client.status() == 200


async def test_the_next_request_may_wait_while_the_one_before_it_is_answered(limited_server: LimitedServer) -> None:
    client = await limited_server.open(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    assert [await client.status(), await client.status()] == [200, 200]


@pytest.mark.parametrize("size", [70_000, 700_000])
@pytest.mark.parametrize("path", ["/healthz", "/collect"])
async def test_a_large_head_is_431_whether_it_ends_or_not(limited_server: LimitedServer, path: str, size: int) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nX-Large: {'a' * size}".encode()
    for end in (b"", b"\r\n\r\n"):
        response = await (await limited_server.open(head + end)).rest()
        assert response.startswith(b"HTTP/1.1 431 ")
        assert b"connection: close" in response
        assert (b"access-control-allow-origin: *" in response) is (path == "/collect")


async def test_a_large_head_behind_another_request_is_refused_as_well(limited_server: LimitedServer) -> None:
    client = await limited_server.open(GET)
    assert await client.status() == 200
    await client.send(b"GET / HTTP/1.1\r\nX-Large: " + b"a" * 70_000 + b"\r\n\r\n")
    assert await client.status() == 431


async def test_a_body_in_front_of_a_head_is_no_part_of_it(limited_server: LimitedServer) -> None:
    client = await limited_server.open(post("/_nicegui/upload", b"a" * 200_000) + post("/collect", HIT))
    assert [await client.status(), await client.status()] == [200, 204]


async def test_trailers_are_headers_too(limited_server: LimitedServer) -> None:
    sent = chunked("/unread", b"a") + b"0\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(5_000))
    assert b"431" in await (await limited_server.open(sent)).rest()


# Bodies


@pytest.mark.parametrize("path", ["/form", "/collect", "/collect?", "/_nicegui/upload"])
async def test_a_body_that_does_not_come_is_408(limited_server: LimitedServer, path: str) -> None:
    client = await limited_server.open(post(path, b"{", length=500))
    response = await client.rest()
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time" in response
    assert limited_server.counters.received == 0


async def test_a_body_byte_by_byte_is_no_way_around_it(limited_server: LimitedServer) -> None:
    client = await limited_server.open(post("/form", b"name=", length=500))
    response = asyncio.create_task(client.rest())
    begun_s = time.monotonic()
    while not response.done() and time.monotonic() - begun_s < 5:
        client.writer.write(b"a")
        await asyncio.sleep(0.05)
    assert b" 408 " in await response
    assert time.monotonic() - begun_s < 5


async def test_a_larger_body_has_more_time() -> None:
    async with run_limited_server(replace(SHORT, body_timeout_s=0.6)) as limited_server:
        client = await limited_server.open(post("/_nicegui/upload", length=1 << 20))
        for _ in range(16):
            await client.send(b"a" * (1 << 16))
            await asyncio.sleep(0.02)
        assert await client.status() == 200


@pytest.mark.parametrize(
    ("path", "limit"), [("/form", 64 << 10), ("/nothing", 64 << 10), ("/_nicegui/upload", 1 << 20)]
)
async def test_a_body_over_the_limit_of_its_path_is_413(limited_server: LimitedServer, path: str, limit: int) -> None:
    assert await (await limited_server.open(post(path, length=limit + 1))).status() == 413
    assert await (await limited_server.open(post(path, length=10**18))).status() == 413
    if path != "/nothing":  # which looks at no body
        sent = chunked(path, *[b"a" * 65_536] * (limit // 65_536), b"a")
        assert await (await limited_server.open(sent)).status() == 413
    assert await (await limited_server.open(post(path, b"name=" + b"a" * 40_000))).status() in {200, 404}


async def test_expect_with_a_body_too_large_gets_no_100_continue(limited_server: LimitedServer) -> None:
    client = await limited_server.open(post("/form", length=100_000, headers="Expect: 100-continue\r\n"))
    assert await client.status() == 413


async def test_the_rest_of_a_body_is_read_after_its_answer_but_not_for_long(limited_server: LimitedServer) -> None:
    client = await limited_server.open(post("/unread", length=60_000))
    assert await client.status() == 200
    await client.send(b"a" * 60_000 + GET)
    assert await client.status() == 200  # the connection can still be used
    client = await limited_server.open(post("/unread", length=60_000))
    assert await client.status() == 200
    assert await client.rest() == b""  # until it takes too long


async def test_a_chunk_that_only_has_a_name_is_no_way_around_the_limits(limited_server: LimitedServer) -> None:
    """Its extension never ends: the app would see nothing of it."""
    client = await limited_server.open(chunked("/form") + b"5;a=")
    response = asyncio.create_task(client.rest())
    sent = 0
    while not response.done() and sent < 20_000_000:
        client.writer.write(b"a" * 65_536)
        sent += 65_536
        await asyncio.sleep(0.001)
    assert sent < 20_000_000
    assert b"HTTP/1.1 413" in await response


async def test_a_response_that_is_not_read_is_aborted(limited_server: LimitedServer) -> None:
    client = await limited_server.open(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: limited_server.connections.open_count == 0)
    client.writer.close()


# How many


async def test_each_address_has_its_share_and_there_is_a_total() -> None:
    async with run_limited_server(replace(SHORT, head_timeout_s=5, max_total=8)) as limited_server:
        one = [await limited_server.open(source="127.0.0.2") for _ in range(6)]
        await until(lambda: limited_server.connections.open_count == 4)
        assert sum([await is_open(client) for client in one]) == 4  # half of all: it may be somebody's proxy
        other = await limited_server.open(post("/collect", HIT), source="127.0.0.3")
        assert await other.status() == 204
        more = [await limited_server.open(source=f"127.0.0.{last}") for last in (4, 5, 6, 7, 8)]
        await until(lambda: limited_server.connections.open_count == 8)
        assert sum([await is_open(client) for client in more]) == 3
        for client in (*one, *more, other):
            client.writer.close()
        await until(lambda: limited_server.connections.open_count == 0)
        assert await (await limited_server.open(GET, source="127.0.0.2")).status() == 200


async def is_open(client: Client) -> bool:
    try:
        async with asyncio.timeout(0.1):
            return await client.reader.read(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_limits_of_a_visitor_a_proxy_and_an_unknown_address() -> None:
    loop = asyncio.new_event_loop()
    limits = ConnectionLimits(max_total=40, max_per_address=3)
    for peer, neighbour, share in (
        ("203.0.113.9", "203.0.113.9", 3),
        ("::ffff:203.0.113.9", "203.0.113.9", 3),
        ("2001:db8::1", "2001:db8::ffff:1", 3),  # one subscriber
        ("127.0.0.1", "127.0.0.1", 20),
        ("10.0.0.9", "10.0.0.9", 20),
        ("10.1.0.9", "10.1.0.9", 40),  # trusted
        (None, None, 40),  # a unix socket
    ):
        connections = ConnectionRegistry(ClientAddressResolver([ip_network("10.1.0.0/16")]), limits)
        run_limited_server = [connections.register(peer if number % 2 else neighbour, loop) for number in range(50)]
        keys = [key for key in run_limited_server if key is not None]
        assert len(keys) == share, peer
        for key in keys:
            connections.unregister(key)
        assert (connections.open_count, dict(connections._count_by_key)) == (0, {})
    loop.close()


async def test_a_rejected_connection_is_logged_once_a_minute_without_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "proprium.server.connections"):
        async with run_limited_server(replace(SHORT, max_total=1)) as limited_server:
            for _ in range(5):
                await limited_server.open(source="127.0.0.2")
            await until(lambda: bool(caplog.records))
            await asyncio.sleep(0.1)
    [record] = caplog.records
    assert "connections are rejected" in record.getMessage()
    assert "127.0.0" not in record.getMessage()


async def test_a_websocket_counts_until_it_ends_and_has_no_deadline() -> None:
    async with run_limited_server(replace(SHORT, max_total=2)) as limited_server:
        async with connect(f"ws://127.0.0.1:{limited_server.port}/socket") as socket:
            await asyncio.sleep(0.8)
            await socket.send("still here")
            assert await socket.recv() == "still here"
            assert limited_server.connections.open_count == 1
            assert not limited_server.connections._monitored
        await until(lambda: limited_server.connections.open_count == 0)


@pytest.mark.parametrize("files", [64, 1_024, 4_096, 65_536])
def test_connections_and_other_files_fit_into_the_file_limit(files: int) -> None:
    limits = limits_for(files)
    assert 16 <= limits.max_total <= 10_000
    assert limits.max_per_address <= limits.max_per_private_address or limits.max_total < 64
    if files >= 1_024:
        assert limits.max_total + backlog_for(files) + 256 <= files
    assert backlog_for(65_536) == MAX_BACKLOG
