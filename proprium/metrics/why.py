"""Why a number is what it is: its definition, its window, and what was counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proprium.metrics.definitions import DEFINITIONS
from proprium.metrics.query import Query
from proprium.metrics.results import Metric
from proprium.metrics.totals import totals

if TYPE_CHECKING:
    from proprium.warehouse.connect import Warehouse


@dataclass(frozen=True)
class Step:
    """Rows that are left after a filter."""

    label: str
    hits: int
    sessions: int


@dataclass(frozen=True)
class LeftOut:
    reason: str
    count: int
    why: str


@dataclass(frozen=True)
class Why:
    title: str
    definition: str
    number: float | None
    metric: Metric
    window: tuple[tuple[str, str], ...]  # what, text
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]
    sql: str


def why(warehouse: Warehouse, query: Query, metric: Metric) -> Why:
    found = totals(warehouse, query)
    window = (("Period", f"{query.period.label}, {query.period.dates}"), ("Time zone", query.timezone.key))
    bots = (LeftOut("Bots", found.bots, "Known crawlers, monitors and fetchers are no visitors."),)
    title = metric.value.replace("_", " ").capitalize()
    step = Step("Hits of the period under the filters", found.events, found.sessions)
    return Why(title, DEFINITIONS[metric], found.value(metric), metric, window, (step,), bots, "")
