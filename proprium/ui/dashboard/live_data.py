"""What the hub computes for a dashboard, in a thread, once for everybody who asks the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from proprium.clock import Clock
from proprium.figures import numbers
from proprium.metrics.dashboard import dashboard
from proprium.metrics.live import live_visitors
from proprium.metrics.query.url import PropertyFacts
from proprium.metrics.results import Dashboard, LiveVisitors, Metric
from proprium.ui.dashboard.chart import ChartData
from proprium.ui.dashboard.state import DashboardState
from proprium.warehouse.warehouse import Warehouse

REFRESH_INTERVAL_S = 60
"""A period that includes now changes without an event: a bucket ends, a day begins."""
LIVE_REFRESH_INTERVAL_S = 10
"""People leave without telling."""


def dashboard_computation(warehouse: Warehouse, state: DashboardState, clock: Clock) -> Callable[[], Dashboard]:
    def compute() -> Dashboard:
        query = replace(state.query_at(clock()), with_exits=state.needs_exits)
        return dashboard(warehouse, query, state.dimensions)

    return compute


def live_visitors_computation(warehouse: Warehouse, facts: PropertyFacts, clock: Clock) -> Callable[[], LiveVisitors]:
    return lambda: live_visitors(warehouse, facts.number, clock(), facts.live_min)


def is_same_dashboard(previous: Dashboard, current: Dashboard) -> bool:
    """Apart from when and how fast it was computed, and from the live count, which has its own way to the page."""
    comparable = replace(current, query=previous.query, live=previous.live, computed_s=previous.computed_s)
    return previous == comparable and previous.query.period == current.query.period


def chart_data_from(result: Dashboard, state: DashboardState) -> ChartData:
    """The series of the chosen metric; visitors where a custom card is gone."""
    name = state.custom_event
    if name is not None and name in result.custom_timelines:
        previous_series = result.previous_custom_timelines.get(name)
        return ChartData(name, Metric.EVENTS, result.custom_timelines[name], previous_series)
    metric = Metric.VISITORS if name is not None else Metric(state.metric)
    return ChartData(
        numbers.METRIC_TITLES[metric], metric, result.timelines[metric], result.previous_timelines.get(metric)
    )
