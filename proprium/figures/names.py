"""Display names of countries, regions, hours and bot categories, for the codes in query results, and the way back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from collector import bots
from maps.atlas import Atlas
from proprium.i18n import gettext as _
from proprium.metrics.labels import label_of
from proprium.metrics.results import Breakdown, BreakdownRow, BreakdownTableRow, Dimension

NameLookup = Callable[[str, str], str]
NAMED_DIMENSIONS = frozenset(dimension.value for dimension in Dimension if dimension.spec.codes is not None)
"""Dimensions whose values are codes in the warehouse; users read and search their display names."""
CLOCK_DIMENSIONS = frozenset(dimension.value for dimension in Dimension if dimension.spec.is_clock)
CODED_DIMENSIONS = CLOCK_DIMENSIONS | {Dimension.COUNTRY.value, Dimension.REGION.value}
"""Dimensions whose possible values are known, and which users know by name only."""

WEEKDAYS = tuple(str(weekday) for weekday in range(1, 8))
HOURS = tuple(f"{hour:02}" for hour in range(24))

R = TypeVar("R", BreakdownRow, BreakdownTableRow)


def name_lookup(atlas: Atlas) -> NameLookup:
    """Builds a function that maps a dimension and a value to the display name.

    A value without a display name is returned unchanged. All texts about filters and rows take names from here.
    """
    lookups: dict[str, Callable[[str], str]] = {
        Dimension.COUNTRY.value: atlas.name,
        Dimension.REGION.value: atlas.region_name,
        Dimension.BOT_CATEGORY.value: lambda category: bots.CATEGORY_LABELS.get(category, category),
    }

    def lookup_name(dimension: str, value: str) -> str:
        lookup = lookups.get(dimension)
        return lookup(value) if lookup and value else clock_name(dimension, value)

    return lookup_name


def clock_name(dimension: str, value: str) -> str:
    """Returns the name of a weekday or an hour: "1-09" → "Monday 09:00". Other values are returned unchanged."""
    if dimension not in CLOCK_DIMENSIONS:
        return value
    try:
        return label_of(dimension, value)
    except (ValueError, IndexError):  # a filter in a URL may have any value
        return value


def values_named(atlas: Atlas, dimension: str) -> Iterator[tuple[str, str]]:
    """Yields all values of a dimension of codes with their display names: ("DE", "Germany"), ("5-09", "Friday 09:00").

    Yields nothing for other dimensions. Several regions of the world have the same name.
    """
    match dimension:
        case Dimension.COUNTRY:
            values = sorted(atlas.codes)
        case Dimension.REGION:
            values = sorted(atlas.region_codes)
        case Dimension.WEEKDAY:
            values = list(WEEKDAYS)
        case Dimension.HOUR:
            values = list(HOURS)
        case Dimension.WEEKDAY_HOUR:
            values = [f"{weekday}-{hour}" for weekday in WEEKDAYS for hour in HOURS]
        case _:
            values = []
    lookup_name = name_lookup(atlas)
    return ((value, lookup_name(dimension, value)) for value in values)


def search_key(text: str) -> str:
    """Returns the form in which display names and typed ones are compared, without case and accents.

    "Friday 9:00" is "friday 09:00", and "Cote d'Ivoire" is "Côte d’Ivoire".
    """
    letters = unicodedata.normalize("NFKD", text.strip().casefold().replace("’", "'"))
    return re.sub(r"\b(?=\d:)", "0", "".join(letter for letter in letters if not unicodedata.combining(letter)))


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
