"""The map: countries, and the regions and cities of the one that is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proprium.metrics.breakdown import breakdown
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dimension
from proprium.metrics.top_lists import MAX_MAP_ROWS

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Places:
    """Regions and cities are the open country's, or of the whole world when none is open."""

    countries: Breakdown
    regions: Breakdown
    cities: Breakdown


def places(warehouse: Warehouse, query: Query) -> Places:
    """Visitors by where they are; every country and region, the first cities."""
    return Places(
        countries=breakdown(warehouse, query, Dimension.COUNTRY, limit=MAX_MAP_ROWS),
        regions=breakdown(warehouse, query, Dimension.REGION, limit=MAX_MAP_ROWS),
        cities=breakdown(warehouse, query, Dimension.CITY),
    )
