"""The filters that are set: pressed to be changed, removed one by one, kept as a segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.figures.names import NameOf
from proprium.metrics.labels import label_of
from proprium.metrics.query.filters import Filter
from proprium.metrics.results import Dimension
from proprium.ui.components.chips import chip

OF_THE_CLOCK = frozenset({Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR})


class Chips:
    """One chip a filter; not there at all without one."""

    def __init__(self, name: NameOf, on_remove: Callable[[Filter], Any], on_edit: Callable[[Filter], Any]) -> None:
        self._name, self._on_remove, self._on_edit = name, on_remove, on_edit
        self._shown: tuple[Filter, ...] = ()
        with ui.element("div").classes("line wraps chips") as self.box:
            self._chips = ui.element("div").classes("line wraps").props('role="group" aria-label="Filters"')
            self.tools = ui.element("div").classes("line")
        self.box.set_visibility(False)

    def show(self, filters: tuple[Filter, ...]) -> None:
        if filters == self._shown:
            return
        self._shown = filters
        self._chips.clear()
        with self._chips:
            for one in filters:
                chip(
                    one.label(lambda dimension, value: in_words(self._name, dimension, value)),
                    on_click=lambda one=one: self._on_edit(one),
                    on_remove=lambda one=one: self._on_remove(one),
                )
        self.box.set_visibility(bool(filters))


def in_words(name: NameOf, dimension: str, value: str) -> str:
    """ "Germany" of "DE", "Monday 09:00" of "1-09"; what a person typed beside that stays as it is."""
    if dimension not in OF_THE_CLOCK:
        return name(dimension, value)
    try:
        return label_of(dimension, value)
    except (ValueError, IndexError):
        return value
