"""Names of places and of kinds of bots, for the codes that the numbers come with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from collector import bots
from maps.atlas import Atlas
from proprium.metrics.results import Breakdown, Dimension, Row, TableRow

NameOf = Callable[[str, str], str]
NAMED = frozenset({Dimension.COUNTRY.value, Dimension.REGION.value, Dimension.BOT_CATEGORY.value})
"""The warehouse knows codes of these; people read, and search for, names."""

R = TypeVar("R", Row, TableRow)


def name_of(atlas: Atlas) -> NameOf:
    """(dimension, value) → what a person reads; the value itself where it has no other name."""
    names: dict[str, Callable[[str], str]] = {
        Dimension.COUNTRY.value: atlas.name,
        Dimension.REGION.value: atlas.region_name,
        Dimension.BOT_CATEGORY.value: _kind_of_bot,
    }

    def name(dimension: str, value: str) -> str:
        of = names.get(dimension)
        return of(value) if of and value else value

    return name


def named(breakdowns: Mapping[Dimension, Breakdown], name: NameOf) -> dict[Dimension, Breakdown]:
    """The same with every value called by its name, where it has another one."""
    return {key: _renamed(breakdown, name) for key, breakdown in breakdowns.items()}


def called(row: R, dimension: str, name: NameOf) -> R:
    """The row with its value's name for a label."""
    found = name(dimension, row.value or "")
    return row if found in {row.value, ""} else replace(row, label=found)


def _renamed(breakdown: Breakdown, name: NameOf) -> Breakdown:
    return replace(breakdown, rows=tuple(called(row, breakdown.dimension, name) for row in breakdown.rows))


def _kind_of_bot(category: str) -> str:
    return bots.LABELS.get(category, category)
