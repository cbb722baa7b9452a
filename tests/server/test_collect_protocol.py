"""The fast path of /collect responds as the slow path does, in order."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import uvicorn

from collector.asgi import collector_middleware
from collector.counters import Counters
from collector.event import Event, Identity
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.parse import uuid7
from collector.pipeline import Pipeline
from collector.service import Collector
from proprium.server.collect_protocol import CollectProtocol, FastRequest
from tests.support.collector_ports import CHROME, PROPERTY, Directory, Salts, Sink, not_found

HIT = json.dumps({"collectorId": str(PROPERTY), "event": "page_view", "data": {"url": "/a", "user_id": "1"}}).encode()
FAST_PATH, SLOW_PATH = "/collect", "/collect?"
"""The same route; only the first is on the fast path."""


class SlowSink(Sink):
    """Commits wait while `is_open` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.is_open = threading.Event(), threading.Event()
        self.is_open.set()

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        self.entered.set()
        assert self.is_open.wait(20)
        return super().append(events)


@dataclass
class CollectServer:
    """A real server on a port of its own, and the requests that took the fast path."""

    server: uvicorn.Server
    sink: SlowSink
    directory: Directory
    counters: Counters
    fast_requests: list[FastRequest] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def exchange(self, *packets: bytes, response_count: int = 1) -> list[bytes]:
        """Sends packets over one connection; the first so many answers, without their Date."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            responses = [await read_response(reader) for _ in range(response_count)]
        writer.close()
        return responses


async def read_response(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length.group(1))) if length else b""
    return re.sub(rb"date: [^\r]+\r\n", b"", head) + body


def request(
    body: bytes = HIT, path: str = FAST_PATH, headers: str = "", version: str = "1.1", length: int | None = None
) -> bytes:
    size = f"Content-Length: {len(body) if length is None else length}\r\n" if length != -1 else ""
    head = f"POST {path} HTTP/{version}\r\nHost: a\r\nUser-Agent: {CHROME}\r\n{size}{headers}\r\n"
    return head.encode("latin-1") + body


@asynccontextmanager
async def run_collect_server() -> AsyncIterator[CollectServer]:
    sink, directory = SlowSink(), Directory()
    writer = GroupCommit(sink, queue_limit=200)
    writer.start()
    counters = Counters()
    pipeline = Pipeline(GeoIPDatabase(None), Salts())
    collector = Collector(directory, writer, pipeline, observers=[counters], collect_rate=0)
    fast_requests: list[FastRequest] = []

    class CountingProtocol(CollectProtocol):
        def _handle_fast_request(self, hit: FastRequest) -> None:
            fast_requests.append(hit)
            super()._handle_fast_request(hit)

    config = uvicorn.Config(
        collector_middleware(not_found, collector),
        http=partial(CountingProtocol, collector),  # type: ignore[arg-type]
        port=0,
        log_level="critical",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield CollectServer(server, sink, directory, counters, fast_requests)
    finally:
        sink.is_open.set()
        server.should_exit = True
        await serving
        writer.stop()
        assert counters.received == counters.outcome_count


@pytest.fixture
async def collect_server() -> AsyncIterator[CollectServer]:
    async with run_collect_server() as responses:
        yield responses


BODIES = {
    "one": HIT,
    "array": b"[" + HIT + b"," + HIT + b"]",
    "empty": b"",
    "no json": b"{",
    "unknown property": HIT.replace(str(PROPERTY).encode(), str(uuid7()).encode()),
    "a foreign page": HIT.replace(b'"/a"', b'"https://elsewhere.example/a"'),
    "foreign pages": b"[" + HIT.replace(b'"/a"', b'"https://elsewhere.example/a"') + b"]",
    "101 events": b"[" + b",".join([HIT] * 101) + b"]",
    "60 KB": HIT.replace(b'"/a"', b'"/' + b"a" * 60_000 + b'"'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    "headers", ["", "Connection: close\r\n", "Sec-Purpose: prefetch\r\n"], ids=["", "close", "ahead"]
)
async def test_fast_and_slow_path_respond_the_same(collect_server: CollectServer, body: bytes, headers: str) -> None:
    collect_server.directory.set(hostnames=("blog.example",))
    fast_requests = await collect_server.exchange(request(body, headers=headers))
    assert len(collect_server.fast_requests) == 1
    assert fast_requests == await collect_server.exchange(request(body, SLOW_PATH, headers))
    assert len(collect_server.fast_requests) == 1


@pytest.mark.parametrize(
    ("headers", "is_private"),
    [("", False), ("Sec-GPC: 0\r\nDNT: 0\r\n", False), ("sec-gpc: 1\r\n", True), ("DNT: 1\r\n", True)],
)
@pytest.mark.parametrize("body", [HIT, b"[" + HIT + b"," + HIT + b"]"], ids=["one", "array"])
async def test_fast_and_slow_path_respect_privacy_signals(
    collect_server: CollectServer, body: bytes, headers: str, is_private: bool
) -> None:
    for path in (FAST_PATH, SLOW_PATH):
        assert (await collect_server.exchange(request(body, path, headers)))[0].startswith(b"HTTP/1.1 204")
    assert len(collect_server.fast_requests) == 1
    assert {event.identity for event in collect_server.sink.events} == {
        Identity.DAILY if is_private else Identity.COOKIE
    }
    assert {"user_id" in event.data for event in collect_server.sink.events} == {not is_private}


@pytest.mark.parametrize(
    "sent",
    [
        request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIT), HIT), headers="Transfer-Encoding: chunked\r\n", length=-1),
        request(version="1.0"),
        request(HIT + b" " * 70_000),
    ],
    ids=["chunked", "1.0", "longer than the buffer"],
)
async def test_unusual_requests_take_the_slow_path(collect_server: CollectServer, sent: bytes) -> None:
    assert (await collect_server.exchange(sent))[0].startswith(b"HTTP/1.1 204")
    assert not collect_server.fast_requests
    assert len(collect_server.sink.events) == 1


async def test_a_client_that_sends_expect_gets_100_continue(collect_server: CollectServer) -> None:
    interim_response, response = await collect_server.exchange(
        request(headers="Expect: 100-continue\r\n"), response_count=2
    )
    assert interim_response.startswith(b"HTTP/1.1 100")
    assert response.startswith(b"HTTP/1.1 204")


async def test_a_request_may_arrive_in_many_packets(collect_server: CollectServer) -> None:
    whole = request()
    (response,) = await collect_server.exchange(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert response.startswith(b"HTTP/1.1 204")
    assert [event.page for event in collect_server.sink.events] == ["/a"]


async def test_connection_close_closes_after_the_response(collect_server: CollectServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", collect_server.port)
    writer.write(request(headers="Connection: close\r\n"))
    async with asyncio.timeout(4):  # an idle connection stays open for five seconds
        assert (await reader.read()).startswith(b"HTTP/1.1 204")
    writer.close()


async def test_pipelined_requests_are_answered_in_order(collect_server: CollectServer) -> None:
    other = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
    bad = request(b"{")
    sent = (
        request(),
        bad,
        other,
        request(path=SLOW_PATH),
        request(),
        b"OPTIONS /collect HTTP/1.1\r\nHost: a\r\n\r\n",
        bad,
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", collect_server.port)
    writer.write(b"".join(sent))
    statuses = []
    async with asyncio.timeout(20):
        for _ in sent:
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(head[9:12])
            if b"chunked" in head:
                await reader.readuntil(b"0\r\n\r\n")
            elif length := re.search(rb"content-length: (\d+)", head):
                await reader.readexactly(int(length.group(1)))
    writer.close()
    assert statuses == [b"204", b"400", b"404", b"204", b"204", b"204", b"400"]
    assert len(collect_server.sink.events) == 3


async def test_a_client_that_disconnects_is_counted_and_affects_no_other(collect_server: CollectServer) -> None:
    collect_server.sink.is_open.clear()
    _, closed_writer = await asyncio.open_connection("127.0.0.1", collect_server.port)
    closed_writer.write(request())
    await closed_writer.drain()
    while not collect_server.fast_requests:
        await asyncio.sleep(0.01)
    closed_writer.transport.abort()
    staying = asyncio.create_task(collect_server.exchange(request()))
    while len(collect_server.fast_requests) < 2:
        await asyncio.sleep(0.01)
    collect_server.sink.is_open.set()
    assert (await staying)[0].startswith(b"HTTP/1.1 204")
    assert collect_server.counters.stored == 2


async def test_a_full_queue_responds_503_at_once(collect_server: CollectServer) -> None:
    collect_server.sink.is_open.clear()
    many = b"[" + b",".join([HIT] * 100) + b"]"
    waiting = [asyncio.create_task(collect_server.exchange(request(many)))]
    assert await asyncio.to_thread(collect_server.sink.entered.wait, 20)  # in hand: the queue is empty
    waiting += [asyncio.create_task(collect_server.exchange(request(many))) for _ in range(2)]
    while len(collect_server.fast_requests) < 3:
        await asyncio.sleep(0.01)
    (refused,) = await collect_server.exchange(request(many))
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in refused
    collect_server.sink.is_open.set()
    assert all(response.startswith(b"HTTP/1.1 204") for (response,) in await asyncio.gather(*waiting))


async def test_pending_requests_are_answered_at_shutdown() -> None:
    async with run_collect_server() as collect_server:
        collect_server.sink.is_open.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", collect_server.port)
        writer.write(request())
        while not collect_server.fast_requests:
            await asyncio.sleep(0.01)
        collect_server.server.should_exit = True
        await asyncio.sleep(0.3)
        collect_server.sink.is_open.set()
        async with asyncio.timeout(20):
            everything = await reader.read()  # until the server closes
    assert everything.startswith(b"HTTP/1.1 204")
    assert b"connection: close" in everything
    assert len(collect_server.sink.events) == 1
    writer.close()
