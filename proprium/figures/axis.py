"""Axis ticks and labels: round numbers and calendar steps.

They are computed here and not by Plotly, so that a live chart does not jump.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from proprium.figures import numbers
from proprium.metrics.catalog.metrics import DURATIONS, RATES, Metric, Unit
from proprium.metrics.query.period import Interval

MAX_LABELS = 6  # as many as fit on a phone
_DURATION_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_STEPS_BY_INTERVAL: dict[Interval, tuple[int, ...]] = {
    Interval.MINUTE: (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440),
    Interval.HOUR: (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168),
    Interval.DAY: (1, 2, 3, 7, 14, 28, 56, 91, 182),
    Interval.WEEK: (1, 2, 4, 8, 13, 26, 52),
    Interval.MONTH: (1, 2, 3, 4, 6, 12, 24, 60),
}
HOVER_FORMATS: dict[Interval, str] = {
    Interval.MINUTE: "%a %-d %b, %H:%M",
    Interval.HOUR: "%a %-d %b %Y, %H:%M",
    Interval.DAY: "%A, %-d %b %Y",
    Interval.WEEK: "Week of %-d %b %Y",
    Interval.MONTH: "%B %Y",
}


def value_ticks(highest: float, metric: Metric) -> tuple[list[float], float]:
    """Returns the ticks of a value axis and its end.

    The ticks are three to six round values from 0 on, whole numbers for counts. The end moves in quarters of a step, so
    that a rising count does not rescale the chart every second.
    """
    if highest <= 0:
        return [0, 1], 1
    step = _step(highest / 4.5, metric)
    quarter = step / 4
    end = max(math.ceil(highest / quarter) * quarter, step)
    return [step * index for index in range(math.floor(end / step + 1e-9) + 1)], end


def value_labels(ticks: Sequence[float], metric: Metric) -> list[str]:
    """Formats the ticks of a value axis in the unit of the metric."""
    if metric.spec.unit is Unit.RATIO:
        return [f"{tick:g}" for tick in ticks]
    if metric in RATES:
        return [f"{tick:g}%" for tick in ticks]
    if metric in DURATIONS:
        return [_plain_duration(tick) for tick in ticks]
    return [numbers.short(tick) if tick >= 10_000 else numbers.exact(tick) for tick in ticks]


def time_ticks(starts: Sequence[datetime], interval: Interval) -> list[datetime]:
    """Returns the buckets with a label: regular, at most MAX_LABELS, on round hours, months and quarters."""
    for step in _STEPS_BY_INTERVAL[interval]:
        ticks = [start for index, start in enumerate(starts) if _bucket_index(start, index, step, interval) % step == 0]
        if len(ticks) <= MAX_LABELS:
            return ticks
    stride = math.ceil(len(starts) / MAX_LABELS)
    return list(starts[::stride])


def time_labels(ticks: Sequence[datetime], interval: Interval) -> list[str]:
    """Formats the ticks of a time axis.

    "25 Oct" for days, "14:00" within a day, "Oct 2026" for months; days carry the year where it changes.
    """
    return [_label(tick, interval, previous) for previous, tick in pairwise([None, *ticks]) if tick is not None]


def _step(minimum: float, metric: Metric) -> float:
    if metric in DURATIONS and minimum <= _DURATION_STEPS_S[-1]:
        return next(step for step in _DURATION_STEPS_S if step >= minimum)
    size = 10.0 ** math.floor(math.log10(minimum))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= minimum * (1 - 1e-9))
    return step if metric.spec.unit is Unit.RATIO else float(max(math.ceil(step), 1))


def _bucket_index(start: datetime, index: int, step: int, interval: Interval) -> int:
    """Returns the bucket's number on the calendar, or in the chart for days and weeks."""
    match interval:
        case Interval.MINUTE:
            return start.hour * 60 + start.minute
        case Interval.HOUR:
            return start.date().toordinal() * 24 + start.hour
        case Interval.MONTH:
            return start.year * 12 + start.month - 1
    # Days and weeks are counted from the second bucket on, so that the first label is not cut at the edge.
    return index - 1 if step > 1 else index


def _label(tick: datetime, interval: Interval, previous: datetime | None) -> str:
    if interval is Interval.MONTH:
        return f"{tick:%b %Y}"
    if interval in (Interval.MINUTE, Interval.HOUR) and (tick.hour, tick.minute) != (0, 0):
        return f"{tick:%H:%M}"
    year = f" {tick.year}" if previous is not None and previous.year != tick.year else ""
    return f"{tick.day} {tick:%b}{year}"


def _plain_duration(seconds: float) -> str:
    whole_seconds = round(seconds)
    if whole_seconds < 60 or whole_seconds % 60:
        return numbers.duration(seconds)
    return f"{whole_seconds // 60}m" if whole_seconds < 3600 or whole_seconds % 3600 else f"{whole_seconds // 3600}h"
