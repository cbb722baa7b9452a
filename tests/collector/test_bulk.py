"""Events that a server tells of: each with its own time, sender and answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from collector.batch_import import MAX_BATCH_EVENTS, BatchReader, EventResult, ParsedEvent, store_events
from collector.errors import PayloadTooLarge, RequestRejected, StoreUnavailable
from collector.event import Hit, Identity
from collector.parse import InvalidPayload
from tests.collector.conftest import CHROME, PROPERTY, Door

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
READER = BatchReader(NOW, oldest_allowed=NOW - timedelta(days=730), property_id=PROPERTY)
ORDER = {"event": "order", "data": {"amount": 49}}


def read(sent: Any, reader: BatchReader = READER) -> list[ParsedEvent]:
    return reader.read(json.dumps(sent).encode())


def hit(sent: dict[str, Any]) -> Hit:
    [received] = read(sent)
    assert isinstance(received, Hit), received
    return received


def refusal(sent: Any) -> str:
    [received] = read([sent])
    assert isinstance(received, RequestRejected), received
    return str(received)


async def take(door: Door, *sent: Any) -> list[EventResult]:
    return await store_events(door.collector, read(list(sent)))


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-10-01T12:30:00Z", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        ("2026-10-01T12:30:00.25+02:00", datetime(2026, 10, 1, 10, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-10-01 12:30", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        (1_790_000_000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        (1_790_000_000.5, datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)),
        (1_790_000_000_500, datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)),
        ("2026-11-02T09:00:50Z", NOW),  # clocks differ; nothing is kept that has not happened
        (None, None),
    ],
)
def test_a_time_is_read_in_every_usual_form(sent: object, moment: datetime | None) -> None:
    assert hit({**ORDER, "timestamp": sent}).happened_at == moment


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("2026-11-02T09:01:01Z", "in the future"),
        ("2024-10-01T00:00:00Z", "the retention period starts at"),
        ("yesterday", "'yesterday'; expected ISO 8601"),
        (True, "expected ISO 8601"),
        (10**30, "expected ISO 8601"),
        (-(10**18), "expected ISO 8601"),
        ([], "expected ISO 8601"),
        ("0001-01-01T00:00:00+14:00", "expected ISO 8601"),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_the_reason(sent: object, said: str) -> None:
    assert said in refusal({**ORDER, "timestamp": sent})


@pytest.mark.parametrize("address", ["somewhere", 7, ["192.0.2.7"], ""])
def test_what_is_no_address_is_refused_and_never_repeated(address: object) -> None:
    said = refusal({**ORDER, "ip": address})
    assert said.startswith("ip is not an IP address")
    assert "somewhere" not in said


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("order", "An event is a string"),
        ({"data": {}}, "event is missing"),
        ({**ORDER, "collectorId": "mine"}, "collectorId is"),
        ({**ORDER, "data": []}, "data is an array"),
        ({**ORDER, "id": 7}, "expected a UUID"),
        ({**ORDER, "user_agent": 7}, "user_agent is not a string"),
    ],
)
def test_one_that_cannot_be_read_says_why_and_takes_no_other_along(sent: object, said: str) -> None:
    received = read([ORDER, sent, ORDER])
    assert [isinstance(one, Hit) for one in received] == [True, False, True]
    assert said in str(received[1])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe{\x00}\x00", b"null"])
def test_a_body_without_events_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        READER.read(body)


def test_too_many_events_are_refused_and_counted_as_what_they_are() -> None:
    assert len(read([ORDER] * MAX_BATCH_EVENTS)) == MAX_BATCH_EVENTS
    with pytest.raises(InvalidPayload, match="1001 events; expected 1 to 1000") as refused:
        read([ORDER] * (MAX_BATCH_EVENTS + 1))
    assert refused.value.event_count == 1001
    with pytest.raises(PayloadTooLarge):
        READER.read(b" " * (4 * 1024 * 1024 + 1))


def test_without_a_property_of_the_keys_own_each_event_names_one() -> None:
    [received] = read(ORDER, BatchReader(NOW, NOW - timedelta(days=1)))
    assert "collectorId is missing" in str(received)


async def test_an_event_has_the_time_the_place_and_the_browser_that_were_told(door: Door) -> None:
    [result] = await take(
        door, {**ORDER, "timestamp": "2026-10-01T12:30:00Z", "ip": "203.0.113.80", "user_agent": CHROME}
    )
    [event] = door.sink.events
    assert result == EventResult("stored", event.id)
    assert event.created_at == datetime(2026, 10, 1, 12, 30, tzinfo=UTC)
    assert event.user_agent == CHROME
    assert event.identity == Identity.DAILY
    assert "203.0.113.80" not in repr(event)


async def test_without_a_browser_or_a_user_it_is_nobodys_event(door: Door) -> None:
    await take(door, {**ORDER, "user_agent": ""}, {**ORDER, "user_id": 42})
    nobodys, somebodys = door.sink.events
    assert (nobodys.identity, nobodys.visitor, nobodys.country) == (Identity.NONE, None, None)
    assert (somebodys.identity, somebodys.user_id) == (Identity.COOKIE, "42")


async def test_a_visitor_of_the_past_is_known_by_the_key_of_the_day_of_arrival(door: Door) -> None:
    """The keys of past days are destroyed: none is made anew."""
    one = {**ORDER, "ip": "203.0.113.80", "user_agent": CHROME}
    await take(door, one, {**one, "timestamp": "2026-10-01T12:30:00Z"})
    today, past = door.sink.events
    assert today.visitor == past.visitor is not None


async def test_every_event_has_its_own_result_and_the_books_balance(door: Door) -> None:
    door.directory.set(hostnames=("example.com",), excluded_addresses=("203.0.113.0/24",))
    twice = {**ORDER, "id": str(uuid4())}
    results = await take(
        door,
        twice,
        twice,
        {**ORDER, "data": {"hostname": "evil.example"}},
        {**ORDER, "ip": "203.0.113.80"},
        {**ORDER, "collectorId": str(uuid4())},
        {"event": ""},
    )
    assert [result.status for result in results] == [
        "stored",
        "duplicate",
        "dropped",
        "dropped",
        "rejected",
        "rejected",
    ]
    assert [result.reason for result in results[2:4]] == ["hostname", "excluded_ip"]
    assert [result.problem.status for result in results[4:] if result.problem] == [404, 400]
    assert results[0].id == results[1].id == UUID(twice["id"])
    counters = door.counters
    assert (counters.received, counters.stored, counters.duplicate) == (6, 1, 1)
    assert counters.dropped == {"hostname": 1, "excluded_ip": 1}
    assert counters.rejected == {404: 1, 400: 1}


async def test_when_nothing_can_be_stored_the_whole_request_may_be_sent_again(door: Door) -> None:
    door.sink.trouble = lambda events: StoreUnavailable("The disk is full.")
    with pytest.raises(StoreUnavailable):
        await take(door, ORDER, {"event": ""})
    assert door.counters.rejected == {503: 2}
    door.directory.find = lambda property_id: 1 / 0  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        await take(door, ORDER)
    assert door.counters.rejected == {503: 3}


async def test_a_thousand_are_one_commit(door: Door) -> None:
    results = await take(door, *[ORDER] * 1_000)
    assert {result.status for result in results} == {"stored"}
    assert door.sink.commits == [1_000]
