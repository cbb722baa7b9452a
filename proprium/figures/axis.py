"""Axis ticks and labels: round numbers and calendar steps.

They are computed here and not by Plotly, so that a live chart does not jump.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from proprium.figures import numbers
from proprium.i18n import N_
from proprium.metrics.catalog.metrics import DURATIONS, RATES, Metric, Unit
from proprium.metrics.query.period import Interval

MAX_LABELS = 13
MAX_LABELS_IN_PRINT = 9
MAX_LABELS_ON_PHONE = 7
_DURATION_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_STEPS_BY_INTERVAL: dict[Interval, tuple[int, ...]] = {
    Interval.MINUTE: (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440),
    Interval.HOUR: (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168),
    Interval.DAY: (1, 2, 3, 4, 7, 14, 28),
    Interval.WEEK: (1, 2),
    Interval.MONTH: (1, 2, 3, 4, 6, 12, 24, 60),
}
HOVER_FORMATS: dict[Interval, str] = {
    Interval.MINUTE: "%a %-d %b, %H:%M",
    Interval.HOUR: "%a %-d %b %Y, %H:%M",
    Interval.DAY: "%A, %-d %b %Y",
    Interval.WEEK: N_("Week of %-d %b %Y"),
    Interval.MONTH: "%B %Y",
}


def value_ticks(highest: float, metric: Metric) -> tuple[list[float], float]:
    """Returns the ticks of a value axis and its end.

    The ticks are three to six round values from 0 on, whole numbers for counts. The end moves in quarters of a step, so
    that a rising count does not rescale the chart every second.
    """
    if highest <= 0:
        return [0, 1], 1
    minimum_step = highest / 4.5
    if metric in DURATIONS and minimum_step <= _DURATION_STEPS_S[-1]:
        step: float = next(step for step in _DURATION_STEPS_S if step >= minimum_step)
    else:
        size = 10.0 ** math.floor(math.log10(minimum_step))
        step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= minimum_step * (1 - 1e-9))
        if metric.spec.unit is not Unit.RATIO:
            step = float(max(math.ceil(step), 1))
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
        return [
            f"{tick / 3600:g}h" if tick >= 3600 and tick % 3600 == 0
            else f"{tick / 60:g}m" if tick >= 60 and tick % 60 == 0
            else numbers.duration(tick)
            for tick in map(round, ticks)
        ]  # fmt: skip
    return [numbers.short(tick) if tick >= 10_000 else numbers.exact(tick) for tick in ticks]


def time_ticks(starts: Sequence[datetime], interval: Interval, max_labels: int = MAX_LABELS) -> list[datetime]:
    """Returns the buckets with a label: regular, at most `max_labels`, on round hours, months and quarters."""
    match interval:
        case Interval.MINUTE:
            bucket_numbers = [start.hour * 60 + start.minute for start in starts]
        case Interval.HOUR:
            bucket_numbers = [start.date().toordinal() * 24 + start.hour for start in starts]
        case Interval.MONTH:
            bucket_numbers = [_month_number(start) for start in starts]
        case _:
            bucket_numbers = list(range(len(starts)))
    for step in _STEPS_BY_INTERVAL[interval]:
        ticks = [start for start, number in zip(starts, bucket_numbers, strict=True) if number % step == 0]
        if len(ticks) <= max_labels:
            return ticks
    if interval in {Interval.DAY, Interval.WEEK}:  # too long to be counted in days: the first bucket of a month
        firsts = [later for earlier, later in pairwise(starts) if _month_number(earlier) != _month_number(later)]
        for step in _STEPS_BY_INTERVAL[Interval.MONTH]:
            ticks = [start for start in firsts if _month_number(start) % step == 0]
            if 0 < len(ticks) <= max_labels:
                return ticks
    stride = math.ceil(len(starts) / max_labels)
    return list(starts[::stride])


def _month_number(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def time_labels(ticks: Sequence[datetime], interval: Interval) -> list[str]:
    """Formats the ticks of a time axis.

    "25 Oct" for days, "14:00" within a day, "Oct 2026" for months; days carry the year where it changes.
    """
    labels = []
    for index, tick in enumerate(ticks):
        if interval is Interval.MONTH:
            labels.append(f"{tick:%b %Y}")
        elif interval in (Interval.MINUTE, Interval.HOUR) and (tick.hour, tick.minute) != (0, 0):
            labels.append(f"{tick:%H:%M}")
        else:
            has_new_year = index > 0 and ticks[index - 1].year != tick.year
            labels.append(f"{tick.day} {tick:%b %Y}" if has_new_year else f"{tick.day} {tick:%b}")
    return labels
