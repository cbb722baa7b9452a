"""Events as the projector reads them, side by side: rows cost three times as much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import orjson


class FeedEvent(NamedTuple):
    """One event as it is stored, with its User-Agent as text ("" for none)."""

    seq: int
    property: int
    event: str
    created_at: int  # µs since 1970, UTC
    identity: int  # collector.event.Identity
    visitor: int | None
    previous_visitor: int | None
    user_id: str | None
    view_id: str | None
    page: str | None
    title: str | None
    hostname: str | None
    referrer: str | None
    screen_width: int | None
    screen_height: int | None
    language: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    time_on_page: int | None
    scroll_depth: int | None
    automated: int | None
    country: str | None
    region: str | None
    city: str | None
    rest: str | None  # JSON of the keys that have no column, or whose column does not hold what was sent
    user_agent: str


DICTIONARY_COLUMNS = (
    *("property", "identity", "hostname", "referrer", "language", "country", "region", "city"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("automated", "screen_width", "screen_height", "user_agent"),
)
"""What the events of a visit have in common: who sent them, with what, from where. Three events in ten say it anew."""
PLAIN_COLUMNS = tuple(name for name in FeedEvent._fields if name not in DICTIONARY_COLUMNS)


class DictionaryColumn(Sequence[Any]):
    """A column of few different values: which of them each row has, and each of them once."""

    __slots__ = ("codes", "dictionary")

    def __init__(self, codes: Sequence[int], dictionary: Sequence[Any]) -> None:
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
    """The values of each of TailRow's fields by its name: those of OWN a value an event, those of SHARED once for each
    combination that there is, and `places` says which of these an event has."""

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
        """These events in this order."""
        plain_columns = {name: [values[index] for index in indexes] for name, values in self.plain_columns.items()}
        return EventBatch(plain_columns, [self.codes[index] for index in indexes], self.dictionaries)

    def rows(self) -> list[FeedEvent]:
        return list(map(FeedEvent._make, zip(*(self[name] for name in FeedEvent._fields), strict=True)))


FETCH_BATCH_SIZE = 100
SELECT_LIST = f"{', '.join(PLAIN_COLUMNS)}, json_array({', '.join(DICTIONARY_COLUMNS)})"
"""What is read of the table `event`: one text costs a quarter of its seventeen columns, of which most would be the same
as in the row before."""


def fetch_batch(cursor: Any) -> EventBatch:
    """Of a driver's cursor on SELECTED; the User-Agents are numbers still."""
    *plain_columns, texts = _fetch_columns(cursor)
    code_by_text = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    dictionaries = (
        zip(*map(orjson.loads, code_by_text), strict=True) if code_by_text else [()] * len(DICTIONARY_COLUMNS)
    )
    return EventBatch(
        dict(zip(PLAIN_COLUMNS, plain_columns, strict=True)),
        list(map(code_by_text.__getitem__, texts)),
        dict(zip(DICTIONARY_COLUMNS, dictionaries, strict=True)),
    )


def _fetch_columns(cursor: Any) -> list[list[Any]]:
    """The columns of an answer. A few rows at a time stay in the processor's cache: half the cost of all at once."""
    columns: list[list[Any]] = [[] for _ in range(len(PLAIN_COLUMNS) + 1)]
    while rows := cursor.fetchmany(FETCH_BATCH_SIZE):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns
