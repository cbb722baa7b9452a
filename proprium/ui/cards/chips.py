"""The filters that are set, and the dialog that sets them."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from proprium.errors import BadQuery
from proprium.metrics.filters import (
    HIT_DIMENSIONS,
    SESSION_DIMENSIONS,
    Filter,
    Operator,
    dimension_name,
    parse_filter,
)
from proprium.ui import theme
from proprium.ui.parts.controls import button
from proprium.ui.parts.dialogs import dialog
from proprium.ui.parts.fields import select, text_input
from proprium.ui.parts.rows import chip

NameOf = Callable[[str, str], str]
OPERATORS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.NOT_CONTAINS: "does not contain",
    Operator.ONE_OF: "is one of (a | b)",
    Operator.IS_SET: "is set",
}


class Chips:
    """One chip a filter; not there at all without one."""

    def __init__(self, name_of: NameOf, on_remove: Callable[[Filter], None], on_edit: Callable[[Filter], None]) -> None:
        self._name_of, self._on_remove, self._on_edit = name_of, on_remove, on_edit
        self._shown: tuple[Filter, ...] = ()
        self.box = ui.element("div").classes("line wraps chips").props('role="group" aria-label="Filters"')
        self.box.set_visibility(False)

    def show(self, filters: tuple[Filter, ...]) -> None:
        if filters == self._shown:
            return
        self._shown = filters
        self.box.clear()
        with self.box:
            for one in filters:
                chip(
                    one.label(self._name_of),
                    on_click=lambda one=one: self._on_edit(one),
                    on_remove=lambda one=one: self._on_remove(one),
                )
        self.box.set_visibility(bool(filters))


def ask_for_filter(on_filter: Callable[[Filter], None], given: Filter | None = None) -> None:
    """A dialog for one filter, `given` to start with. Its values are codes and names as they are stored."""
    dimensions = {name: dimension_name(name) for name in (*HIT_DIMENSIONS, *SESSION_DIMENSIONS)}
    if given and given.data_key:
        dimensions[given.dimension] = f"Data: {given.data_key}"
    with dialog("Filter" if given is None else "Change the filter") as box:
        dimension = select("What", dimensions, given.dimension if given else "page")
        operator = select("How", {one.value: text for one, text in OPERATORS.items()},
                          (given.operator if given else Operator.CONTAINS).value)  # fmt: skip
        value = text_input("Value", value="|".join(given.values) if given else "", autofocus=True)
        problem = ui.label("").classes("bad small").props('role="alert"')
        with ui.element("div").classes("ft"):
            button("Cancel", on_click=box.close)
            apply = button("Filter", "filter", kind=theme.PRIMARY)

    def act() -> None:
        try:
            wanted = read_filter(str(dimension.value), str(operator.value), value.value or "")
        except BadQuery as trouble:
            problem.set_text(str(trouble))
            return
        box.close()
        on_filter(wanted)

    apply.on("click", act)
    value.on("keydown.enter", act)
    box.open()


def read_filter(dimension: str, operator: str, text: str) -> Filter:
    """Raises BadQuery with what is wrong."""
    kind = Operator(operator)
    parts = [part.strip() for part in text.split("|") if part.strip()] if kind is Operator.ONE_OF else [text.strip()]
    values = () if kind is Operator.IS_SET else tuple(parts or [""])
    return parse_filter(Filter(dimension, kind, values).to_text())
