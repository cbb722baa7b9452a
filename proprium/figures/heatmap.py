"""Heat map of page views by weekday and hour, in the time zone of the property."""

from __future__ import annotations

import math
from calendar import day_abbr
from html import escape

from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis
from proprium.i18n import gettext as _
from proprium.metrics.labels import label_of
from proprium.metrics.results import Breakdown, Dimension

HEIGHT = 232
HOURS = tuple(f"{hour:02d}" for hour in range(24))
WEEKDAYS = tuple(str(day) for day in range(1, 8))  # Monday first


def heatmap(cells: Breakdown, look: Look, *, hint: str = "") -> Figure:
    """Draws a breakdown by Dimension.WEEKDAY_HOUR; hours without a row are empty.

    `hint` is the last line of every tooltip. The colour follows the square root of the count, so that one busy hour
    does not hide the differences of the others.
    """
    counts = {row.value: row.count for row in cells.rows}
    colours = look.value
    every_third = list(HOURS[::3])
    grid = [[round(math.sqrt(counts.get(f"{day}-{hour}", 0)), 3) for hour in HOURS] for day in WEEKDAYS]
    trace = {
        "type": "heatmap",
        "x": list(HOURS),
        "y": [day_abbr[int(day) - 1] for day in WEEKDAYS],
        "z": grid,
        "zmin": 0,
        "zmax": max(max(line) for line in grid) or 1,
        # 0 has the colour of empty land, any count above it a visible colour.
        "colorscale": [[0, colours.land], [1e-9, colours.accent_low], [1, colours.accent]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        # Filter value, label and count of each cell, for clicks and tooltips.
        "customdata": [
            [
                [value, label_of(Dimension.WEEKDAY_HOUR, value), cells.count_text(counts.get(value, 0))]
                for value in (f"{day}-{hour}" for hour in HOURS)
            ]
            for day in WEEKDAYS
        ],
        "hovertemplate": "<b>%{customdata[1]}</b><br>%{customdata[2]}"
        + (f"<br><i>{escape(hint)}</i>" if hint else "")
        + "<extra></extra>",
    }
    figure_layout = layout(
        look,
        height=HEIGHT,
        margin={"l": 38, "r": 6, "t": 4, "b": 24},
        xaxis=time_axis(look, type="category", tickvals=every_third, ticktext=every_third, tickangle=0),
        yaxis=time_axis(look, type="category", autorange="reversed"),
    )
    return {"data": [trace], "layout": figure_layout, "config": CONFIG}


def busiest_hour_text(cells: Breakdown) -> str:
    """Describes the busiest hour in words, for screen readers."""
    if not cells.rows:
        return _("No data in this period")
    busiest_row = max(cells.rows, key=lambda row: row.count)
    hour = label_of(Dimension.WEEKDAY_HOUR, busiest_row.value)
    return _("Busiest hour: {hour}, {count}", hour=hour, count=cells.count_text(busiest_row.count))
