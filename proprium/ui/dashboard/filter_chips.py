"""Filter chips: the active filters, each with edit and remove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.figures.names import NameLookup
from proprium.figures.wording import filter_text
from proprium.i18n import gettext as _
from proprium.metrics.query.filters import Filter
from proprium.ui.components.chips import chip


class FilterChips:
    """Shows one chip per filter; hidden without filters."""

    def __init__(
        self, name_of: NameLookup, on_remove: Callable[[Filter], Any], on_edit: Callable[[Filter], Any]
    ) -> None:
        self._name_of, self._on_remove, self._on_edit = name_of, on_remove, on_edit
        self._shown_filters: tuple[Filter, ...] = ()
        with ui.element("div").classes("line wraps chips") as self.box:
            self._chip_box = ui.element("div").classes("line wraps").props('role="group"')
            self._chip_box.props["aria-label"] = _("Filters")
            self.tools = ui.element("div").classes("line")
        self.box.set_visibility(False)

    def show(self, filters: tuple[Filter, ...]) -> None:
        if filters == self._shown_filters:
            return
        self._shown_filters = filters
        self._chip_box.clear()
        with self._chip_box:
            for filter_ in filters:
                chip(
                    filter_text(filter_, self._name_of),
                    on_click=lambda filter_=filter_: self._on_edit(filter_),
                    on_remove=lambda filter_=filter_: self._on_remove(filter_),
                )
        self.box.set_visibility(bool(filters))
