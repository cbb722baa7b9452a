"""Query of a report: the dashboard with every tile, and the heat map of weekdays and hours."""

from __future__ import annotations

from dataclasses import replace

from proprium.metrics.breakdown import breakdown
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dashboard, Dimension
from proprium.warehouse.warehouse import Warehouse

HOURS_PER_WEEK = 168


def report_dashboard(warehouse: Warehouse, query: Query) -> Dashboard:
    """Reads the dashboard, with the breakdown by weekday and hour added if the query's principal may see it."""
    result = dashboard(warehouse, query)
    if not query.data_access.allows(Dimension.WEEKDAY_HOUR):
        return result
    week = breakdown(warehouse, query, Dimension.WEEKDAY_HOUR, limit=HOURS_PER_WEEK)
    return replace(result, breakdowns={**result.breakdowns, Dimension.WEEKDAY_HOUR: week})
