"""The short way of a hit: it answers what the usual way answers, in order, to whoever is still there."""

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
from tests.collector.conftest import CHROME, PROPERTY, Directory, Salts, Sink, not_found

HIT = json.dumps({"collectorId": str(PROPERTY), "event": "page_view", "data": {"url": "/a", "user_id": "1"}}).encode()
SHORT, USUAL = "/collect", "/collect?"
"""The same route; only the first is one that the doorstep knows."""


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
class Street:
    """A real server on a port of its own, and how many requests took the short way."""

    server: uvicorn.Server
    sink: SlowSink
    directory: Directory
    counters: Counters
    short: list[FastRequest] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def talk(self, *packets: bytes, answers: int = 1) -> list[bytes]:
        """Sends packets over one connection; the first so many answers, without their Date."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            found = [await read_answer(reader) for _ in range(answers)]
        writer.close()
        return found


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length.group(1))) if length else b""
    return re.sub(rb"date: [^\r]+\r\n", b"", head) + body


def request(
    body: bytes = HIT, path: str = SHORT, headers: str = "", version: str = "1.1", length: int | None = None
) -> bytes:
    size = f"Content-Length: {len(body) if length is None else length}\r\n" if length != -1 else ""
    head = f"POST {path} HTTP/{version}\r\nHost: a\r\nUser-Agent: {CHROME}\r\n{size}{headers}\r\n"
    return head.encode("latin-1") + body


@asynccontextmanager
async def opened() -> AsyncIterator[Street]:
    sink, directory = SlowSink(), Directory()
    writer = GroupCommit(sink, queue_limit=200)
    writer.start()
    counters = Counters()
    pipeline = Pipeline(GeoIPDatabase(None), Salts())
    collector = Collector(directory, writer, pipeline, observers=[counters], collect_rate=0)
    short: list[FastRequest] = []

    class Watched(CollectProtocol):
        def _handle_fast_request(self, hit: FastRequest) -> None:
            short.append(hit)
            super()._handle_fast_request(hit)

    config = uvicorn.Config(
        collector_middleware(not_found, collector),
        http=partial(Watched, collector),  # type: ignore[arg-type]
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
        yield Street(server, sink, directory, counters, short)
    finally:
        sink.is_open.set()
        server.should_exit = True
        await serving
        writer.stop()
        assert counters.received == counters.outcome_count


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    async with opened() as found:
        yield found


BODIES = {
    "one": HIT,
    "array": b"[" + HIT + b"," + HIT + b"]",
    "empty": b"",
    "no json": b"{",
    "nobody's property": HIT.replace(str(PROPERTY).encode(), str(uuid7()).encode()),
    "a foreign page": HIT.replace(b'"/a"', b'"https://elsewhere.example/a"'),
    "foreign pages": b"[" + HIT.replace(b'"/a"', b'"https://elsewhere.example/a"') + b"]",
    "101 events": b"[" + b",".join([HIT] * 101) + b"]",
    "60 KB": HIT.replace(b'"/a"', b'"/' + b"a" * 60_000 + b'"'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    "headers", ["", "Connection: close\r\n", "Sec-Purpose: prefetch\r\n"], ids=["", "close", "ahead"]
)
async def test_both_ways_answer_the_same(street: Street, body: bytes, headers: str) -> None:
    street.directory.set(hostnames=("blog.example",))
    short = await street.talk(request(body, headers=headers))
    assert len(street.short) == 1
    assert short == await street.talk(request(body, USUAL, headers))
    assert len(street.short) == 1


@pytest.mark.parametrize(
    ("headers", "is_private"),
    [("", False), ("Sec-GPC: 0\r\nDNT: 0\r\n", False), ("sec-gpc: 1\r\n", True), ("DNT: 1\r\n", True)],
)
@pytest.mark.parametrize("body", [HIT, b"[" + HIT + b"," + HIT + b"]"], ids=["one", "array"])
async def test_both_ways_respect_a_browser_that_asks_not_to_be_tracked(
    street: Street, body: bytes, headers: str, is_private: bool
) -> None:
    for path in (SHORT, USUAL):
        assert (await street.talk(request(body, path, headers)))[0].startswith(b"HTTP/1.1 204")
    assert len(street.short) == 1
    assert {event.identity for event in street.sink.events} == {Identity.DAILY if is_private else Identity.COOKIE}
    assert {"user_id" in event.data for event in street.sink.events} == {not is_private}


@pytest.mark.parametrize(
    "sent",
    [
        request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIT), HIT), headers="Transfer-Encoding: chunked\r\n", length=-1),
        request(version="1.0"),
        request(HIT + b" " * 70_000),
    ],
    ids=["chunked", "1.0", "longer than the buffer"],
)
async def test_what_is_unusual_goes_the_usual_way(street: Street, sent: bytes) -> None:
    assert (await street.talk(sent))[0].startswith(b"HTTP/1.1 204")
    assert not street.short
    assert len(street.sink.events) == 1


async def test_who_expects_to_be_asked_for_the_body_is_asked(street: Street) -> None:
    asked, answer = await street.talk(request(headers="Expect: 100-continue\r\n"), answers=2)
    assert asked.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 204")


async def test_a_request_in_many_packets_is_one(street: Street) -> None:
    whole = request()
    (answer,) = await street.talk(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert answer.startswith(b"HTTP/1.1 204")
    assert [event.page for event in street.sink.events] == ["/a"]


async def test_who_asks_for_it_is_left_after_the_answer(street: Street) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", street.port)
    writer.write(request(headers="Connection: close\r\n"))
    async with asyncio.timeout(4):  # an idle connection is kept for five seconds
        assert (await reader.read()).startswith(b"HTTP/1.1 204")
    writer.close()


async def test_requests_of_one_packet_are_answered_in_their_order(street: Street) -> None:
    other = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
    bad = request(b"{")
    sent = (request(), bad, other, request(path=USUAL), request(), b"OPTIONS /collect HTTP/1.1\r\nHost: a\r\n\r\n", bad)
    reader, writer = await asyncio.open_connection("127.0.0.1", street.port)
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
    assert len(street.sink.events) == 3


async def test_a_sender_that_leaves_before_its_answer_is_counted_and_hurts_nobody(street: Street) -> None:
    street.sink.is_open.clear()
    _, gone = await asyncio.open_connection("127.0.0.1", street.port)
    gone.write(request())
    await gone.drain()
    while not street.short:
        await asyncio.sleep(0.01)
    gone.transport.abort()
    staying = asyncio.create_task(street.talk(request()))
    while len(street.short) < 2:
        await asyncio.sleep(0.01)
    street.sink.is_open.set()
    assert (await staying)[0].startswith(b"HTTP/1.1 204")
    assert street.counters.stored == 2


async def test_a_full_queue_is_said_at_once(street: Street) -> None:
    street.sink.is_open.clear()
    many = b"[" + b",".join([HIT] * 100) + b"]"
    waiting = [asyncio.create_task(street.talk(request(many)))]
    assert await asyncio.to_thread(street.sink.entered.wait, 20)  # in hand: the queue is empty
    waiting += [asyncio.create_task(street.talk(request(many))) for _ in range(2)]
    while len(street.short) < 3:
        await asyncio.sleep(0.01)
    (refused,) = await street.talk(request(many))
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in refused
    street.sink.is_open.set()
    assert all(answer.startswith(b"HTTP/1.1 204") for (answer,) in await asyncio.gather(*waiting))


async def test_who_waits_when_the_server_stops_still_gets_an_answer() -> None:
    async with opened() as street:
        street.sink.is_open.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", street.port)
        writer.write(request())
        while not street.short:
            await asyncio.sleep(0.01)
        street.server.should_exit = True
        await asyncio.sleep(0.3)
        street.sink.is_open.set()
        async with asyncio.timeout(20):
            everything = await reader.read()  # until the server closes
    assert everything.startswith(b"HTTP/1.1 204")
    assert b"connection: close" in everything
    assert len(street.sink.events) == 1
    writer.close()
