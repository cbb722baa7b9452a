"""Legend of a colour scale of counts: none, a quarter and all of the highest count, as the square root spreads them."""

from __future__ import annotations

from nicegui import ui

from proprium.figures import numbers
from proprium.i18n import gettext as _
from proprium.metrics.results import Breakdown
from proprium.ui.components.text import span


class ColourLegend:
    """Labelled strip of colours below a map or heat map; hidden without counts."""

    def __init__(self) -> None:
        with ui.element("div").classes("legend").props('role="img"') as self._box:
            self._unit = span("", "mut")
            span("0", "num")
            with ui.element("span").classes("ramp"):
                self._middle = span("", "num")
            self._highest = span("", "num")
        self._box.set_visibility(False)

    def show(self, breakdown: Breakdown) -> None:
        """Shows the scale of a figure of `breakdown`."""
        highest = max((row.count for row in breakdown.rows if row.value is not None), default=0)
        self._box.set_visibility(highest > 0)
        unit = _(breakdown.count_title)
        self._unit.set_text(unit)
        self._middle.set_text(numbers.short(round(highest / 4)) if highest >= 8 else "")
        self._highest.set_text(numbers.short(highest))
        self._box.props["aria-label"] = _("Colours from 0 to {highest}: {metric}", highest=highest, metric=unit)
