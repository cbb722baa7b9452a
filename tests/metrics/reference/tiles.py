"""Breakdowns: the values of a dimension, most first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.metrics.reference.asked import Asked, History, choose, text_of
from tests.metrics.reference.sessions import Session
from tests.metrics.reference.spans import Span

CAMPAIGN = {"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}

Value = str | None


@dataclass(frozen=True)
class Tile:
    rows: list[tuple[Value, int]]  # all of them

    @property
    def total(self) -> int:
        return sum(count for _, count in self.rows)


def tile(history: History, asked: Asked, span: Span, dimension: str, *, count_sessions: bool = False) -> Tile:
    """Visitors of each value, unless the dimension's name says otherwise; sessions where that is asked."""
    chosen = choose(history, asked, span)
    people = chosen.hits if asked.audience == "humans" else []
    if dimension.startswith("data."):
        values = [text_of(hit.sent.data.get(dimension.removeprefix("data."))) for hit in chosen.hits]
        return _most_first(Counter(value for value in values if value is not None))
    match dimension:
        case "page":
            return _most_first(Counter(hit.sent.page for hit in people if hit.counts_as_view))
        case "event_page":
            return _most_first(Counter(hit.sent.page for hit in chosen.hits))
        case "event":
            return _most_first(Counter(hit.sent.event for hit in chosen.hits if hit.is_custom))
        case "bot":
            return _most_first(Counter(hit.bot for hit in chosen.bots))
        case "bot_category":
            return _most_first(Counter(hit.bot_category for hit in chosen.bots))
        case "bot_page":
            return _most_first(Counter(hit.sent.page for hit in chosen.bots))
        case _:
            return _of_sessions(_there(chosen.sessions, asked, dimension), dimension, count_sessions)


def _of_sessions(sessions: Iterable[Session], dimension: str, count_sessions: bool) -> Tile:
    counted = defaultdict[Value, list[int | None]](list)
    for session in sessions:
        value = session.told(dimension)
        if value is not None or dimension not in CAMPAIGN:  # most visits have no campaign, and are not listed
            counted[value].append(session.visitor)
    return _most_first({value: len(of if count_sessions else set(of)) for value, of in counted.items()})


def _there(sessions: list[Session], asked: Asked, dimension: str) -> list[Session]:
    """Regions and cities are the open country's, where one is open."""
    if dimension not in {"region", "city"} or not asked.open_country:
        return sessions
    return [session for session in sessions if session.told("country") == asked.open_country]


def _most_first(counted: dict[Value, int]) -> Tile:
    """Ties by value, what is not set last of them."""
    return Tile(sorted(counted.items(), key=lambda row: (-row[1], row[0] is None, row[0] or "")))
