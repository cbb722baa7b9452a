"""Heat map of page views by weekday and hour, in the property's time zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.figures.heatmap import HEIGHT, busiest_hour_text, heatmap
from proprium.figures.template import CONFIG, Look
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.breakdown import breakdown
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dimension
from proprium.ui import theme
from proprium.ui.components.colour_legend import ColourLegend
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import skeleton
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import SECOND_TAP, set_prop, switch_class
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.tiles import Tab, Tile
from proprium.warehouse.warehouse import Warehouse

WEEK_TILE = Tile(
    "week",
    N_("Weekday and hour"),
    (Tab("week", N_("Hours"), Dimension.WEEKDAY_HOUR, N_("No page views in this period.")),),
)
CELL_COUNT = 7 * 24
EMIT_CELL = f"""(event) => {{
    const cell = event.points?.[0]?.customdata;
    if (cell && ({SECOND_TAP})(event, String(cell[0]))) emit(String(cell[0]));
}}"""


def week_breakdown(warehouse: Warehouse, query: Query) -> Breakdown:
    """Reads page views of all 168 hours of the week."""
    return breakdown(warehouse, query, Dimension.WEEKDAY_HOUR, limit=CELL_COUNT)


class WeekHeatmap:
    """Draws the heat map. A click on a cell filters the dashboard by that hour; a button opens the table."""

    def __init__(self, on_filter: Callable[[Filter], None], on_expand: Callable[[Tile], Any]) -> None:
        self._drawn_state: tuple[Breakdown, Look, str] | None = None
        self._cells: Breakdown | None = None
        title = _(WEEK_TILE.title)
        with panel(title, body_classes="weekbox") as box:
            self._skeleton = skeleton(HEIGHT - 12)
            self._message = ui.label("").classes("missing")
            self._message.set_visibility(False)
            self._plot = ui.plotly({"data": [], "layout": {"height": HEIGHT}, "config": CONFIG}).classes("week wait")
            self._plot.props('role="img"').props["aria-label"] = _("Heat map")
            self._legend = ColourLegend()
        self._plot.on(
            "plotly_click",
            lambda event: on_filter(Filter(Dimension.WEEKDAY_HOUR, Operator.IS, (str(event.args),))),
            js_handler=EMIT_CELL,
        )
        with box.head:
            self._hint = span("", "s end cut")
            button("", "expand", kind=f"{theme.BARE} expand", name=_("{title}: show all", title=title)).on(
                "click", lambda: on_expand(WEEK_TILE)
            )

    def show(self, cells: Breakdown, look: Look, timezone: str, reasons: EmptyReasons, hint: str = "") -> None:
        """Draws the cells, or why there are none; `hint` is the last line of each tooltip."""
        self._cells = cells
        self._legend.show(cells)
        self._hint.set_text(_("page views · {timezone}", timezone=timezone))
        empty_text = reasons.text(Dimension.WEEKDAY_HOUR, _("No page views in this period."))
        self._show_message("" if cells.rows else empty_text)
        set_prop(
            self._plot, "aria-label", _("Page views by weekday and hour. {busiest}", busiest=busiest_hour_text(cells))
        )
        if self._drawn_state != (cells, look, hint):
            self._drawn_state = (cells, look, hint)
            self._plot.update_figure(heatmap(cells, look, hint=hint))

    def recolour(self, look: Look, timezone: str, reasons: EmptyReasons, hint: str) -> None:
        if self._cells:
            self.show(self._cells, look, timezone, reasons, hint)

    def fail(self, message: str) -> None:
        self._show_message(message)

    def _show_message(self, text: str) -> None:
        if not self._skeleton.is_deleted:
            self._skeleton.delete()
        self._message.set_text(text)
        self._message.set_visibility(bool(text))
        switch_class(self._plot, "wait", bool(text))  # not hidden: Plotly measures the element
