"""How a number compares with the one before, as a reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from proprium.metrics.results import DURATIONS, RATES, Metric

SMALL = 30
"""Under this a percentage would be noise: the difference is shown instead."""

DOWN_IS_GOOD = frozenset({Metric.BOUNCE_RATE, Metric.EXIT_RATE})
COUNTED = frozenset(Metric) - RATES - DURATIONS - {Metric.VIEWS_PER_SESSION}


class Kind(StrEnum):
    NONE = "none"  # nothing to compare, or both are 0
    NEW = "new"
    DIFFERENCE = "difference"
    PERCENT = "percent"


@dataclass(frozen=True)
class Change:
    kind: Kind
    text: str  # "+12.4%", "−3", "new", "–"
    is_good: bool | None  # None: neither
    value: float = 0.0  # the difference or the percentage behind the text


def change(now: float | None, before: float | None, metric: Metric | None = None) -> Change:
    """`metric` None: a plain count, such as a custom card's. Rates change by percentage points."""
    if now is None or before is None or (now == 0 and before == 0):
        return Change(Kind.NONE, "–", None)
    if metric in RATES:
        return _change(Kind.DIFFERENCE, now - before, metric, " pp")
    if before == 0:
        return Change(Kind.NEW, "new", metric not in DOWN_IS_GOOD)
    if (metric is None or metric in COUNTED) and max(now, before) < SMALL:
        return _change(Kind.DIFFERENCE, now - before, metric)
    return _change(Kind.PERCENT, 100 * (now - before) / before, metric, "%")


def _change(kind: Kind, value: float, metric: Metric | None, unit: str = "") -> Change:
    whole = (kind is Kind.DIFFERENCE and not unit) or abs(value) >= 1000
    shown = f"{abs(value):,.0f}" if whole else f"{abs(value):,.1f}"
    if not shown.strip("0."):
        return Change(kind, "0" + unit, None, 0.0)
    is_good = (value > 0) != (metric in DOWN_IS_GOOD)
    return Change(kind, ("+" if value > 0 else "−") + shown + unit, is_good, value)
