"""Names of places for the codes that the numbers come with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from maps.atlas import Atlas
from proprium.metrics.results import Breakdown, Dimension

NameOf = Callable[[str, str], str]


def name_of(atlas: Atlas) -> NameOf:
    """(dimension, value) → what a person reads; the value itself where it has no other name."""
    names = {Dimension.COUNTRY.value: atlas.name, Dimension.REGION.value: atlas.region_name}

    def name(dimension: str, value: str) -> str:
        of = names.get(dimension)
        return of(value) if of and value else value

    return name


def named(breakdowns: Mapping[Dimension, Breakdown], name: NameOf) -> dict[Dimension, Breakdown]:
    """The same with places called by their names."""
    places = {
        key: _renamed(breakdowns[key], name) for key in (Dimension.COUNTRY, Dimension.REGION) if key in breakdowns
    }
    return {**breakdowns, **places}


def _renamed(breakdown: Breakdown, name: NameOf) -> Breakdown:
    rows = (replace(row, label=name(breakdown.dimension, row.value)) if row.value else row for row in breakdown.rows)
    return replace(breakdown, rows=tuple(rows))
