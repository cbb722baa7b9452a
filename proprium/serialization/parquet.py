"""Writes raw events as Parquet: typed columns, streamed one row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger, String

from proprium.serialization.event_fields import CONTEXT_FIELDS, to_json
from proprium.storage.events import StoredEvent
from proprium.storage.stored_columns import COLUMN_BY_KEY

BATCHES_PER_ROW_GROUP = 10
_TEXT, _INT64, _BOOLEAN = pa.string(), pa.int64(), pa.bool_()
_ARROW_TYPES: dict[Any, Any] = {
    String: _TEXT,
    Boolean: _BOOLEAN,
    **dict.fromkeys((SmallInteger, Integer, BigInteger), _INT64),
}
_INT64_LIMIT = 2**63

_CONTEXT_TYPES = {name: pa.bool_() if name.startswith("is_") else pa.string() for name in CONTEXT_FIELDS}


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("event", pa.string()),
        *((key, _ARROW_TYPES[column.type]) for key, column in COLUMN_BY_KEY.items()),
        *_CONTEXT_TYPES.items(),
        ("data", pa.string()),  # JSON of all data as sent
    ]
)


def write_parquet(batches: Iterable[list[StoredEvent]]) -> Iterator[bytes]:
    """Yields the file in chunks. A truncated file lacks the Parquet footer, so no reader accepts it as complete."""
    sink = _ChunkBuffer()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), SCHEMA, compression="zstd") as writer:
        group: list[Any] = []
        for batch in batches:
            group.append(_record_batch(batch))
            if len(group) == BATCHES_PER_ROW_GROUP:
                writer.write_table(pa.Table.from_batches(group, SCHEMA))
                group = []
                yield sink.take()
        if group:
            writer.write_table(pa.Table.from_batches(group, SCHEMA))
    yield sink.take()


def _record_batch(batch: list[StoredEvent]) -> Any:
    columns = {
        "id": [str(event.id) for event in batch],
        "created_at": [event.created_at for event in batch],
        "event": [event.event for event in batch],
        **{
            key: [_typed_value(_ARROW_TYPES[column.type], event.data.get(key)) for event in batch]
            for key, column in COLUMN_BY_KEY.items()
        },
        **{name: [getattr(event, name) for event in batch] for name in CONTEXT_FIELDS},
        "data": [to_json(event.data) for event in batch],
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA)


def _typed_value(arrow_type: Any, value: Any) -> Any:
    """Returns a known key's value if it has the column's type, else None.

    The column `data` contains it in any case.
    """
    if arrow_type is _BOOLEAN:
        return value if isinstance(value, bool) else None
    if arrow_type is _INT64:
        is_int64 = isinstance(value, int) and not isinstance(value, bool) and -_INT64_LIMIT <= value < _INT64_LIMIT
        return value if is_int64 else None
    # Arrow strings cannot hold lone surrogates.
    is_text = isinstance(value, str) and (value.isascii() or value.encode("utf-8", "ignore").decode() == value)
    return value if is_text else None


class _ChunkBuffer:
    """A write-only file object; `take` returns and removes the bytes written so far."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.closed = False

    def write(self, chunk: Any) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def take(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)

    def flush(self) -> None:
        """Does nothing: writes are not buffered further."""

    def close(self) -> None:
        self.closed = True
