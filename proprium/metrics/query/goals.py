"""Goals and segments: named filters in a property's settings."""

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
    """Saved filters under a name, to apply again."""

    name: str
    filters: tuple[Filter, ...]


def parse_goals(stored_goals: Sequence[NamedFilters]) -> tuple[Goal, ...]:
    """Parses a property's stored goals. Raises BadQuery for invalid filters."""
    return tuple(parse_goal(stored_goal["name"], stored_goal["filters"]) for stored_goal in stored_goals)


def parse_segments(stored_segments: Sequence[NamedFilters]) -> tuple[Segment, ...]:
    """Parses a property's stored segments. Raises BadQuery for invalid filters."""
    return tuple(
        Segment(stored_segment["name"], parse_filters(stored_segment["filters"])) for stored_segment in stored_segments
    )


def parse_goal(name: str, filters: Sequence[str]) -> Goal:
    """Parses a goal. Raises BadQuery without a filter, and for filters on session dimensions."""
    parsed_filters = parse_filters(list(filters))
    if not parsed_filters:
        raise BadQuery(
            f"The goal {name!r} has no condition. Add one, for example event:is:signup or page:matches:/thanks*."
        )
    for filter_ in parsed_filters:
        if not filter_.is_hit_filter:
            dimension_names = ", ".join(HIT_DIMENSIONS)
            raise BadQuery(
                f"A goal is reached by a single event, but {filter_.dimension} is a property of a session."
                f" Choose one of {dimension_names}, or data.<key>."
            )
    return Goal(name, parsed_filters)


def to_stored(goal_or_segment: Goal | Segment) -> dict[str, Any]:
    """Converts to the form in the property's settings, see NamedFilters."""
    return {"name": goal_or_segment.name, "filters": [filter_.to_text() for filter_ in goal_or_segment.filters]}
