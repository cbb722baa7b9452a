"""Comparison of a metric with the compared period: difference or percentage, as text and as good or bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from proprium.metrics.catalog.metrics import Metric, Unit
from proprium.metrics.query.buckets import whole_buckets
from proprium.metrics.query.query import Query

MIN_COUNT_FOR_PERCENT = 30
"""Where both counts are lower, a percentage would be noise: the difference is shown instead."""
MAX_PERCENT = 999
"""Above it, the text is only ">999 %": that something grew 8,718-fold says that there was next to nothing before."""


class ChangeFormat(StrEnum):
    NONE = "none"  # no value to compare with, or both are 0
    NEW = "new"  # the compared value is 0, or its period begins before the first event
    DIFFERENCE = "difference"
    PERCENT = "percent"


@dataclass(frozen=True)
class Change:
    """A change as it is displayed."""

    kind: ChangeFormat
    text: str  # "+12.4%", ">999 %", "−3", "new", "–"
    is_good: bool | None  # None: neither
    value: float = 0.0  # the difference or the percentage behind the text


def compared_line_query(query: Query) -> Query | None:
    """Returns the query of a chart's compared line: the compared period in whole buckets; None without one.

    Cards compare a running period up to the same minute. On a line, a bucket cut there would look like a fall.
    """
    comparison_query = query.comparison_query()
    if comparison_query is None:
        return None
    return replace(comparison_query, period=whole_buckets(comparison_query.period, query.interval))


def is_comparable(query: Query, first_event: datetime | None) -> bool:
    """Returns False where the compared period begins before the property's first event, or there is none of them."""
    comparison_query = query.comparison_query()
    if comparison_query is None or first_event is None:
        return False
    return first_event <= comparison_query.period.start_utc


def change(
    current: float | None, previous: float | None, metric: Metric | None = None, *, is_comparable: bool = True
) -> Change:
    """Compares two values of a metric. Rates change by percentage points.

    `metric` None: a plain count, such as that of a custom card. `is_comparable` False: the compared period begins
    before the property's first event, so that a difference would say when tracking began, and nothing of the site.
    """
    unit = Unit.COUNT if metric is None else metric.spec.unit
    lower_is_better = metric is not None and metric.spec.lower_is_better
    if not is_comparable and current:
        return Change(ChangeFormat.NEW, "new", None)
    if not is_comparable or current is None or previous is None or (current == 0 and previous == 0):
        return Change(ChangeFormat.NONE, "–", None)
    if unit is Unit.PERCENT:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, " pp", lower_is_better=lower_is_better)
    if previous == 0:
        return Change(ChangeFormat.NEW, "new", not lower_is_better)
    if unit is Unit.COUNT and max(current, previous) < MIN_COUNT_FOR_PERCENT:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, lower_is_better=lower_is_better)
    percent = 100 * (current - previous) / previous
    if percent > MAX_PERCENT:
        return Change(ChangeFormat.PERCENT, f">{MAX_PERCENT} %", not lower_is_better, percent)
    return _format_change(ChangeFormat.PERCENT, percent, "%", lower_is_better=lower_is_better)


def _format_change(kind: ChangeFormat, value: float, unit: str = "", *, lower_is_better: bool) -> Change:
    is_whole_number = kind is ChangeFormat.DIFFERENCE and not unit
    digits = f"{abs(value):,.0f}" if is_whole_number else f"{abs(value):,.1f}"
    if not digits.strip("0."):
        return Change(kind, "0" + unit, None, 0.0)
    is_good = (value > 0) != lower_is_better
    return Change(kind, ("+" if value > 0 else "−") + digits + unit, is_good, value)
