"""The result as a chart: what is drawn, along what, and how high."""

from __future__ import annotations

from nicegui import ui

from proprium.figures.outcome import KINDS, Kind, Plan, guess, outcome
from proprium.figures.template import Look
from proprium.sql_console.results import Result
from proprium.ui.components.fields import select


class ResultChart:
    """Of a result with a number in it; begins with what is guessed."""

    def __init__(self, result: Result, look: Look) -> None:
        self._result, self._look = result, look
        plan = guess(result)
        anything = {str(at): column.name for at, column in enumerate(result.columns)}
        numbers = {at: name for at, name in anything.items() if result.columns[int(at)].is_number}
        with ui.element("div").classes("sqlchart"):
            with ui.element("div").classes("choices"):
                self._kind = select("Chart", {kind.value: label for kind, label in KINDS.items()}, plan.kind.value)
                self._x = select("Along", anything, str(plan.x))
                self._y = select("Height", numbers, str(plan.y))
            self._place = ui.element("div")
        for field in (self._kind, self._x, self._y):
            field.on_value_change(self._draw)
        self._draw()

    def set_look(self, look: Look) -> None:
        self._look = look
        self._draw()

    def _draw(self) -> None:
        """Made anew each time: Plotly minds a chart that is there but not shown."""
        self._place.clear()
        plan = Plan(Kind(self._kind.value), int(self._x.value), int(self._y.value))
        is_drawn = plan.kind is not Kind.NONE
        for field in (self._x, self._y):
            field.set_enabled(is_drawn)
        if is_drawn:
            with self._place:
                plot = ui.plotly(outcome(self._result, plan, self._look)).classes("plot")
                plot.props('role="img" aria-label="Chart of the result"')
