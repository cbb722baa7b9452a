"""Chart of a query result, with selects for its kind, X axis and Y axis."""

from __future__ import annotations

from nicegui import ui

from proprium.figures.outcome import CHART_KIND_LABELS, ChartKind, ChartPlan, guess_chart, result_chart
from proprium.figures.template import Look
from proprium.i18n import gettext as _
from proprium.sql_console.results import SqlResult
from proprium.ui.components.fields import select


class ResultChart:
    """Chart of a result with at least one numeric column.

    Starts with a guessed kind and axes.
    """

    def __init__(self, result: SqlResult, look: Look) -> None:
        self._result, self._look = result, look
        plan = guess_chart(result)
        column_names = {str(index): column.name for index, column in enumerate(result.columns)}
        number_columns = {index: name for index, name in column_names.items() if result.columns[int(index)].is_number}
        with ui.element("div").classes("sqlchart"):
            with ui.element("div").classes("choices"):
                self._kind_select = select(
                    _("Chart"), {kind.value: _(label) for kind, label in CHART_KIND_LABELS.items()}, plan.kind.value
                )
                self._x_select = select(_("X axis"), column_names, str(plan.x))
                self._y_select = select(_("Y axis"), number_columns, str(plan.y))
            self._plot_box = ui.element("div")
        for field in (self._kind_select, self._x_select, self._y_select):
            field.on_value_change(self._draw)
        self._draw()

    def set_look(self, look: Look) -> None:
        self._look = look
        self._draw()

    def _draw(self) -> None:
        """Rebuilds the chart each time, as Plotly fails to lay out a hidden chart."""
        self._plot_box.clear()
        plan = ChartPlan(ChartKind(self._kind_select.value), int(self._x_select.value), int(self._y_select.value))
        is_drawn = plan.kind is not ChartKind.NONE
        for field in (self._x_select, self._y_select):
            field.set_enabled(is_drawn)
        if is_drawn:
            with self._plot_box:
                plot = ui.plotly(result_chart(self._result, plan, self._look)).classes("plot")
                plot.props('role="img"').props["aria-label"] = _("Chart of the result")
