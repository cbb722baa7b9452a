"""Comparison of a metric with the compared period: difference or percentage, as text and as good or bad."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from proprium.metrics.catalog.metrics import Metric, Unit

MIN_COUNT_FOR_PERCENT = 30
"""Where both counts are lower, a percentage would be noise: the difference is shown instead."""


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
    unit = Unit.COUNT if metric is None else metric.spec.unit
    lower_is_better = metric is not None and metric.spec.lower_is_better
    if unit is Unit.PERCENT:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, " pp", lower_is_better=lower_is_better)
    if previous == 0:
        return Change(ChangeFormat.NEW, "new", not lower_is_better)
    if unit is Unit.COUNT and max(current, previous) < MIN_COUNT_FOR_PERCENT:
        return _format_change(ChangeFormat.DIFFERENCE, current - previous, lower_is_better=lower_is_better)
    percent = 100 * (current - previous) / previous
    return _format_change(ChangeFormat.PERCENT, percent, "%", lower_is_better=lower_is_better)


def _format_change(kind: ChangeFormat, value: float, unit: str = "", *, lower_is_better: bool) -> Change:
    is_whole_number = (kind is ChangeFormat.DIFFERENCE and not unit) or abs(value) >= 1000
    digits = f"{abs(value):,.0f}" if is_whole_number else f"{abs(value):,.1f}"
    if not digits.strip("0."):
        return Change(kind, "0" + unit, None, 0.0)
    is_good = (value > 0) != lower_is_better
    return Change(kind, ("+" if value > 0 else "−") + digits + unit, is_good, value)
