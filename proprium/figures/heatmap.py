"""Weekday × hour: when a site is looked at, on the clock of its own time zone."""

from __future__ import annotations

import math
from calendar import day_abbr
from typing import Any

from proprium.figures import numbers
from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis
from proprium.metrics.labels import label_of
from proprium.metrics.results import Breakdown, Dimension

HEIGHT = 232
HOURS = tuple(f"{hour:02d}" for hour in range(24))
WEEKDAYS = tuple(str(day) for day in range(1, 8))  # Monday first


def heatmap(cells: Breakdown, look: Look) -> Figure:
    """`cells` is a breakdown by Dimension.WEEKDAY_HOUR; hours without a row are empty."""
    counts = {row.value: row.count for row in cells.rows}
    grid = [[_root_count(counts.get(f"{day}-{hour}", 0)) for hour in HOURS] for day in WEEKDAYS]
    trace = {
        "type": "heatmap",
        "x": list(HOURS),
        "y": [day_abbr[int(day) - 1] for day in WEEKDAYS],
        "z": grid,
        "zmin": 0,
        "zmax": max(max(line) for line in grid) or 1,
        "colorscale": _colour_scale(look),
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "customdata": [[_hover_data(f"{day}-{hour}", counts) for hour in HOURS] for day in WEEKDAYS],
        "hovertemplate": f"<b>%{{customdata[1]}}</b><br>%{{customdata[2]}} {cells.unit}<extra></extra>",
    }
    return {"data": [trace], "layout": _layout(look), "config": CONFIG}


def busiest_hour_text(cells: Breakdown) -> str:
    """In a sentence, for those who cannot see it."""
    if not cells.rows:
        return "Nothing in this period"
    busiest_row = max(cells.rows, key=lambda row: row.count)
    return (
        f"Most {cells.unit}: {label_of(Dimension.WEEKDAY_HOUR, busiest_row.value)}, {numbers.exact(busiest_row.count)}"
    )


def _root_count(count: int) -> float:
    """Colours by the root: one loud hour must not make the rest of the week look alike."""
    return round(math.sqrt(count), 3)


def _hover_data(value: str, counts: dict[str | None, int]) -> list[str]:
    """What a click and a tooltip need: what a filter takes, what a person reads, the exact count."""
    return [value, label_of(Dimension.WEEKDAY_HOUR, value), numbers.exact(counts.get(value, 0))]


def _colour_scale(look: Look) -> list[list[Any]]:
    """Nothing is land; the first view is seen at once."""
    colours = look.value
    return [[0, colours.land], [1e-9, colours.accent_low], [1, colours.accent]]


def _layout(look: Look) -> Figure:
    every_third = list(HOURS[::3])
    return layout(
        look,
        height=HEIGHT,
        margin={"l": 38, "r": 6, "t": 4, "b": 24},
        xaxis=time_axis(look, type="category", tickvals=every_third, ticktext=every_third, tickangle=0),
        yaxis=time_axis(look, type="category", autorange="reversed"),
    )
