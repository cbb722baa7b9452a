"""Rejected requests are reported to the properties that they name, as a sample."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from collector import rejections
from collector.asgi import Scope, Send
from collector.parse import MAX_BODY_BYTES
from collector.ports import PropertyRules
from collector.request import Receive
from tests.collector.conftest import CollectorHarness, MakeHarness
from tests.support.collector_ports import CHROME, PROPERTY

VIEW: dict[str, Any] = {"collectorId": str(PROPERTY), "event": "signup", "data": {"url": "https://a.example/in?a=1"}}


@pytest.fixture(autouse=True)
def _as_many_as_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejections, "MAX_SAMPLES_PER_SECOND", 1_000)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"event": ""}, '400: event is ""; expected a string of 1 to 255 characters.'),
        ({"event": "x" * 256}, f'400: event is "{"x" * 60}"; expected a string of 1 to 255 characters.'),
        ({"data": [1]}, "400: data is an array; expected an object."),
        ({"id": "no-uuid"}, '400: id is "no-uuid"; expected a UUID, or null.'),
    ],
)
async def test_an_invalid_field_is_reported_to_its_property(
    harness: CollectorHarness, change: dict[str, Any], sentence: str
) -> None:
    assert (await harness.send(VIEW | change, origin="https://a.example")).status_code == 400
    (outcome,) = harness.outcomes
    assert outcome.reason == sentence
    assert (outcome.is_stored, outcome.hostname, outcome.browser) == (False, "a.example", "Chrome")
    assert outcome.page == (None if "data" in change else "/in")
    assert outcome.event == change.get("event", "signup")[:255]


async def test_an_invalid_event_is_reported_with_the_size_of_its_array(harness: CollectorHarness) -> None:
    assert (await harness.send([VIEW, VIEW | {"event": 7}, VIEW])).status_code == 400
    (outcome,) = harness.outcomes
    assert outcome.event == "3 events"
    assert outcome.reason == '400: [1] event is "7"; expected a string of 1 to 255 characters.'


@pytest.mark.parametrize("spelling", [str(PROPERTY).upper(), "{" + str(PROPERTY) + "}", PROPERTY.hex])
async def test_a_body_that_is_no_json_is_reported_to_the_property_that_it_names(
    harness: CollectorHarness, spelling: str
) -> None:
    assert (await harness.send(b'{"collector_id" : "%s", "event": "buy",}' % spelling.encode())).status_code == 400
    (outcome,) = harness.outcomes
    assert outcome.event == "buy"
    assert (outcome.reason or "").startswith("400: The body is not JSON in UTF-8")


async def test_a_rejected_array_is_reported_to_each_existing_property(harness: CollectorHarness) -> None:
    other, stranger = uuid4(), uuid4()
    harness.directory.rules[other] = PropertyRules(other, 8)
    sent = [VIEW, VIEW | {"collectorId": str(stranger)}, VIEW | {"collectorId": str(other)}]
    assert (await harness.send(sent)).status_code == 404
    assert harness.notified == [PROPERTY, other]
    assert (await harness.send(VIEW | {"collectorId": str(stranger), "event": ""})).status_code == 400
    assert (await harness.send(VIEW | {"collectorId": str(stranger)})).status_code == 404
    assert harness.notified == [PROPERTY, other]


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_too_large_is_reported_from_its_first_bytes(harness: CollectorHarness, is_announced: bool) -> None:
    body = json.dumps(VIEW | {"more": "x" * MAX_BODY_BYTES}).encode()

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    answer = await harness.client.post("/collect", content=body if is_announced else in_parts())
    assert answer.status_code == 413
    (outcome,) = harness.outcomes
    assert (outcome.event, outcome.page) == ("signup", "/in")
    assert (outcome.reason or "").startswith("413: The body is too large")


async def test_a_rate_limited_request_is_reported_from_the_bytes_that_have_arrived(make_harness: MakeHarness) -> None:
    harness = make_harness(collect_rate=1, monotonic=lambda: 7.5)
    statuses = [(await harness.send(VIEW)).status_code for _ in range(3)]
    assert statuses == [204, 204, 429]
    outcome = harness.outcomes[-1]
    assert (outcome.event, outcome.page, outcome.has_address) == ("signup", "/in", True)
    assert (outcome.reason or "").startswith("429: Too many events from this address")


async def test_a_rejected_pixel_is_reported_from_its_url(harness: CollectorHarness) -> None:
    url = f"/collect/pixel.gif?id={PROPERTY}&url=/mail&event={'x' * 256}"
    assert (await harness.client.get(url)).status_code == 400
    many = "&".join(f"a{n}=1" for n in range(200))
    assert (await harness.client.get(f"/collect/pixel.gif?id={PROPERTY}&url=/mail&{many}")).status_code == 400
    assert [(outcome.page, (outcome.reason or "")[:4]) for outcome in harness.outcomes] == [("/mail", "400:")] * 2
    assert "more than 100 query parameters" in (harness.outcomes[1].reason or "")


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::7", "::ffff:203.0.113.9", "203.0.113.9:443"])
async def test_no_ip_address_is_reported_even_one_in_another_field(harness: CollectorHarness, address: str) -> None:
    assert (await harness.send(VIEW | {"id": f"from {address}."})).status_code == 400
    assert (await harness.send(VIEW | {"event": [], "data": {}})).status_code == 400
    assert "203.0.113.9" not in repr(harness.outcomes)
    assert "db8" not in repr(harness.outcomes)
    assert "expected a UUID" in (harness.outcomes[0].reason or "")


async def test_a_flood_is_sampled_and_fully_counted(make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejections, "MAX_SAMPLES_PER_SECOND", 5)
    monkeypatch.setattr(rejections, "time", SimpleNamespace(monotonic=lambda: 7.5))  # within one second
    harness = make_harness(collect_rate=1, monotonic=lambda: 7.5)
    read: list[int] = []
    app = harness.client._transport.app  # type: ignore[attr-defined]

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def reading() -> Any:
            read.append(1)
            return await receive()

        await app(scope, reading, send)

    harness.client._transport.app = counting  # type: ignore[attr-defined]
    assert [(await harness.send(VIEW)).status_code for _ in range(2)] == [204] * 2
    read.clear()
    assert [(await harness.send(VIEW)).status_code for _ in range(58)] == [429] * 58
    assert len(read) == 5
    assert sum("429" in (outcome.reason or "") for outcome in harness.outcomes) == 5
    assert harness.counters.rejected == {429: 58}


async def test_a_body_that_does_not_arrive_delays_no_response(
    harness: CollectorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejections, "FIRST_BYTES_TIMEOUT_S", 0.01)
    answered: list[int] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        answered.append(message.get("status", 0))

    scope = {
        "type": "http", "method": "POST", "path": "/collect", "client": ("203.0.113.9", 1),
        "headers": [(b"content-length", b"999999"), (b"user-agent", CHROME.encode())],
    }  # fmt: skip
    await harness.client._transport.app(scope, never, send)  # type: ignore[attr-defined]
    assert answered[0] == 413
    assert harness.outcomes == []
