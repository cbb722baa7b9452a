"""Comparison of a metric with the compared period: difference or percentage, as text and as good or bad."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from proprium.metrics.results import DURATIONS, RATES, Metric

MIN_COUNT_FOR_PERCENT = 30
"""Where both counts are lower, a percentage would be noise: the difference is shown instead."""

LOWER_IS_BETTER = frozenset({Metric.BOUNCE_RATE, Metric.EXIT_RATE})
COUNT_METRICS = frozenset(Metric) - RATES - DURATIONS - {Metric.VIEWS_PER_SESSION}


class ChangeFormat(StrEnum):
    NONE = "none"  # no value to compare with, or both are 0
    NEW = "new"
    DIFFERENCE = "difference"
    PERCENT = "percent"


@dataclass(frozen=True)
class Change:
    """A change as it is displayed."""

    kind: ChangeFormat
    text: str  # "+12.4%", "−3", "new", "–"
    is_good: bool | None  # None: neither
    value: float = 0.0  # the difference or the percentage behind the text


def change(current: float | None, previous: float | None, metric: Metric | None = None) -> Change:
    """Compares two values of a metric. Rates change by percentage points.

    `metric` None: a plain count, such as that of a custom card.
    """
    if current is None or previous is None or (current == 0 and previous == 0):
        return Change(ChangeFormat.NONE, "–", None)
    if metric in RATES:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, metric, " pp")
    if previous == 0:
        return Change(ChangeFormat.NEW, "new", metric not in LOWER_IS_BETTER)
    if (metric is None or metric in COUNT_METRICS) and max(current, previous) < MIN_COUNT_FOR_PERCENT:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, metric)
    return _format_change(ChangeFormat.PERCENT, 100 * (current - previous) / previous, metric, "%")


def _format_change(kind: ChangeFormat, value: float, metric: Metric | None, unit: str = "") -> Change:
    is_whole_number = (kind is ChangeFormat.DIFFERENCE and not unit) or abs(value) >= 1000
    digits = f"{abs(value):,.0f}" if is_whole_number else f"{abs(value):,.1f}"
    if not digits.strip("0."):
        return Change(kind, "0" + unit, None, 0.0)
    is_good = (value > 0) != (metric in LOWER_IS_BETTER)
    return Change(kind, ("+" if value > 0 else "−") + digits + unit, is_good, value)
