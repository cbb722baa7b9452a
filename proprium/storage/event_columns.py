"""Events as the projector reads them, side by side: rows cost three times as much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import orjson


class TailRow(NamedTuple):
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


SHARED = (
    *("property", "identity", "hostname", "referrer", "language", "country", "region", "city"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("automated", "screen_width", "screen_height", "user_agent"),
)
"""What the events of a visit have in common: who sent them, with what, from where. Three events in ten say it anew."""
OWN = tuple(name for name in TailRow._fields if name not in SHARED)


class Coded(Sequence[Any]):
    """A column of few different values: which of them each row has, and each of them once."""

    __slots__ = ("places", "values")

    def __init__(self, places: Sequence[int], values: Sequence[Any]) -> None:
        self.places = places
        self.values = values

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Any]:
        return map(self.values.__getitem__, self.places)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        return list(self)[at] if isinstance(at, slice) else self.values[self.places[at]]


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of each of TailRow's fields by its name: those of OWN a value an event, those of SHARED once for each
    combination that there is, and `places` says which of these an event has."""

    own: Mapping[str, Sequence[Any]]
    places: Sequence[int]
    shared: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.own[name] if name in self.own else Coded(self.places, self.shared[name])

    def picked(self, at: Sequence[int]) -> Columns:
        """These events in this order."""
        own = {name: [values[place] for place in at] for name, values in self.own.items()}
        return Columns(own, [self.places[place] for place in at], self.shared)

    def rows(self) -> list[TailRow]:
        return list(map(TailRow._make, zip(*(self[name] for name in TailRow._fields), strict=True)))


ROWS_AT_ONCE = 100
SELECTED = f"{', '.join(OWN)}, json_array({', '.join(SHARED)})"
"""What is read of the table `event`: one text costs a quarter of its seventeen columns, of which most would be the same
as in the row before."""


def columns_of(cursor: Any) -> Columns:
    """Of a driver's cursor on SELECTED; the User-Agents are numbers still."""
    *own, texts = _side_by_side(cursor)
    known = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    shared = zip(*map(orjson.loads, known), strict=True) if known else [()] * len(SHARED)
    return Columns(
        dict(zip(OWN, own, strict=True)),
        list(map(known.__getitem__, texts)),
        dict(zip(SHARED, shared, strict=True)),
    )


def _side_by_side(cursor: Any) -> list[list[Any]]:
    """The columns of an answer. A few rows at a time stay in the processor's cache: half the cost of all at once."""
    columns: list[list[Any]] = [[] for _ in range(len(OWN) + 1)]
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns
