"""Requests that are refused as a whole: the properties that they name are told why, a flood costs next to nothing."""

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
from tests.collector.conftest import CHROME, PROPERTY, Door, MakeDoor

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
async def test_a_wrong_field_is_told_to_its_property(door: Door, change: dict[str, Any], sentence: str) -> None:
    assert (await door.send(VIEW | change, origin="https://a.example")).status_code == 400
    (outcome,) = door.outcomes
    assert outcome.reason == sentence
    assert (outcome.is_stored, outcome.hostname, outcome.browser) == (False, "a.example", "Chrome")
    assert outcome.page == (None if "data" in change else "/in")
    assert outcome.event == change.get("event", "signup")[:255]


async def test_one_wrong_event_is_told_with_how_many_it_took_along(door: Door) -> None:
    assert (await door.send([VIEW, VIEW | {"event": 7}, VIEW])).status_code == 400
    (outcome,) = door.outcomes
    assert outcome.event == "3 events"
    assert outcome.reason == '400: [1] event is "7"; expected a string of 1 to 255 characters.'


@pytest.mark.parametrize("spelling", [str(PROPERTY).upper(), "{" + str(PROPERTY) + "}", PROPERTY.hex])
async def test_what_is_no_json_still_names_its_property(door: Door, spelling: str) -> None:
    assert (await door.send(b'{"collector_id" : "%s", "event": "buy",}' % spelling.encode())).status_code == 400
    (outcome,) = door.outcomes
    assert outcome.event == "buy"
    assert (outcome.reason or "").startswith("400: The body is not JSON in UTF-8")


async def test_every_property_of_a_refused_array_is_told_and_strangers_are_not(door: Door) -> None:
    other, stranger = uuid4(), uuid4()
    door.directory.rules[other] = PropertyRules(other, 8)
    sent = [VIEW, VIEW | {"collectorId": str(stranger)}, VIEW | {"collectorId": str(other)}]
    assert (await door.send(sent)).status_code == 404
    assert door.notified == [PROPERTY, other]
    assert (await door.send(VIEW | {"collectorId": str(stranger), "event": ""})).status_code == 400
    assert (await door.send(VIEW | {"collectorId": str(stranger)})).status_code == 404
    assert door.notified == [PROPERTY, other]


@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_is_too_large_is_told_by_its_first_bytes(door: Door, is_announced: bool) -> None:
    body = json.dumps(VIEW | {"more": "x" * MAX_BODY_BYTES}).encode()

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    answer = await door.client.post("/collect", content=body if is_announced else in_parts())
    assert answer.status_code == 413
    (outcome,) = door.outcomes
    assert (outcome.event, outcome.page) == ("signup", "/in")
    assert (outcome.reason or "").startswith("413: The body is too large")


async def test_too_fast_is_told_without_reading_more_than_has_come(make_door: MakeDoor) -> None:
    door = make_door(collect_rate=1, monotonic=lambda: 7.5)
    statuses = [(await door.send(VIEW)).status_code for _ in range(3)]
    assert statuses == [204, 204, 429]
    outcome = door.outcomes[-1]
    assert (outcome.event, outcome.page, outcome.has_address) == ("signup", "/in", True)
    assert (outcome.reason or "").startswith("429: Too many events from this address")


async def test_a_pixel_that_is_refused_is_told_by_its_address(door: Door) -> None:
    asked = f"/collect/pixel.gif?id={PROPERTY}&url=/mail&event={'x' * 256}"
    assert (await door.client.get(asked)).status_code == 400
    many = "&".join(f"a{n}=1" for n in range(200))
    assert (await door.client.get(f"/collect/pixel.gif?id={PROPERTY}&url=/mail&{many}")).status_code == 400
    assert [(outcome.page, (outcome.reason or "")[:4]) for outcome in door.outcomes] == [("/mail", "400:")] * 2
    assert "more than 100 query parameters" in (door.outcomes[1].reason or "")


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::7", "::ffff:203.0.113.9", "203.0.113.9:443"])
async def test_no_address_is_told_not_even_one_that_was_sent_as_something_else(door: Door, address: str) -> None:
    assert (await door.send(VIEW | {"id": f"from {address}."})).status_code == 400
    assert (await door.send(VIEW | {"event": [], "data": {}})).status_code == 400
    assert "203.0.113.9" not in repr(door.outcomes)
    assert "db8" not in repr(door.outcomes)
    assert "expected a UUID" in (door.outcomes[0].reason or "")


async def test_a_flood_is_looked_at_a_few_times_a_second_and_answered_all_the_same(
    make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejections, "MAX_SAMPLES_PER_SECOND", 5)
    monkeypatch.setattr(rejections, "time", SimpleNamespace(monotonic=lambda: 7.5))  # within one second
    door = make_door(collect_rate=1, monotonic=lambda: 7.5)
    read: list[int] = []
    app = door.client._transport.app  # type: ignore[attr-defined]

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def reading() -> Any:
            read.append(1)
            return await receive()

        await app(scope, reading, send)

    door.client._transport.app = counting  # type: ignore[attr-defined]
    assert [(await door.send(VIEW)).status_code for _ in range(2)] == [204] * 2
    read.clear()
    assert [(await door.send(VIEW)).status_code for _ in range(58)] == [429] * 58
    assert len(read) == 5
    assert sum("429" in (outcome.reason or "") for outcome in door.outcomes) == 5
    assert door.counters.rejected == {429: 58}


async def test_a_body_that_does_not_come_holds_nobody_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
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
    await door.client._transport.app(scope, never, send)  # type: ignore[attr-defined]
    assert answered[0] == 413
    assert door.outcomes == []
