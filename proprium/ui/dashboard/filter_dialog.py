"""The dialog for one filter: every dimension, the keys of data that were seen, and values to choose from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui

from proprium.errors import BadQuery, ProblemForReader
from proprium.figures import numbers
from proprium.figures.names import NameOf
from proprium.metrics.breakdown_query import MOST_ROWS, own_count
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.filters import (
    DATA_PREFIX,
    HIT_DIMENSIONS,
    SESSION_DIMENSIONS,
    Filter,
    Operator,
    dimension_name,
    parse_filter,
)
from proprium.metrics.query.query import Query
from proprium.ui import theme
from proprium.ui.components.chips import chip
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.fields import select, text_input
from proprium.ui.components.text import span
from proprium.ui.dashboard.segments import Segments
from proprium.ui.dashboard.table_reader import LABELLED, Listing
from proprium.ui.services import Services

OPERATORS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.NOT_CONTAINS: "does not contain",
    Operator.MATCHES: "matches a pattern",
    Operator.ONE_OF: "is one of",
    Operator.IS_SET: "is set",
}
EXPLAINED = {
    Operator.IS: "Leave the value empty to find what is not set.",
    Operator.IS_NOT: "Leave the value empty to find what is set.",
    Operator.CONTAINS: "Upper and lower case are the same.",
    Operator.NOT_CONTAINS: "Upper and lower case are the same.",
    Operator.MATCHES: "The whole text, in which * stands for anything: /blog/* finds every page below /blog.",
    Operator.ONE_OF: "Several values: choose them below, or press Enter after each.",
    Operator.IS_SET: "Whatever the value is.",
}
EMIT_TYPED = "(event) => emit(event.target.value)"
SUGGESTED = 8
ADVISED = frozenset({Operator.IS, Operator.IS_NOT, Operator.ONE_OF})
"""Whose values are whole ones, so that there is something to choose from; the others get it as an example."""

Value = tuple[str, str]
"""What a filter takes, and what a person reads."""


class FilterDialog:
    def __init__(
        self,
        services: Services,
        query: Query,
        name: NameOf,
        on_filter: Callable[[Filter], None],
        segments: Segments | None = None,
    ) -> None:
        """`query` is what is on the screen: its values are suggested."""
        self._services, self._query, self._on_filter, self._segments = services, query, on_filter, segments
        self._listing = Listing(services.warehouse, name)
        self._name = name
        self._chosen: list[Value] = []

    async def open(self, given: Filter | None = None) -> None:
        """With `given` to start with."""
        with dialog("Filter" if given is None else "Change the filter") as self._box:
            if self._segments and given is None:
                self._segments.build_choice(self._box.close)
            self._dimension = select("What", _dimensions(given), given.dimension if given else "page", searchable=True)
            labels = {one.value: text for one, text in OPERATORS.items()}
            self._operator = select("How", labels, (given.operator if given else Operator.CONTAINS).value)
            self._value_box = ui.element("div").classes("stack tight")
            with self._value_box:
                self._value = text_input("Value", autofocus=True)
                self._picked = ui.element("div").classes(f"{theme.LINE} wraps")
            self._why = ui.label("").classes("mut small")
            self._list = ui.element("div").classes("suggested").props('role="group" aria-label="Seen in this period"')
            self._problem = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=self._box.close)
                button("Filter", "filter", kind=theme.PRIMARY, on_click=self._act)
        self._start_with(given)
        self._listen()
        self._box.open()
        await asyncio.gather(self._offer_keys(), self._suggest())

    def _start_with(self, given: Filter | None) -> None:
        if given and given.operator is Operator.ONE_OF:
            self._chosen = [(value, self._name(given.dimension, value)) for value in given.values]
        elif given:
            self._value.value = given.value
        self._draw_operator()
        self._draw_chosen()

    def _listen(self) -> None:
        async def ask_anew() -> None:
            self._chosen.clear()
            self._value.value = ""
            self._draw_chosen()
            await self._suggest()

        async def other_operator() -> None:
            self._draw_operator()
            await self._suggest()

        self._dimension.on_value_change(ask_anew)
        self._operator.on_value_change(other_operator)
        self._value.props("debounce=150")
        self._value.on_value_change(self._suggest)
        # What is typed arrives a moment later; with Enter comes what stands there now.
        self._value.on("keydown.enter", lambda event: self._enter(str(event.args)), js_handler=EMIT_TYPED)

    # ---- values -----------------------------------------------------------------------------------------------

    async def _suggest(self) -> None:
        """The values that were seen, as far as they fit what is typed."""
        dimension, typed = str(self._dimension.value or ""), (self._value.value or "").strip()
        if self._kind is Operator.IS_SET or not dimension:
            self._list.clear()
            return
        search = typed.strip("*") if self._kind is Operator.MATCHES else typed
        others = (one for one in self._query.filters if one.dimension != dimension)
        listed = "event_name" if dimension == "event" else dimension
        count = own_count(listed)
        try:
            found = await asyncio.to_thread(
                self._listing.read,
                self._query.with_filters(*others),
                listed,
                metrics=(count,),
                search=search,
                limit=SUGGESTED,
            )
        except ProblemForReader:
            return  # a key that cannot be: `_act` says so
        if self._box.is_deleted or (dimension, typed) != (self._dimension.value, (self._value.value or "").strip()):
            return  # another answer is on its way
        self._list.clear()
        with self._list:
            for row in found.rows:
                if row.value:
                    self._suggestion((row.value, row.label), numbers.short(row.numbers[count] or 0))

    def _suggestion(self, value: Value, count: str) -> None:
        with ui.element("button").classes(theme.ROW).props('type="button"') as row:
            span(value[1], "n")
            span(count, "c")
        row.on("click", lambda: self._choose(value))

    def _choose(self, value: Value) -> None:
        if self._kind is Operator.ONE_OF:
            self._add(value)
        elif self._kind in ADVISED:
            self._apply([value])
        else:
            self._value.value = value[0]

    def _add(self, value: Value) -> None:
        if value not in self._chosen:
            self._chosen.append(value)
        self._value.value = ""
        self._draw_chosen()

    def _draw_chosen(self) -> None:
        self._picked.clear()
        with self._picked:
            for value in self._chosen:
                chip(value[1], on_remove=lambda value=value: self._drop(value))

    def _drop(self, value: Value) -> None:
        self._chosen.remove(value)
        self._draw_chosen()

    # ---- the filter -------------------------------------------------------------------------------------------

    @property
    def _kind(self) -> Operator:
        return Operator(self._operator.value)

    async def _enter(self, text: str) -> None:
        if self._kind is Operator.ONE_OF and text.strip():
            for value in await self._read(text):
                self._add(value)
            return
        await self._act(text)

    async def _act(self, text: str | None = None) -> None:
        typed = await self._read((self._value.value or "") if text is None else text)
        if self._kind is Operator.ONE_OF:
            self._apply([*self._chosen, *(value for value in typed if value[0])])
        else:
            self._apply(typed)

    async def _read(self, text: str) -> list[Value]:
        """Names of places are taken for their codes, where there is such a place among the hits."""
        parts = [part.strip() for part in (text.split("|") if self._kind is Operator.ONE_OF else [text])]
        dimension = str(self._dimension.value or "")
        if self._kind not in ADVISED or dimension not in LABELLED:
            return [(part, part) for part in parts]
        found = await asyncio.to_thread(
            self._listing.read,
            self._query.with_filters(),
            dimension,
            metrics=(own_count(dimension),),
            limit=MOST_ROWS,
        )
        known = {row.label.casefold(): (row.value, row.label) for row in found.rows if row.value}
        return [known.get(part.casefold(), (part, part)) for part in parts]

    def _apply(self, values: list[Value]) -> None:
        try:
            wanted = filter_of(str(self._dimension.value or ""), self._kind, [value for value, _ in values])
        except BadQuery as trouble:
            self._problem.set_text(str(trouble))
            return
        self._box.close()
        self._on_filter(wanted)

    def _draw_operator(self) -> None:
        self._value_box.set_visibility(self._kind is not Operator.IS_SET)
        self._why.set_text(EXPLAINED[self._kind])

    async def _offer_keys(self) -> None:
        """The keys of data that hits of the period carried, after all the dimensions."""
        keys = await asyncio.to_thread(data_keys, self._services.warehouse, self._query.with_filters())
        if self._box.is_deleted:
            return
        options = dict(self._dimension.options)
        options |= {DATA_PREFIX + found.key: f"Data: {found.key}" for found in keys}
        self._dimension.set_options(options, value=self._dimension.value)


def filter_of(dimension: str, operator: Operator, values: list[str]) -> Filter:
    """Raises BadQuery with what is wrong."""
    fitting = () if operator is Operator.IS_SET else tuple(values or [""])
    return parse_filter(Filter(dimension, operator, fitting).to_text())


def _dimensions(given: Filter | None) -> dict[str, str]:
    names = {name: dimension_name(name) for name in (*HIT_DIMENSIONS, *SESSION_DIMENSIONS)}
    names |= {"screen_class": "Screen class", "screen": "Screen size", "visitor_kind": "New or returning"}
    if given and given.data_key:
        names[given.dimension] = f"Data: {given.data_key}"
    return names
