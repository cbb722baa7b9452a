"""Columnar batches of events for the projector, with dictionary encoding; reading rows costs three times as much.

This and other choices for speed: docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import orjson

from proprium.storage.stored_columns import STORED_COLUMNS

_BATCH_COLUMNS = tuple(column for column in STORED_COLUMNS if column.name not in {"id", "sent"})
DICTIONARY_COLUMNS = tuple(column.name for column in _BATCH_COLUMNS if column.is_shared)
"""Columns with dictionary encoding: properties of the sender, which the events of a visit share.

Three in ten events have a combination of values that is new in its batch."""
PLAIN_COLUMNS = tuple(column.name for column in _BATCH_COLUMNS if not column.is_shared)


class DictionaryColumn(Sequence[Any]):
    """A dictionary-encoded column: a code for each row, which is the index of its value in `dictionary`.

    Columns to be staged in the warehouse may have codes that are None, for NULL.
    """

    __slots__ = ("codes", "dictionary")

    def __init__(self, codes: Sequence[Any], dictionary: Sequence[Any]) -> None:
        self.codes = codes
        self.dictionary = dictionary

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return map(self.dictionary.__getitem__, self.codes)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return list(self)[index] if isinstance(index, slice) else self.dictionary[self.codes[index]]


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Columns of stored events by name; User-Agents as texts ("" for none), times in µs since 1970, UTC.

    PLAIN_COLUMNS have a value for each event. DICTIONARY_COLUMNS have a value for each distinct combination of them;
    `codes` is the index of the combination for each event.
    """

    plain_columns: Mapping[str, Sequence[Any]]
    codes: Sequence[int]
    dictionaries: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, name: str) -> Sequence[Any]:
        return (
            self.plain_columns[name]
            if name in self.plain_columns
            else DictionaryColumn(self.codes, self.dictionaries[name])
        )

    def take(self, indexes: Sequence[int]) -> EventBatch:
        """Returns the events at these indexes, in their order."""
        plain_columns = {name: [values[index] for index in indexes] for name, values in self.plain_columns.items()}
        return EventBatch(plain_columns, [self.codes[index] for index in indexes], self.dictionaries)

    def with_values(
        self, plain_columns: Mapping[str, Sequence[Any]], shared_values: Mapping[int, Mapping[str, Any]]
    ) -> EventBatch:
        """Returns the batch with other plain columns, and other values of dictionary columns by index of the event."""
        if not shared_values:
            return EventBatch({**self.plain_columns, **plain_columns}, self.codes, self.dictionaries)
        codes = list(self.codes)
        rows = list(zip(*self.dictionaries.values(), strict=True))
        new_code_by_row: dict[tuple[Any, ...], int] = {}
        for index, values in shared_values.items():
            row = tuple({**dict(zip(self.dictionaries, rows[codes[index]], strict=True)), **values}.values())
            codes[index] = new_code_by_row.setdefault(row, len(rows) + len(new_code_by_row))
        dictionaries = dict(zip(self.dictionaries, zip(*rows, *new_code_by_row, strict=True), strict=True))
        return EventBatch({**self.plain_columns, **plain_columns}, codes, dictionaries)


FETCH_BATCH_SIZE = 100
"""Few rows at a time stay in the CPU cache, which takes half the time of fetching all at once."""
SELECT_LIST = f"{', '.join(PLAIN_COLUMNS)}, json_array({', '.join(DICTIONARY_COLUMNS)})"
"""Select list of batches. The dictionary columns are read as one JSON text: it costs a quarter of 17 columns, most
of which would have the same values as in the previous row."""


def fetch_batch(cursor: Any) -> EventBatch:
    """Fetches all rows of a driver's cursor on SELECT_LIST; User-Agents are IDs still, not texts."""
    columns: list[list[Any]] = [[] for _ in range(len(PLAIN_COLUMNS) + 1)]
    while rows := cursor.fetchmany(FETCH_BATCH_SIZE):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    *plain_columns, texts = columns
    code_by_text = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    dictionaries = (
        zip(*map(orjson.loads, code_by_text), strict=True) if code_by_text else [()] * len(DICTIONARY_COLUMNS)
    )
    return EventBatch(
        dict(zip(PLAIN_COLUMNS, plain_columns, strict=True)),
        list(map(code_by_text.__getitem__, texts)),
        dict(zip(DICTIONARY_COLUMNS, dictionaries, strict=True)),
    )
