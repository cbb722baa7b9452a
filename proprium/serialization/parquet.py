"""Raw events as Parquet: typed columns, written one row group after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proprium.serialization.raw_events import SENDER, to_json
from proprium.storage import event_codec
from proprium.storage.events import StoredEvent

BATCHES_IN_A_GROUP = 10
_NUMBERS = frozenset({"screen_width", "screen_height", "time_on_page", "scroll_depth"})
_MOST = 2**63

_SENDER_TYPES = {name: pa.bool_() if name == "is_bot" else pa.string() for name in SENDER}


def _type(key: str) -> Any:
    if key == "automated":
        return pa.bool_()
    return pa.int64() if key in _NUMBERS else pa.string()


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("event", pa.string()),
        *((key, _type(key)) for key in event_codec.KNOWN_KEYS),
        *_SENDER_TYPES.items(),
        ("data", pa.string()),  # JSON of everything that was sent
    ]
)


def parquet(batches: Iterable[list[StoredEvent]]) -> Iterator[bytes]:
    """A file that is cut off has no end of a Parquet file, and no reader takes it for a whole one."""
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), SCHEMA, compression="zstd") as writer:
        group: list[Any] = []
        for batch in batches:
            group.append(_record_batch(batch))
            if len(group) == BATCHES_IN_A_GROUP:
                writer.write_table(pa.Table.from_batches(group, SCHEMA))
                group = []
                yield sink.taken()
        if group:
            writer.write_table(pa.Table.from_batches(group, SCHEMA))
    yield sink.taken()


def _record_batch(batch: list[StoredEvent]) -> Any:
    columns = {
        "id": [str(event.id) for event in batch],
        "created_at": [event.created_at for event in batch],
        "event": [event.event for event in batch],
        **{key: [_typed(key, event.data.get(key)) for event in batch] for key in event_codec.KNOWN_KEYS},
        **{name: [getattr(event, name) for event in batch] for name in SENDER},
        "data": [to_json(event.data) for event in batch],
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA)


def _typed(key: str, value: Any) -> Any:
    """What was sent under a known key, where it is of the column's kind; `data` has it in any case."""
    if key == "automated":
        return value if isinstance(value, bool) else None
    if key in _NUMBERS:
        fits = isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value < _MOST
        return value if fits else None
    return value if isinstance(value, str) and _is_text(value) else None


def _is_text(text: str) -> bool:
    """False for halves of a surrogate pair, which no column takes."""
    return text.isascii() or text.encode("utf-8", "ignore").decode() == text


class _Sink:
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True
