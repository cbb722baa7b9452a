"""Goals and segments: filters with a name, as a property keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proprium.errors import BadQuery
from proprium.metrics.query.filters import HIT_DIMENSIONS, Filter, parse_filters
from proprium.metrics.query.query import Goal

Kept = Mapping[str, Any]
"""{"name": …, "filters": ["page:is:/thanks", …]}: one of Property.goals or Property.segments."""


@dataclass(frozen=True)
class Segment:
    """Filters that somebody wants to use again."""

    name: str
    filters: tuple[Filter, ...]


def goals_of(kept: Sequence[Kept]) -> tuple[Goal, ...]:
    """Raises BadQuery for filters that cannot be read."""
    return tuple(goal(each["name"], each["filters"]) for each in kept)


def segments_of(kept: Sequence[Kept]) -> tuple[Segment, ...]:
    return tuple(Segment(each["name"], parse_filters(each["filters"])) for each in kept)


def goal(name: str, filters: Sequence[str]) -> Goal:
    """Raises BadQuery for a goal without a filter, and for filters that no single hit could match."""
    parsed = parse_filters(list(filters))
    if not parsed:
        raise BadQuery(f"The goal {name!r} has no condition. Give it one, as event:is:signup or page:matches:/thanks*.")
    for wanted in parsed:
        if not wanted.is_about_hits:
            known = ", ".join(HIT_DIMENSIONS)
            raise BadQuery(
                f"A goal is reached by one event; {wanted.dimension} belongs to a whole session."
                f" Choose one of {known}, or data.<key>."
            )
    return Goal(name, parsed)


def kept(named: Goal | Segment) -> dict[str, Any]:
    """As a property keeps it."""
    return {"name": named.name, "filters": [wanted.to_text() for wanted in named.filters]}
