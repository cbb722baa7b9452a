"""Display names of countries, regions and bot categories, for the codes in query results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from collector import bots
from maps.atlas import Atlas
from proprium.i18n import gettext as _
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
        Dimension.BOT_CATEGORY.value: lambda category: bots.CATEGORY_LABELS.get(category, category),
    }

    def lookup_name(dimension: str, value: str) -> str:
        lookup = lookups.get(dimension)
        return lookup(value) if lookup and value else value

    return lookup_name


def with_labels(breakdowns: Mapping[Dimension, Breakdown], lookup_name: NameLookup) -> dict[Dimension, Breakdown]:
    """Returns the breakdowns with display names as the labels of their rows, in the interface's language."""
    labelled_breakdowns = {}
    for key, breakdown in breakdowns.items():
        named_rows = (with_label(row, breakdown.dimension, lookup_name) for row in breakdown.rows)
        rows = tuple(replace(row, label=label_text(row, breakdown.dimension)) for row in named_rows)
        labelled_breakdowns[key] = replace(breakdown, rows=rows)
    return labelled_breakdowns


def with_label(row: R, dimension: str, lookup_name: NameLookup) -> R:
    """Returns the row with the display name of its value as its label."""
    label = lookup_name(dimension, row.value or "")
    return row if label in {row.value, ""} else replace(row, label=label)


def label_text(row: BreakdownRow | BreakdownTableRow, dimension: str) -> str:
    """Returns a row's label in the interface's language where it is a text of ours and no data: "Direct / none"."""
    return _(row.label) if row.value is None or dimension == Dimension.BOT_CATEGORY else row.label
