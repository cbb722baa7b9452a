"""Writes raw events as Parquet: typed columns, streamed one row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proprium.serialization.event_fields import CONTEXT_FIELDS, to_json
from proprium.storage import event_codec
from proprium.storage.events import StoredEvent

BATCHES_PER_ROW_GROUP = 10
_INTEGER_KEYS = frozenset({"screen_width", "screen_height", "time_on_page", "scroll_depth"})
_INT64_LIMIT = 2**63

_CONTEXT_TYPES = {name: pa.bool_() if name == "is_bot" else pa.string() for name in CONTEXT_FIELDS}


def _arrow_type(key: str) -> Any:
    if key == "automated":
        return pa.bool_()
    return pa.int64() if key in _INTEGER_KEYS else pa.string()


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("event", pa.string()),
        *((key, _arrow_type(key)) for key in event_codec.KNOWN_KEYS),
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
        **{key: [_typed_value(key, event.data.get(key)) for event in batch] for key in event_codec.KNOWN_KEYS},
        **{name: [getattr(event, name) for event in batch] for name in CONTEXT_FIELDS},
        "data": [to_json(event.data) for event in batch],
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA)


def _typed_value(key: str, value: Any) -> Any:
    """Returns a known key's value if it has the column's type, else None.

    The column `data` contains it in any case.
    """
    if key == "automated":
        return value if isinstance(value, bool) else None
    if key in _INTEGER_KEYS:
        is_int64 = isinstance(value, int) and not isinstance(value, bool) and -_INT64_LIMIT <= value < _INT64_LIMIT
        return value if is_int64 else None
    return value if isinstance(value, str) and _is_valid_text(value) else None


def _is_valid_text(text: str) -> bool:
    """Returns False for text with lone surrogates, which Arrow strings cannot hold."""
    return text.isascii() or text.encode("utf-8", "ignore").decode() == text


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
