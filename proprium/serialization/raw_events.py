"""Streams raw events from storage as CSV, JSON lines or Parquet.

Storage is the source of truth. At most a few thousand events are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain, islice
from operator import attrgetter
from typing import Any, TypeVar

from proprium.metrics.query.period import Period
from proprium.serialization.csv_cells import csv_bytes
from proprium.serialization.event_fields import CONTEXT_FIELDS, to_json
from proprium.storage import event_codec
from proprium.storage.database import Database
from proprium.storage.events import StoredEvent, TimeRange, count_events, last_seq, read_events
from proprium.storage.tables import Property

T = TypeVar("T")
BATCH_SIZE = 1_000


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON_LINES: "application/x-ndjson",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
BatchCallback = Callable[[int], None]


def stream(
    events: Iterable[StoredEvent], kind: ExportFormat, on_batch: BatchCallback = lambda _: None
) -> Iterator[bytes]:
    """Yields the file in chunks. Blocks: run it in a thread.

    `on_batch` is called after each batch with its number of events.
    """

    def read_batches() -> Iterator[list[StoredEvent]]:
        for batch in batched(events, BATCH_SIZE):
            yield batch
            on_batch(len(batch))

    batches = read_batches()
    match kind:
        case ExportFormat.CSV:
            parts = (csv_bytes(map(_csv_row, batch), continues_file=True) for batch in batches)
            return chain([csv_bytes([CSV_COLUMNS])], parts)
        case ExportFormat.JSON_LINES:
            return (b"".join(map(_json_line, batch)) for batch in batches)
        case ExportFormat.PARQUET:
            from proprium.serialization.parquet import write_parquet  # the import takes a third of a second

            return write_parquet(batches)


def events_of(
    database: Database, property_: Property, period: Period | None = None, counts_automated: bool = False
) -> Iterator[StoredEvent]:
    """Yields the stored events of a period, or all. `counts_automated` is the default of a property without a setting.

    Events that arrive during the export are left out, so that it ends.
    """
    assert property_.number is not None
    time_range = (
        TimeRange(event_codec.to_timestamp_us(period.start_utc), event_codec.to_timestamp_us(period.end_utc))
        if period
        else TimeRange()
    )
    return read_events(
        database,
        property_.number,
        before_seq=last_seq(database) + 1,
        time_range=time_range,
        counts_automated=counts_automated if property_.counts_automated is None else property_.counts_automated,
    )


def count(database: Database, property_: Property) -> int:
    """Returns the number of stored events of the property, over all time."""
    return count_events(database, property_.number)


def file_name(property_: Property, period: Period | None, kind: ExportFormat) -> str:
    """Returns the download's file name: "events-2f0c1f8e-2026-01-01-2026-01-31.csv"."""
    days = f"-{period.first_day}-{period.last_day}" if period else ""
    return f"events-{str(property_.id)[:8]}{days}.{kind}"


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch


_context_values = attrgetter(*CONTEXT_FIELDS)

# CSV

_PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})
CSV_COLUMNS = ("id", "created_at", "event", *event_codec.KNOWN_KEYS, *CONTEXT_FIELDS, "data")
"""Each known key has its own column; `data` contains everything that was sent."""


def _csv_row(event: StoredEvent) -> list[Any]:
    data = event.data
    known_values = list(map(data.get, event_codec.KNOWN_KEYS))
    if not _PLAIN_TYPES.issuperset(map(type, known_values)):  # senders may put any JSON value under any key
        known_values = [to_json(value) if isinstance(value, dict | list) else value for value in known_values]
    return [
        str(event.id),
        event.created_at.isoformat(),
        event.event,
        *known_values,
        *_context_values(event),
        to_json(data),
    ]


# JSON lines


def _json_line(event: StoredEvent) -> bytes:
    record = {
        "id": str(event.id),
        "created_at": event.created_at.isoformat(),
        "event": event.event,
        "data": event.data,
        **dict(zip(CONTEXT_FIELDS, _context_values(event), strict=True)),
    }
    return to_json(record).encode() + b"\n"
