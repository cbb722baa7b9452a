"""Batch import: each event has its own timestamp, address and result."""

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
from tests.collector.conftest import CollectorHarness
from tests.support.collector_ports import CHROME, PROPERTY

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
READER = BatchReader(NOW, oldest_allowed=NOW - timedelta(days=730), property_id=PROPERTY)
ORDER = {"event": "order", "data": {"amount": 49}}


def read(sent: Any, reader: BatchReader = READER) -> list[ParsedEvent]:
    return reader.read(json.dumps(sent).encode())


def hit(sent: dict[str, Any]) -> Hit:
    [received] = read(sent)
    assert isinstance(received, Hit), received
    return received


def rejection(sent: Any) -> str:
    [received] = read([sent])
    assert isinstance(received, RequestRejected), received
    return str(received)


async def take(harness: CollectorHarness, *sent: Any) -> list[EventResult]:
    return await store_events(harness.collector, read(list(sent)))


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-10-01T12:30:00Z", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        ("2026-10-01T12:30:00.25+02:00", datetime(2026, 10, 1, 10, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-10-01 12:30", datetime(2026, 10, 1, 12, 30, tzinfo=UTC)),
        (1_790_000_000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        (1_790_000_000.5, datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)),
        (1_790_000_000_500, datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)),
        ("2026-11-02T09:00:50Z", NOW),  # clocks differ; no event is stored in the future
        (None, None),
    ],
)
def test_a_time_is_read_in_every_usual_form(sent: object, moment: datetime | None) -> None:
    assert hit({**ORDER, "timestamp": sent}).happened_at == moment


@pytest.mark.parametrize(
    ("sent", "message"),
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
def test_an_invalid_timestamp_is_rejected_with_the_reason(sent: object, message: str) -> None:
    assert message in rejection({**ORDER, "timestamp": sent})


@pytest.mark.parametrize("address", ["somewhere", 7, ["192.0.2.7"], ""])
def test_an_invalid_address_is_rejected_and_never_quoted(address: object) -> None:
    message = rejection({**ORDER, "ip": address})
    assert message.startswith("ip is not an IP address")
    assert "somewhere" not in message


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("order", "An event is a string"),
        ({"data": {}}, "event is missing"),
        ({**ORDER, "collectorId": "mine"}, "collectorId is"),
        ({**ORDER, "data": []}, "data is an array"),
        ({**ORDER, "id": 7}, "expected a UUID"),
        ({**ORDER, "user_agent": 7}, "user_agent is not a string"),
    ],
)
def test_an_invalid_event_says_why_and_rejects_no_other(sent: object, message: str) -> None:
    received = read([ORDER, sent, ORDER])
    assert [isinstance(one, Hit) for one in received] == [True, False, True]
    assert message in str(received[1])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe{\x00}\x00", b"null"])
def test_a_body_without_events_is_rejected_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        READER.read(body)


def test_too_many_events_are_rejected_and_all_counted() -> None:
    assert len(read([ORDER] * MAX_BATCH_EVENTS)) == MAX_BATCH_EVENTS
    with pytest.raises(InvalidPayload, match="1001 events; expected 1 to 1000") as refused:
        read([ORDER] * (MAX_BATCH_EVENTS + 1))
    assert refused.value.event_count == 1001
    with pytest.raises(PayloadTooLarge):
        READER.read(b" " * (4 * 1024 * 1024 + 1))


def test_without_a_default_property_each_event_names_one() -> None:
    [received] = read(ORDER, BatchReader(NOW, NOW - timedelta(days=1)))
    assert "collectorId is missing" in str(received)


