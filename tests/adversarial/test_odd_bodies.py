"""A corpus of malformed requests: none is a 500, each is counted once, none breaks the next."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.parse import MAX_TEXT_LENGTH
from tests.adversarial.odd_inputs import BROKEN_HTTP, GOOD, HEADERS, REFUSED, TAKEN, one
from tests.collector.conftest import CollectorHarness, MakeHarness
from tests.support.collector_ports import PROPERTY

SENTENCES = {204, 400, 404, 413}


def test_the_corpus_is_large_and_about_our_property() -> None:
    assert len(set(REFUSED)) + len(set(TAKEN)) + len(HEADERS) + len(set(BROKEN_HTTP)) >= 400
    assert str(PROPERTY).encode() in GOOD


async def test_malformed_bodies_are_rejected_with_a_reason(harness: CollectorHarness) -> None:
    for body in REFUSED:
        answer = await harness.send(body)
        assert answer.status_code == 400, (body[:150], answer.text)
        assert answer.json()["detail"]
    assert not harness.sink.events
    assert harness.counters.received == harness.counters.outcome_count


async def test_odd_bodies_are_accepted_and_harmless(harness: CollectorHarness) -> None:
    for start in range(0, len(TAKEN), 50):
        some = TAKEN[start : start + 50]
        for body, answer in zip(some, await asyncio.gather(*map(harness.send, some)), strict=True):
            assert answer.status_code == 204, (body[:150], answer.text)
        assert harness.counters.received == harness.counters.outcome_count
    for event in harness.sink.events:
        assert "\0" not in repr(event)
        orjson.dumps(event.data).decode()
        for name in event.__slots__:
            value = getattr(event, name)
            if isinstance(value, str):
                value.encode()  # no half character
                assert len(value) <= MAX_TEXT_LENGTH
            if isinstance(value, int):
                assert -(1 << 63) <= value < 1 << 63


@pytest.mark.parametrize("peer", ["127.0.0.1", "fe80::1%eth0", "testclient", "/run/proprium.sock", ""])
async def test_odd_headers_are_never_a_500(make_harness: MakeHarness, peer: str) -> None:
    harness = make_harness(peer)
    for headers in HEADERS:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await harness.client.post("/collect", content=GOOD, headers=sent)
        assert answer.status_code in {204, 413}, headers
        for path in ("/collect/pixel.gif", "/collector.js", "/collect"):
            for method in ("GET", "HEAD", "OPTIONS"):
                answer = await harness.client.request(method, f"{path}?id={PROPERTY}", headers=sent)
                assert answer.status_code < 500, (method, path, headers)


@contextlib.asynccontextmanager
async def listening(harness: CollectorHarness) -> AsyncIterator[int]:
    """The collector behind a real server, on a port."""
    config = uvicorn.Config(harness.client._transport.app, port=0, lifespan="off", log_config=None)  # type: ignore[attr-defined]
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def spoken(port: int, request: bytes, hangs_up: bool = False) -> bytes:
    """What comes back on a connection of its own, until the server or our patience ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.5):
            writer.write(request)
            await writer.drain()
            while not hangs_up and (more := await reader.read(65_536)):
                answer += more
    writer.close()
    return answer


async def test_broken_http_leaves_no_500_and_the_next_one_is_served(harness: CollectorHarness) -> None:
    async with listening(harness) as port:
        answers = await asyncio.gather(*(spoken(port, request) for request in BROKEN_HTTP))
        for request, answer in zip(BROKEN_HTTP, answers, strict=True):
            statuses = {line.split(b" ")[1] for line in answer.splitlines() if line.startswith(b"HTTP/1.1 ")}
            assert not any(status.startswith(b"5") for status in statuses), (request[:150], answer[:300])
        await asyncio.gather(*(spoken(port, request, hangs_up=True) for request in BROKEN_HTTP))
        good = b"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(GOOD), GOOD)
        assert (await spoken(port, good)).startswith(b"HTTP/1.1 204")
    assert harness.counters.received == harness.counters.outcome_count


# Anything at all, and what looks like an event more often than chance would have it.
texts = st.text(st.characters(codec=None), max_size=60)  # type: ignore[arg-type]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
KNOWN = [
    *("user_id", "view_id", "url", "title", "referrer", "hostname", "screen_width", "screen_height", "language"),
    *("utm_source", "utm_medium", "utm_campaign", "time_on_page", "scroll_depth", "automated", "user_agent", "text"),
]
events = st.fixed_dictionaries(
    {"collectorId": st.just(str(PROPERTY)) | st.uuids().map(str) | values, "event": texts | values},
    optional={
        "data": st.dictionaries(st.sampled_from(KNOWN) | texts, values, max_size=8) | values,
        "id": st.uuids().map(str) | values,
        "user_id": values,
    },
)
bodies = st.one_of(
    (events | st.lists(events, max_size=4) | values).map(lambda sent: json.dumps(sent).encode()),
    st.binary(max_size=200),
    st.tuples(st.sampled_from(TAKEN), st.integers(0, 500), st.binary(min_size=1, max_size=3)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 1 :]
    ),
)


async def test_every_generated_body_is_answered_and_counted(make_harness: MakeHarness, fuzz: bool) -> None:
    harness = make_harness()
    loop = asyncio.get_running_loop()

    @settings(max_examples=5_000 if fuzz else 250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=bodies, headers=st.sampled_from([{}, *HEADERS]))
    def send(body: bytes, headers: dict[str, str]) -> None:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        request: Any = harness.client.post("/collect", content=body, headers=sent)
        answer = asyncio.run_coroutine_threadsafe(request, loop).result(30)
        assert answer.status_code in SENTENCES, answer.text
        assert harness.counters.received == harness.counters.outcome_count

    await asyncio.to_thread(send)


async def test_a_text_of_any_length_is_truncated_and_stored(harness: CollectorHarness) -> None:
    await harness.send(one(data={"title": "x" * 100_000, "plan": "y" * 100_000}))
    (event,) = harness.sink.events
    assert len(event.title or "") == 1_000
    assert len(event.data["plan"]) == MAX_TEXT_LENGTH
