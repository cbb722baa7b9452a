"""The result of somebody's own SQL as a chart: one column along the axis, another one as its height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Any

from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis, value_axis
from proprium.sql_console.results import Result, ResultColumn

HEIGHT = 300
MOST_POINTS = 2_000
LONGEST_LABEL = 24
MOST_LABELS = 40
MOST_COLUMNS = 8
"""With more it is a list of something, not a comparison."""


class Kind(StrEnum):
    NONE = "none"
    BAR = "bar"
    LINE = "line"
    SCATTER = "scatter"


KINDS = {Kind.NONE: "No chart", Kind.BAR: "Bars", Kind.LINE: "Line", Kind.SCATTER: "Dots"}


@dataclass(frozen=True)
class Plan:
    """Which columns, by their place, are drawn how."""

    kind: Kind
    x: int = 0
    y: int = 0


def guess(result: Result) -> Plan:
    """The first column that names each row along the axis, the first number as height; times as a line.

    Rows that are no groups, such as all columns of all events, are drawn only when somebody asks for it.
    """
    numbers = [at for at, column in enumerate(result.columns) if column.is_number]
    labels = [at for at, column in enumerate(result.columns) if not column.is_number]
    names = [at for at in labels if _names_rows(result, at)]
    if not numbers:
        return Plan(Kind.NONE)
    x, y = (names or labels or numbers)[0], numbers[0]
    if len(result.rows) < 2 or len(result.columns) > MOST_COLUMNS:
        return Plan(Kind.NONE, x, y)
    if names:
        return Plan(Kind.LINE if result.columns[x].is_time else Kind.BAR, x, y)
    return Plan(Kind.NONE, x, y) if labels or len(numbers) == 1 else Plan(Kind.SCATTER, numbers[0], numbers[1])


def _names_rows(result: Result, at: int) -> bool:
    values = [str(row[at]) for row in result.rows]
    return len(set(values)) == len(values)


def outcome(result: Result, plan: Plan, look: Look) -> Figure:
    """The first MOST_POINTS rows, in their order."""
    rows = result.rows[:MOST_POINTS]
    x, y = result.columns[plan.x], result.columns[plan.y]
    trace = {
        **_mark(plan.kind, look),
        "x": [_place(row[plan.x], x) for row in rows],
        "y": [_height(row[plan.y]) for row in rows],
        "hovertemplate": f"%{{x}}<br><b>%{{y:,}}</b> {escape(y.name)}<extra></extra>",
    }
    return {"data": [trace], "layout": _layout(x, [row[plan.x] for row in rows], plan, look), "config": CONFIG}


def _mark(kind: Kind, look: Look) -> Figure:
    accent = look.value.accent
    if kind is Kind.BAR:
        return {"type": "bar", "marker": {"color": accent, "cornerradius": 4}}
    if kind is Kind.LINE:
        line = {"color": accent, "width": 2.2}
        return {"type": "scatter", "mode": "lines+markers", "line": line, "marker": {"color": accent, "size": 5}}
    return {"type": "scatter", "mode": "markers", "marker": {"color": accent, "size": 7, "opacity": 0.7}}


def _place(value: Any, column: ResultColumn) -> Any:
    if column.is_number:
        return _height(value)
    if value is None:
        return None if column.is_time else "NULL"
    # A time as the clock there shows it: Plotly knows no zones.
    return str(value)[:26].partition("+")[0] if column.is_time else escape(_text(value))


def _height(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _layout(x: ResultColumn, values: Sequence[Any], plan: Plan, look: Look) -> Figure:
    return layout(
        look,
        height=HEIGHT,
        bargap=0.28,
        hovermode="closest" if plan.kind is Kind.SCATTER else "x",
        xaxis=time_axis(look, automargin=True, **_along(x, values)),
        yaxis=value_axis(look, automargin=True, separatethousands=True),
    )


def _along(x: ResultColumn, values: Sequence[Any]) -> Figure:
    """Numbers and times have an axis of their own; texts stand side by side, long ones cut."""
    if x.is_number:
        return {"type": "linear", "nticks": 12}
    if x.is_time:
        return {"type": "date", "nticks": 12}
    named = list(dict.fromkeys("NULL" if value is None else _text(value) for value in values))
    if len(named) > MOST_LABELS:
        return {"type": "category", "nticks": 12}
    shown = [_short(name) for name in named]
    return {"type": "category", "tickvals": [escape(name) for name in named], "ticktext": shown}


def _short(name: str) -> str:
    return escape(name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…")
