"""Raw events as CSV, JSON lines and Parquet: everything that was sent is in the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from collector.event import Event
from proprium.metrics.query.period import custom_period
from proprium.serialization import raw_events
from proprium.serialization.event_fields import CONTEXT_FIELDS
from proprium.serialization.raw_events import ExportFormat
from proprium.storage.database import Database
from proprium.storage.event_codec import KNOWN_KEYS
from proprium.storage.events import EventStore, StoredEvent, read_events
from proprium.storage.tables import Property
from tests.metrics.histories import HEADLESS
from tests.support.builders import CURL, DAY, GOOGLEBOT, a_property, an_event

ODD: dict[str, Any] = {
    "plan": "pro",
    "amount": -4.5,
    "big": 2**70,
    "nested": {"a": [1, None, "x"]},
    "=cmd|' /C calc'!A0": "=1+1",
    "text": 'quote " comma , line\r\nend – ünïcode 🜚',
}


@pytest.fixture
def property_(database: Database) -> Property:
    return a_property(database)


@pytest.fixture
def stored(database: Database, property_: Property) -> list[StoredEvent]:
    """Appends 2,000 events and more, in several row groups, with unusual values."""
    number = property_.number or 0
    sent = [
        an_event("ada", property=number, data=ODD, title="=1+1", country="DE", region="DE-HE", city="Bad Homburg"),
        an_event("bob", "09:00:00.000001", property=number, event="@order", page="/-x"),
        an_event(None, property=number, user_agent=GOOGLEBOT),
        an_event("eve", property=number, data={"screen_width": "wide", "title": ["a"], "url": 7, "automated": "no"}),
        an_event("fay", property=number, screen_width=1920, time_on_page=2**62, automated=True),
        *(an_event("gil", property=number, data={"n": n}) for n in range(2_000)),
    ]
    return append(database, sent, property_)


def append(database: Database, sent: list[Event], property_: Property) -> list[StoredEvent]:
    store = EventStore(database)
    store.append([*sent, an_event("somebody else's", property=77)])
    store.close()
    return list(read_events(database, property_.number))


def file_of(database: Database, property_: Property, kind: ExportFormat) -> bytes:
    return b"".join(raw_events.stream(raw_events.events_of(database, property_), kind))


def test_json_lines_are_the_events(database: Database, property_: Property, stored: list[StoredEvent]) -> None:
    lines = file_of(database, property_, ExportFormat.JSON_LINES).splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "id": str(event.id),
            "created_at": event.created_at.isoformat(),
            "event": event.event,
            "data": event.data,
            **{name: getattr(event, name) for name in CONTEXT_FIELDS},
        }
        for event in stored
    ]


def test_csv_has_a_column_for_each_known_key_and_all_of_the_data(
    database: Database, property_: Property, stored: list[StoredEvent]
) -> None:
    content = file_of(database, property_, ExportFormat.CSV)
    assert content.count(b"\xef\xbb\xbf") == 1  # one byte order mark, however many parts
    text = content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert set(rows[0]) == {"id", "created_at", "event", *KNOWN_KEYS, *CONTEXT_FIELDS, "data"}
    assert [json.loads(row["data"]) for row in rows] == [event.data for event in stored]
    assert [row["id"] for row in rows] == [str(event.id) for event in stored]
    first, second, bot, odd, full = rows[:5]
    assert (first["title"], first["country"], first["city"]) == ("'=1+1", "DE", "Bad Homburg")
    assert (second["event"], second["url"], second["created_at"]) == (
        "'@order",
        "/-x",
        f"{DAY}T09:00:00.000001+00:00",
    )
    assert (bot["is_bot"], bot["bot_name"], bot["user_id"]) == ("true", "Googlebot", "")
    assert (odd["screen_width"], odd["title"], odd["url"], odd["automated"]) == ("wide", '["a"]', "7", "no")
    assert (full["screen_width"], full["time_on_page"], full["automated"]) == ("1920", str(2**62), "true")


def test_no_cell_of_the_csv_begins_a_formula(database: Database, property_: Property) -> None:
    names = dict.fromkeys(KNOWN_KEYS, "=1+1") | {"=2": "@x"}
    event = an_event(
        "ada", event="+x", property=property_.number or 0, data=names, country="=X", city="-x", region="@x"
    )
    append(database, [event], property_)
    _, row = csv.reader(io.StringIO(file_of(database, property_, ExportFormat.CSV).decode("utf-8-sig"), newline=""))
    assert [cell for cell in row if cell[:1] in {"=", "+", "-", "@"}] == []


def test_parquet_has_types_and_all_of_the_data(
    database: Database, property_: Property, stored: list[StoredEvent]
) -> None:
    table = pq.read_table(io.BytesIO(file_of(database, property_, ExportFormat.PARQUET)))
    assert {str(table.schema.field(name).type) for name in ("created_at",)} == {"timestamp[us, tz=UTC]"}
    assert [str(table.schema.field(name).type) for name in ("screen_width", "is_bot", "url")] == [
        "int64",
        "bool",
        "string",
    ]
    rows = table.to_pylist()
    assert [json.loads(row["data"]) for row in rows] == [event.data for event in stored]
    assert [row["created_at"] for row in rows] == [event.created_at for event in stored]
    odd, full = rows[3:5]
    assert (odd["screen_width"], odd["title"], odd["url"], odd["automated"]) == (None, None, None, None)
    assert (full["screen_width"], full["time_on_page"], full["automated"]) == (1920, 2**62, True)


def test_a_truncated_parquet_file_is_invalid(
    database: Database, property_: Property, stored: list[StoredEvent]
) -> None:
    whole = file_of(database, property_, ExportFormat.PARQUET)
    with pytest.raises(Exception, match=r"(?i)parquet|magic"):
        pq.read_table(io.BytesIO(whole[:-100]))


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_a_property_without_events_is_an_empty_file(
    database: Database, property_: Property, kind: ExportFormat
) -> None:
    content = file_of(database, property_, kind)
    if kind is ExportFormat.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert content.count(b"\n") == (kind is ExportFormat.CSV)


def test_a_period_is_whole_days_of_the_propertys_zone(database: Database, property_: Property) -> None:
    moments = ("2026-11-01 22:59:59", "2026-11-01 23:00", "2026-11-02 22:59:59.999999", "2026-11-02 23:00")
    append(database, [an_event("ada", at, property=property_.number or 0) for at in moments], property_)
    period = custom_period(DAY, DAY, ZoneInfo("Europe/Berlin"))
    times = [event.created_at for event in raw_events.events_of(database, property_, period)]
    assert times == [datetime(2026, 11, 1, 23, tzinfo=UTC), datetime(2026, 11, 2, 22, 59, 59, 999_999, UTC)]


def test_events_that_arrive_during_the_export_are_left_out(database: Database, property_: Property) -> None:
    number = property_.number or 0
    append(database, [an_event(str(n), property=number) for n in range(1_500)], property_)
    reading: Iterator[StoredEvent] = raw_events.events_of(database, property_)
    first = next(reading)
    append(database, [an_event("late", property=number)], property_)
    assert "late" not in {event.data["user_id"] for event in (first, *reading)}


def test_a_cancelled_download_holds_no_connection(database: Database, property_: Property) -> None:
    append(database, [an_event(str(n), property=property_.number or 0) for n in range(1_500)], property_)
    readers = [raw_events.events_of(database, property_) for _ in range(40)]  # more than the pool has
    assert {next(reader).event for reader in readers} == {"page_view"}
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("setting", "default", "counts_automated"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_is_bot_follows_the_propertys_rule_and_is_automated_is_the_senders_fact(
    database: Database, property_: Property, setting: bool | None, default: bool, counts_automated: bool
) -> None:
    property_.counts_automated = setting
    number = property_.number or 0
    sent = [
        an_event(property=number),
        an_event(property=number, automated=True),
        an_event(property=number, user_agent=HEADLESS),
        an_event(None, property=number, user_agent=GOOGLEBOT),
        an_event(
            None, property=number, user_agent=CURL, automated=True
        ),  # a library's page view is a bot's in any case
    ]
    append(database, sent, property_)
    is_bot = not counts_automated
    facts = [
        *((False, "", False), (is_bot, "Chrome" if is_bot else "", True)),
        *((is_bot, "HeadlessChrome" if is_bot else "", True), (True, "Googlebot", False), (True, "curl", True)),
    ]
    for kind in ExportFormat:
        events = raw_events.events_of(database, property_, counts_automated=default)
        assert bots_in(b"".join(raw_events.stream(events, kind)), kind) == facts, kind


def bots_in(file: bytes, kind: ExportFormat) -> list[tuple[bool, str, bool]]:
    """is_bot, bot_name and is_automated of each event."""
    match kind:
        case ExportFormat.CSV:
            rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(file.decode(), newline="")))
        case ExportFormat.JSON_LINES:
            rows = list(map(json.loads, file.splitlines()))
        case ExportFormat.PARQUET:
            table = pq.read_table(io.BytesIO(file))
            assert [str(table.schema.field(name).type) for name in ("is_bot", "is_automated")] == ["bool", "bool"]
            rows = table.to_pylist()
    return [(row["is_bot"] in (True, "true"), row["bot_name"], row["is_automated"] in (True, "true")) for row in rows]
