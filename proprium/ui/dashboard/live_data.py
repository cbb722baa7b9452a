"""What the hub computes for a dashboard, in a thread, once for everybody who asks the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from proprium.clock import Clock
from proprium.figures import numbers
from proprium.metrics.dashboard import dashboard
from proprium.metrics.live import live
from proprium.metrics.query.url import PropertyFacts
from proprium.metrics.results import Dashboard, Live, Metric
from proprium.ui.dashboard.chart import Drawing
from proprium.ui.dashboard.state import View
from proprium.warehouse.warehouse import Warehouse

EVERY_S = 60
"""A period that includes now changes without an event: a bucket ends, a day begins."""
LIVE_EVERY_S = 10
"""People leave without telling."""


def numbers_of(warehouse: Warehouse, view: View, clock: Clock) -> Callable[[], Dashboard]:
    def compute() -> Dashboard:
        query = replace(view.at(clock()), with_exits=view.needs_exits)
        return dashboard(warehouse, query, view.dimensions)

    return compute


def live_of(warehouse: Warehouse, facts: PropertyFacts, clock: Clock) -> Callable[[], Live]:
    return lambda: live(warehouse, facts.number, clock(), facts.live_min)


def shows_the_same(before: Dashboard, now: Dashboard) -> bool:
    """Apart from when and how fast it was computed, and from the live count, which has its own way to the page."""
    plain = replace(now, query=before.query, live=before.live, computed_s=before.computed_s)
    return before == plain and before.query.period == now.query.period


def drawing_of(answer: Dashboard, view: View) -> Drawing:
    """The series of the chosen metric; visitors where a custom card is gone."""
    name = view.custom_event
    if name is not None and name in answer.custom_timelines:
        before = answer.previous_custom_timelines.get(name)
        return Drawing(name, Metric.EVENTS, answer.custom_timelines[name], before)
    metric = Metric.VISITORS if name is not None else Metric(view.metric)
    return Drawing(numbers.TITLES[metric], metric, answer.timelines[metric], answer.previous_timelines.get(metric))
