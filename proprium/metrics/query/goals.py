"""Goals and segments: filters with a name, as a property keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proprium.errors import BadQuery
from proprium.metrics.query.filters import HIT_DIMENSIONS, Filter, parse_filters
from proprium.metrics.query.query import Goal

NamedFilters = Mapping[str, Any]
"""{"name": …, "filters": ["page:is:/thanks", …]}: one of Property.goals or Property.segments."""


@dataclass(frozen=True)
class Segment:
    """Filters that somebody wants to use again."""

    name: str
    filters: tuple[Filter, ...]


def parse_goals(stored_goals: Sequence[NamedFilters]) -> tuple[Goal, ...]:
    """Raises BadQuery for filters that cannot be read."""
    return tuple(parse_goal(stored_goal["name"], stored_goal["filters"]) for stored_goal in stored_goals)


def parse_segments(stored_segments: Sequence[NamedFilters]) -> tuple[Segment, ...]:
    return tuple(
        Segment(stored_segment["name"], parse_filters(stored_segment["filters"])) for stored_segment in stored_segments
    )


def parse_goal(name: str, filters: Sequence[str]) -> Goal:
    """Raises BadQuery for a goal without a filter, and for filters that no single hit could match."""
    parsed_filters = parse_filters(list(filters))
    if not parsed_filters:
        raise BadQuery(f"The goal {name!r} has no condition. Give it one, as event:is:signup or page:matches:/thanks*.")
    for filter_ in parsed_filters:
        if not filter_.is_hit_filter:
            dimension_names = ", ".join(HIT_DIMENSIONS)
            raise BadQuery(
                f"A goal is reached by one event; {filter_.dimension} belongs to a whole session."
                f" Choose one of {dimension_names}, or data.<key>."
            )
    return Goal(name, parsed_filters)


def to_stored(goal_or_segment: Goal | Segment) -> dict[str, Any]:
    """As a property keeps it."""
    return {"name": goal_or_segment.name, "filters": [filter_.to_text() for filter_ in goal_or_segment.filters]}
