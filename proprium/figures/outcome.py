"""Chart of an SQL result: one column on the x axis, another one on the y axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Any

from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis, value_axis
from proprium.i18n import N_
from proprium.sql_console.results import ResultColumn, SqlResult

HEIGHT = 300
MAX_POINTS = 2_000
MAX_LABEL_LENGTH = 24
MAX_LABELS = 40
MAX_COLUMNS = 8
"""With more columns, no chart is suggested: the result is a list rather than a comparison."""


class ChartKind(StrEnum):
    NONE = "none"
    BAR = "bar"
    LINE = "line"
    SCATTER = "scatter"


CHART_KIND_LABELS = {
    ChartKind.NONE: N_("No chart"),
    ChartKind.BAR: N_("Bar"),
    ChartKind.LINE: N_("Line"),
    ChartKind.SCATTER: N_("Scatter"),
}


@dataclass(frozen=True)
class ChartPlan:
    """The kind of a chart and the indexes of the columns on its x and y axis."""

    kind: ChartKind
    x: int = 0
    y: int = 0


def guess_chart(result: SqlResult) -> ChartPlan:
    """Suggests a chart for a result.

    The x axis is the first column with a different value in every row, the y axis the first number; times become a
    line. Rows that are not groups, such as all columns of all events, get no chart until the user chooses one.
    """
    number_indexes = [index for index, column in enumerate(result.columns) if column.is_number]
    label_indexes = [index for index, column in enumerate(result.columns) if not column.is_number]
    row_count = len(result.rows)
    name_indexes = [index for index in label_indexes if len({str(row[index]) for row in result.rows}) == row_count]
    if not number_indexes:
        return ChartPlan(ChartKind.NONE)
    x, y = (name_indexes or label_indexes or number_indexes)[0], number_indexes[0]
    if row_count < 2 or len(result.columns) > MAX_COLUMNS:
        return ChartPlan(ChartKind.NONE, x, y)
    if name_indexes:
        return ChartPlan(ChartKind.LINE if result.columns[x].is_time else ChartKind.BAR, x, y)
    return (
        ChartPlan(ChartKind.NONE, x, y)
        if label_indexes or len(number_indexes) == 1
        else ChartPlan(ChartKind.SCATTER, number_indexes[0], number_indexes[1])
    )


def result_chart(result: SqlResult, plan: ChartPlan, look: Look) -> Figure:
    """Draws the first MAX_POINTS rows of a result, in their order."""
    rows = result.rows[:MAX_POINTS]
    x, y = result.columns[plan.x], result.columns[plan.y]
    accent = look.value.accent
    dots = {"type": "scatter", "mode": "markers", "marker": {"color": accent, "size": 7, "opacity": 0.7}}
    line = {"mode": "lines+markers", "line": {"color": accent, "width": 2.2}, "marker": {"color": accent, "size": 5}}
    bars = {"type": "bar", "marker": {"color": accent, "cornerradius": 4}}
    trace = {
        **{ChartKind.BAR: bars, ChartKind.LINE: {"type": "scatter", **line}}.get(plan.kind, dots),
        "x": [_x_value(row[plan.x], x) for row in rows],
        "y": [_y_value(row[plan.y]) for row in rows],
        "hovertemplate": f"%{{x}}<br><b>%{{y:,}}</b> {escape(y.name)}<extra></extra>",
    }
    figure_layout = layout(
        look,
        height=HEIGHT,
        bargap=0.28,
        hovermode="closest" if plan.kind is ChartKind.SCATTER else "x",
        xaxis=time_axis(look, automargin=True, **_x_axis(x, [row[plan.x] for row in rows])),
        yaxis=value_axis(look, automargin=True, separatethousands=True),
    )
    return {"data": [trace], "layout": figure_layout, "config": CONFIG}


def _x_value(value: Any, column: ResultColumn) -> Any:
    if column.is_number:
        return _y_value(value)
    if value is None:
        return None if column.is_time else "NULL"
    # Times are passed as local wall-clock time: Plotly has no time zones.
    return str(value)[:26].partition("+")[0] if column.is_time else escape(_value_text(value))


def _y_value(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _value_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _x_axis(x: ResultColumn, values: Sequence[Any]) -> Figure:
    """Returns the axis for the type of a column: linear, date, or categories with shortened labels."""
    if x.is_number:
        return {"type": "linear", "nticks": 12}
    if x.is_time:
        return {"type": "date", "nticks": 12}
    category_names = list(dict.fromkeys("NULL" if value is None else _value_text(value) for value in values))
    if len(category_names) > MAX_LABELS:
        return {"type": "category", "nticks": 12}
    short_names = [
        name if len(name) <= MAX_LABEL_LENGTH else name[: MAX_LABEL_LENGTH - 1] + "…" for name in category_names
    ]
    tick_values, tick_texts = ([escape(name) for name in names] for names in (category_names, short_names))
    return {"type": "category", "tickvals": tick_values, "ticktext": tick_texts}