async def test_an_event_has_its_own_timestamp_location_and_user_agent(harness: CollectorHarness) -> None:
    [result] = await take(
        harness, {**ORDER, "timestamp": "2026-10-01T12:30:00Z", "ip": "203.0.113.80", "user_agent": CHROME}
    )
    [event] = harness.sink.events
    assert result == EventResult("stored", event.id)
    assert event.created_at == datetime(2026, 10, 1, 12, 30, tzinfo=UTC)
    assert event.user_agent == CHROME
    assert event.identity == Identity.DAILY
    assert "203.0.113.80" not in repr(event)


async def test_without_user_agent_or_user_id_there_is_no_visitor(harness: CollectorHarness) -> None:
    await take(harness, {**ORDER, "user_agent": ""}, {**ORDER, "user_id": 42})
    nobodys, somebodys = harness.sink.events
    assert (nobodys.identity, nobodys.visitor, nobodys.country) == (Identity.NONE, None, None)
    assert (somebodys.identity, somebodys.user_id) == (Identity.COOKIE, "42")


async def test_daily_visitors_of_past_events_use_the_key_of_their_own_day_while_it_exists(
    harness: CollectorHarness,
) -> None:
    """The keys of days before yesterday are destroyed, and none is created again: those events have today's."""
    one = {**ORDER, "ip": "203.0.113.80", "user_agent": CHROME}
    moments = ("2026-11-02T08:00:00Z", "2026-11-01T23:59:00Z", "2026-11-01T00:01:00Z", "2026-10-31T23:59:00Z")
    await take(harness, one, *({**one, "timestamp": moment} for moment in moments))
    now, today, yesterday, early_yesterday, before = (event.visitor for event in harness.sink.events)
    assert now == today == before != yesterday == early_yesterday
    assert [event.previous_visitor for event in harness.sink.events] == [None] * 5


async def test_a_past_event_after_midnight_continues_the_visit_before_it(harness: CollectorHarness) -> None:
    one = {**ORDER, "ip": "203.0.113.80", "user_agent": CHROME}
    moments = ("2026-11-01T23:50:00Z", "2026-11-02T00:10:00Z", "2026-11-02T00:50:00Z")
    await take(harness, *({**one, "timestamp": moment} for moment in moments))
    before, after, later = harness.sink.events
    assert after.previous_visitor == before.visitor != after.visitor == later.visitor
    assert later.previous_visitor is None


async def test_the_own_day_of_a_past_event_is_that_of_the_property(harness: CollectorHarness) -> None:
    harness.directory.set(timezone="Asia/Kolkata")  # midnight is 18:30 UTC
    one = {**ORDER, "ip": "203.0.113.80", "user_agent": CHROME}
    await take(harness, *({**one, "timestamp": f"2026-11-01T18:{minute}:00Z"} for minute in (25, 35)), one)
    before, after, today = (event.visitor for event in harness.sink.events)
    assert before != after == today


async def test_every_event_has_its_own_result_and_is_counted(harness: CollectorHarness) -> None:
    harness.directory.set(hostnames=("example.com",), excluded_addresses=("203.0.113.0/24",))
    twice = {**ORDER, "id": str(uuid4())}
    results = await take(
        harness,
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
    counters = harness.counters
    assert (counters.received, counters.stored, counters.duplicate) == (6, 1, 1)
    assert counters.dropped == {"hostname": 1, "excluded_ip": 1}
    assert counters.rejected == {404: 1, 400: 1}


async def test_when_nothing_can_be_stored_the_request_may_be_retried(harness: CollectorHarness) -> None:
    harness.sink.trouble = lambda events: StoreUnavailable("The disk is full.")
    with pytest.raises(StoreUnavailable):
        await take(harness, ORDER, {"event": ""})
    assert harness.counters.rejected == {503: 2}
    harness.directory.find = lambda property_id: 1 / 0  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        await take(harness, ORDER)
    assert harness.counters.rejected == {503: 3}


async def test_a_thousand_are_one_commit(harness: CollectorHarness) -> None:
    results = await take(harness, *[ORDER] * 1_000)
    assert {result.status for result in results} == {"stored"}
    assert harness.sink.commits == [1_000]
