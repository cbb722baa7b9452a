"""Display names of countries, regions and bot categories, for the codes in query results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from collector import bots
from maps.atlas import Atlas
from proprium.metrics.results import Breakdown, BreakdownRow, BreakdownTableRow, Dimension

NameLookup = Callable[[str, str], str]
NAMED_DIMENSIONS = frozenset(dimension.value for dimension in Dimension if dimension.spec.codes is not None)
"""Dimensions whose values are codes in the warehouse; users read and search their display names."""

R = TypeVar("R", BreakdownRow, BreakdownTableRow)


def name_lookup(atlas: Atlas) -> NameLookup:
    """Builds a function that maps a dimension and a value to the display name.

    A value without a display name is returned unchanged.
    """
    lookups: dict[str, Callable[[str], str]] = {
        Dimension.COUNTRY.value: atlas.name,
        Dimension.REGION.value: atlas.region_name,
        Dimension.BOT_CATEGORY.value: _bot_category_name,
    }

    def lookup_name(dimension: str, value: str) -> str:
        lookup = lookups.get(dimension)
        return lookup(value) if lookup and value else value

    return lookup_name


def with_labels(breakdowns: Mapping[Dimension, Breakdown], lookup_name: NameLookup) -> dict[Dimension, Breakdown]:
    """Returns the breakdowns with display names as the labels of their rows."""
    return {key: _with_row_labels(breakdown, lookup_name) for key, breakdown in breakdowns.items()}


def with_label(row: R, dimension: str, lookup_name: NameLookup) -> R:
    """Returns the row with the display name of its value as its label."""
    label = lookup_name(dimension, row.value or "")
    return row if label in {row.value, ""} else replace(row, label=label)


def _with_row_labels(breakdown: Breakdown, lookup_name: NameLookup) -> Breakdown:
    return replace(breakdown, rows=tuple(with_label(row, breakdown.dimension, lookup_name) for row in breakdown.rows))


def _bot_category_name(category: str) -> str:
    return bots.CATEGORY_LABELS.get(category, category)
