"""Filter dialog: dimension or data key, condition, and value with suggestions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from nicegui import ui

from proprium.errors import BadQuery, UserFacingError
from proprium.figures import numbers
from proprium.figures.names import NameLookup, label_text
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.breakdown_query import MAX_ROWS, default_metric
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
from proprium.metrics.results import Dimension
from proprium.ui import theme
from proprium.ui.components.chips import chip
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.fields import select, text_input
from proprium.ui.components.text import span
from proprium.ui.dashboard.segments import SegmentsMenu
from proprium.ui.dashboard.table_columns import dimension_title
from proprium.ui.dashboard.table_reader import LABELLED_DIMENSIONS, TableReader
from proprium.ui.services import Services

OPERATOR_LABELS = {
    Operator.IS: N_("is"),
    Operator.IS_NOT: N_("is not"),
    Operator.CONTAINS: N_("contains"),
    Operator.NOT_CONTAINS: N_("does not contain"),
    Operator.MATCHES: N_("matches a pattern"),
    Operator.ONE_OF: N_("is one of"),
    Operator.IS_SET: N_("is set"),
}
OPERATOR_HELP_TEXTS = {
    Operator.IS: N_("Leave empty to match (not set)."),
    Operator.IS_NOT: N_("Leave empty to match any value that is set."),
    Operator.CONTAINS: N_("Not case-sensitive."),
    Operator.NOT_CONTAINS: N_("Not case-sensitive."),
    Operator.MATCHES: N_("Matches the whole value. * matches any characters: /blog/* finds all pages below /blog."),
    Operator.ONE_OF: N_("Select several values below, or press Enter after each."),
    Operator.IS_SET: N_("Matches any value."),
}
MAX_SUGGESTIONS = 8
SUGGESTION_DELAY_S = 0.15
"""Pause in typing after which suggestions are queried."""
CLEARER_TITLES = (Dimension.SCREEN_CLASS, Dimension.SCREEN, Dimension.VISITOR_KIND)
"""Dimensions whose title in a select differs from the one on a chip."""
WHOLE_VALUE_OPERATORS = frozenset({Operator.IS, Operator.IS_NOT, Operator.ONE_OF})
"""Operators that compare whole values: a click on a suggestion selects it. For others it only fills the field."""

ValueAndLabel = tuple[str, str]
"""The value in a filter, and its label."""


class FilterDialog:
    def __init__(
        self,
        services: Services,
        query: Query,
        name_of: NameLookup,
        on_filter: Callable[[Filter], None],
        segments: SegmentsMenu | None = None,
    ) -> None:
        """`query` is the one on the screen; suggestions are values from its period."""
        self._services, self._query, self._on_filter, self._segments = services, query, on_filter, segments
        self._table_reader = TableReader(services.warehouse, name_of)
        self._name_of = name_of
        self._selected_values: list[ValueAndLabel] = []
        self._submission = asyncio.Lock()

    async def open(self, filter_: Filter | None = None) -> None:
        """Opens the dialog, filled with `filter_` if that is to be edited."""
        dimension_labels = {name: _(dimension_name(name)) for name in (*HIT_DIMENSIONS, *SESSION_DIMENSIONS)}
        dimension_labels |= {name.value: dimension_title(name) for name in CLEARER_TITLES}
        if filter_ and filter_.data_key:
            dimension_labels[filter_.dimension] = dimension_title(filter_.dimension)
        with dialog(_("Add filter") if filter_ is None else _("Edit filter")) as self._dialog:
            if self._segments and filter_ is None:
                self._segments.build_chips(self._dialog.close)
            self._dimension_select = select(
                _("Filter by"), dimension_labels, filter_.dimension if filter_ else "page", is_searchable=True
            )
            labels = {operator.value: _(label) for operator, label in OPERATOR_LABELS.items()}
            self._operator_select = select(
                _("Condition"), labels, (filter_.operator if filter_ else Operator.CONTAINS).value
            )
            self._value_box = ui.element("div").classes("stack tight")
            with self._value_box:
                self._value_input = text_input(_("Value"), autofocus=True)
                self._chip_box = ui.element("div").classes(f"{theme.LINE} wraps")
            self._help_label = ui.label("").classes("mut small")
            self._suggestion_list = ui.element("div").classes("suggested").props('role="group"')
            self._suggestion_list.props["aria-label"] = _("Suggestions")
            self._error_label = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=self._dialog.close)
                button(_("Filter"), "filter", kind=theme.PRIMARY, on_click=self._submit)
        if filter_ and filter_.operator is Operator.ONE_OF:
            self._selected_values = [(value, self._name_of(filter_.dimension, value)) for value in filter_.values]
        elif filter_:
            self._value_input.value = filter_.value
        self._draw_operator()
        self._draw_selected()
        self._bind_events()
        self._dialog.open()
        await asyncio.gather(self._load_data_keys(), self._suggest())

    def _bind_events(self) -> None:
        async def on_dimension_change() -> None:
            self._selected_values.clear()
            self._remove_text(self._value_input.value or "")
            self._draw_selected()
            await self._suggest()

        async def on_operator_change() -> None:
            self._draw_operator()
            await self._suggest()

        self._dimension_select.on_value_change(on_dimension_change)
        self._operator_select.on_value_change(on_operator_change)
        # Delayed here, not by `debounce` in the browser: then each click and key comes after the text typed before it.
        self._value_input.on_value_change(self._suggest_after_pause)
        self._value_input.on("keydown.enter", self.enter, [])

    # ---- values -----------------------------------------------------------------------------------------------

    async def _suggest_after_pause(self) -> None:
        text = self._value_input.value
        await asyncio.sleep(SUGGESTION_DELAY_S)
        if text == self._value_input.value and not self._dialog.is_deleted:
            await self._suggest()

    async def _suggest(self) -> None:
        """Suggests values of the current period that match the typed text.

        Filters on other dimensions apply.
        """
        dimension, input_text = str(self._dimension_select.value or ""), (self._value_input.value or "").strip()
        if self._selected_operator is Operator.IS_SET or not dimension:
            self._suggestion_list.clear()
            return
        search = input_text.strip("*") if self._selected_operator is Operator.MATCHES else input_text
        other_filters = (filter_ for filter_ in self._query.filters if filter_.dimension != dimension)
        listed_dimension = "event_name" if dimension == "event" else dimension
        count_metric = default_metric(listed_dimension)
        try:
            table = await asyncio.to_thread(
                self._table_reader.read,
                self._query.with_filters(*other_filters),
                listed_dimension,
                metrics=(count_metric,),
                search=search,
                limit=MAX_SUGGESTIONS,
            )
        except UserFacingError:
            return  # an invalid data key: `_apply` shows the error
        if self._dialog.is_deleted or (dimension, input_text) != (
            self._dimension_select.value,
            (self._value_input.value or "").strip(),
        ):
            return  # the input has changed: a newer request is running
        self._suggestion_list.clear()
        with self._suggestion_list:
            for row in table.rows:
                if row.value:
                    value = row.value, label_text(row, listed_dimension)
                    with ui.element("button").classes(theme.ROW).props('type="button"') as row_button:
                        span(value[1], "n")
                        span(numbers.short(row.numbers[count_metric] or 0), "c")
                    row_button.on("click", lambda value=value: self.select_value(value))

    def select_value(self, value: ValueAndLabel) -> None:
        """Handles a clicked suggestion."""
        if self._selected_operator is Operator.ONE_OF:
            self._add_values([value], self._value_input.value or "")
        elif self._selected_operator in WHOLE_VALUE_OPERATORS:
            self._apply([value])
        else:
            self._value_input.value = value[0]

    def _add_values(self, values: list[ValueAndLabel], text: str) -> None:
        """Adds values, and removes the text by which they were selected."""
        self._selected_values = list(dict.fromkeys([*self._selected_values, *values]))
        self._remove_text(text)
        self._draw_selected()

    def _remove_text(self, text: str) -> None:
        """Removes text from the field in the browser, where more may have been typed since."""
        if text:
            self._value_input.client.run_javascript(
                f"const field = getElement({self._value_input.id}), text = {json.dumps(text)};"
                "if (field.inputValue.startsWith(text)) field.inputValue = field.inputValue.slice(text.length);"
            )

    def _draw_selected(self) -> None:
        def remove(value: ValueAndLabel) -> None:
            self._selected_values.remove(value)
            self._draw_selected()

        self._chip_box.clear()
        with self._chip_box:
            for value in self._selected_values:
                chip(value[1], on_remove=lambda value=value: remove(value))

    # ---- the filter -------------------------------------------------------------------------------------------

    @property
    def _selected_operator(self) -> Operator:
        return Operator(self._operator_select.value)

    async def enter(self) -> None:
        """Adds the typed values to the selected ones, or applies the filter."""
        text = self._value_input.value or ""
        if self._selected_operator is not Operator.ONE_OF or not text.strip():
            await self._submit()
            return
        async with self._submission:  # a click on Filter meanwhile waits for these values
            self._add_values(await self._parse_values(text), text)

    async def _submit(self) -> None:
        text = self._value_input.value or ""
        async with self._submission:
            values = await self._parse_values(text)
            if self._selected_operator is Operator.ONE_OF:
                # The text of a value that was just added is in the field until the browser has removed it.
                self._apply(list(dict.fromkeys([*self._selected_values, *(value for value in values if value[0])])))
            else:
                self._apply(values)

    async def _parse_values(self, text: str) -> list[ValueAndLabel]:
        """Parses typed values. Labels such as "Germany" become codes if the property has hits with them."""
        parts = [part.strip() for part in (text.split("|") if self._selected_operator is Operator.ONE_OF else [text])]
        dimension = str(self._dimension_select.value or "")
        if self._selected_operator not in WHOLE_VALUE_OPERATORS or dimension not in LABELLED_DIMENSIONS:
            return [(part, part) for part in parts]
        table = await asyncio.to_thread(
            self._table_reader.read,
            self._query.with_filters(),
            dimension,
            metrics=(default_metric(dimension),),
            limit=MAX_ROWS,
        )
        value_by_label = {row.label.casefold(): (row.value, row.label) for row in table.rows if row.value}
        return [value_by_label.get(part.casefold(), (part, part)) for part in parts]

    def _apply(self, values: list[ValueAndLabel]) -> None:
        try:
            filter_ = build_filter(
                str(self._dimension_select.value or ""), self._selected_operator, [value for value, _label in values]
            )
        except BadQuery as error:
            self._error_label.set_text(str(error))
            return
        self._dialog.close()
        self._on_filter(filter_)

    def _draw_operator(self) -> None:
        self._value_box.set_visibility(self._selected_operator is not Operator.IS_SET)
        self._help_label.set_text(_(OPERATOR_HELP_TEXTS[self._selected_operator]))

    async def _load_data_keys(self) -> None:
        """Adds the data keys seen in the period to the dimensions."""
        keys = await asyncio.to_thread(data_keys, self._services.warehouse, self._query.with_filters())
        if self._dialog.is_deleted:
            return
        options = dict(self._dimension_select.options)
        options |= {key: dimension_title(key) for key in (DATA_PREFIX + data_key.key for data_key in keys)}
        self._dimension_select.set_options(options, value=self._dimension_select.value)


def build_filter(dimension: str, operator: Operator, values: list[str]) -> Filter:
    """Builds and validates a filter. Raises BadQuery with the reason."""
    operator_values = () if operator is Operator.IS_SET else tuple(values or [""])
    return parse_filter(Filter(dimension, operator, operator_values).to_text())
