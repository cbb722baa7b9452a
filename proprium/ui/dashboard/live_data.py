"""Computations of the live subscriptions: run in threads, shared by pages with equal keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from proprium.clock import Clock
from proprium.metrics.dashboard import dashboard
from proprium.metrics.definitions import title
from proprium.metrics.live import live_visitors
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Dashboard, LiveVisitors, Metric
from proprium.ui.dashboard.chart import ChartData
from proprium.ui.dashboard.state import DashboardState
from proprium.warehouse.warehouse import Warehouse

REFRESH_INTERVAL_S = 60
"""A period that includes now changes without an event, when a bucket ends or a day begins."""
LIVE_REFRESH_INTERVAL_S = 10
"""The live count falls without an event, when visitors leave the live window."""


def dashboard_computation(warehouse: Warehouse, state: DashboardState, clock: Clock) -> Callable[[], Dashboard]:
    """Returns the computation of cards, chart and open tabs, at the clock's time."""

    def compute() -> Dashboard:
        query = replace(state.query_at(clock()), with_exits=state.needs_exits)
        return dashboard(warehouse, query, state.dimensions)

    return compute


def live_visitors_computation(warehouse: Warehouse, facts: PropertyFacts, clock: Clock) -> Callable[[], LiveVisitors]:
    """Returns the computation of the live visitor count, unfiltered, of the visits that the reader may see."""

    def compute() -> LiveVisitors:
        now = clock()
        return live_visitors(warehouse, facts.number, now, facts.limits.live_window_min, query_from([], facts, now))

    return compute


def is_same_dashboard(previous: Dashboard, current: Dashboard) -> bool:
    """Compares two results without computation time and duration.

    The live count is left out as well: it has its own subscription.
    """
    comparable = replace(current, query=previous.query, live=previous.live, computed_s=previous.computed_s)
    return previous == comparable and previous.query.period == current.query.period


def chart_data_from(result: Dashboard, state: DashboardState) -> ChartData:
    """Returns the series of the chosen metric; visitors if its custom card no longer exists."""
    name = state.custom_event
    if name is not None and name in result.custom_timelines:
        previous_series = result.previous_custom_timelines.get(name)
        return ChartData(name, Metric.EVENTS, result.custom_timelines[name], previous_series)
    metric = Metric.VISITORS if name is not None else Metric(state.metric)
    return ChartData(
        title(metric, result.totals), metric, result.timelines[metric], result.previous_timelines.get(metric)
    )
