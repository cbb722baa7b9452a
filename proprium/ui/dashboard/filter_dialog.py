"""Filter dialog: dimension or data key, condition, and values with suggestions."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence

from nicegui import ui

from maps.atlas import Atlas
from proprium.errors import BadQuery, UserFacingError
from proprium.figures import numbers
from proprium.figures.names import CODED_DIMENSIONS, NameLookup, label_text, search_key, values_named
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.breakdown_query import default_metric
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
from proprium.metrics.results import BreakdownTableRow, Dimension
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

NOT_SET = "not_set"
"""The condition that is sent as `is` without a value."""
CONDITION_LABELS: dict[str, str] = {
    Operator.IS.value: N_("is"),
    Operator.IS_NOT.value: N_("is not"),
    Operator.ONE_OF.value: N_("is one of"),
    Operator.CONTAINS.value: N_("contains"),
    Operator.NOT_CONTAINS.value: N_("does not contain"),
    Operator.MATCHES.value: N_("matches a pattern"),
    Operator.IS_SET.value: N_("is set"),
    NOT_SET: N_("is not set"),
}
CONDITION_HELP_TEXTS: dict[str, str] = {
    Operator.IS.value: N_("Select one or more values, or type one."),
    Operator.IS_NOT.value: N_("Select one or more values, or type one."),
    Operator.ONE_OF.value: N_("Select several values below, or press Enter after each."),
    Operator.CONTAINS.value: N_("Not case-sensitive."),
    Operator.NOT_CONTAINS.value: N_("Not case-sensitive."),
    Operator.MATCHES.value: N_(
        "Matches the whole value. * matches any characters: /blog/* finds all pages below /blog."
    ),
    Operator.IS_SET.value: N_("Matches any value."),
    NOT_SET: N_("Matches where there is no value."),
}
LIST_CONDITIONS = frozenset({Operator.IS.value, Operator.IS_NOT.value, Operator.ONE_OF.value})
"""Conditions that compare whole values; several are selected as chips."""
CONDITIONS_WITHOUT_VALUE = frozenset({Operator.IS_SET.value, NOT_SET})
MAX_SUGGESTIONS = 8
MAX_CANDIDATES = 1_000
"""Values that are searched for the one that was typed."""
SUGGESTION_DELAY_S = 0.15
"""Pause in typing after which suggestions are queried."""
CLEARER_TITLES = (Dimension.SCREEN_CLASS, Dimension.SCREEN, Dimension.VISITOR_KIND)
"""Dimensions whose title in a select differs from the one on a chip."""

# Arrow keys move between the field and the suggestions, in the browser alone.
MOVE_WITH_ARROWS = """(event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const stops = [...event.currentTarget.querySelectorAll('input, .suggested button')];
    const next = step && stops[stops.indexOf(event.target) + step];
    if (next) { event.preventDefault(); next.focus(); }
}"""

ValueAndLabel = tuple[str, str]
"""The value in a filter, and its label."""


class FilterDialog:
    def __init__(
        self,
        services: Services,
        query: Query,
        name_of: NameLookup,
        on_filter: Callable[..., None],
        segments: SegmentsMenu | None = None,
    ) -> None:
        """`query` is the one on the screen; suggestions are values from its period.

        `on_filter` gets one filter, or several for "is not" with several values.
        """
        self._services, self._query, self._on_filter, self._segments = services, query, on_filter, segments
        self._table_reader = TableReader(services.warehouse, name_of)
        self._name_of = name_of
        self._selected_values: list[ValueAndLabel] = []
        self._removed_text: str | None = None  # was added as a value; the browser is still removing it from the field
        self._submission = asyncio.Lock()

    async def open(self, filter_: Filter | None = None) -> None:
        """Opens the dialog, filled with `filter_` if that is to be edited."""
        dimension_labels = {name: _(dimension_name(name)) for name in (*HIT_DIMENSIONS, *SESSION_DIMENSIONS)}
        dimension_labels |= {name.value: dimension_title(name) for name in CLEARER_TITLES}
        if filter_ and filter_.data_key:
            dimension_labels[filter_.dimension] = dimension_title(filter_.dimension)
        allows = self._query.data_access.allows
        dimension_labels = {name: label for name, label in dimension_labels.items() if allows(name)}
        if not dimension_labels:  # a share link without lists
            return
        dimension = filter_.dimension if filter_ else next(iter(dimension_labels))
        condition = condition_of(filter_) if filter_ else Operator.IS.value
        with dialog(_("Add filter") if filter_ is None else _("Edit filter")) as self._dialog:
            if self._segments and filter_ is None:
                self._segments.build_chips(self._dialog.close)
            self._dimension_select = select(_("Filter by"), dimension_labels, dimension, is_searchable=True)
            self._condition_select = select(_("Condition"), _condition_labels(dimension, condition), condition)
            with ui.element("div").classes(theme.STACK).on("keydown", js_handler=MOVE_WITH_ARROWS):
                self._value_box = ui.element("div").classes("stack tight")
                with self._value_box:
                    self._chip_box = ui.element("div").classes(f"{theme.LINE} wraps selected").props('role="group"')
                    self._chip_box.props["aria-label"] = _("Selected")
                    self._value_input = text_input(_("Value"), autofocus=True)
                self._help_label = ui.label("").classes("mut small")
                self._suggestion_list = ui.element("div").classes("suggested").props('role="group"')
                self._suggestion_list.props["aria-label"] = _("Suggestions")
                self._suggestion_list.props["aria-busy"] = "true"
            self._error_label = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=self._dialog.close)
                button(_("Filter"), "filter", kind=theme.PRIMARY, on_click=self._submit)
        if filter_ and condition in LIST_CONDITIONS:
            self._selected_values = [(value, self._name_of(filter_.dimension, value)) for value in filter_.values]
        elif filter_:
            self._value_input.value = filter_.value
        self._draw_condition()
        self._draw_selected()
        self._bind_events()
        self._dialog.open()
        await asyncio.gather(self._load_data_keys(), self._suggest())
        if not self._dialog.is_deleted:
            del self._suggestion_list.props["aria-busy"]
            self._suggestion_list.update()

    def _bind_events(self) -> None:
        async def on_dimension_change() -> None:
            dimension, condition = self._dimension, self._condition
            labels = _condition_labels(dimension)
            self._condition_select.set_options(labels, value=condition if condition in labels else Operator.IS.value)
            self._selected_values.clear()
            self._remove_text(self._value_input.value or "")
            self._draw_selected()
            await self._suggest()

        async def on_condition_change() -> None:
            self._draw_condition()
            await self._suggest()

        self._dimension_select.on_value_change(on_dimension_change)
        self._condition_select.on_value_change(on_condition_change)
        # Delayed here, not by `debounce` in the browser: then each click and key comes after the text typed before it.
        self._value_input.on_value_change(self._suggest_after_pause)
        self._value_input.on("keydown.enter", self.enter, [])
        self._value_input.on(
            "keydown.backspace", self._remove_last, js_handler="(event) => event.target.value || emit()"
        )
        focus_field = f"(event) => event.target.closest('button') && getHtmlElement({self._value_input.id}).focus()"
        self._suggestion_list.on("click", js_handler=focus_field)

    @property
    def _dimension(self) -> str:
        return str(self._dimension_select.value or "")

    @property
    def _condition(self) -> str:
        return str(self._condition_select.value)

    # ---- values -----------------------------------------------------------------------------------------------

    async def _suggest_after_pause(self) -> None:
        self._removed_text = None
        self._error_label.set_text("")
        text = self._value_input.value
        await asyncio.sleep(SUGGESTION_DELAY_S)
        if text == self._value_input.value and not self._dialog.is_deleted:
            await self._suggest()

    async def _suggest(self) -> None:
        """Suggests values of the current period that match the typed text and are not selected yet."""
        dimension, condition, input_text = self._dimension, self._condition, self._typed_text
        if condition in CONDITIONS_WITHOUT_VALUE or not dimension:
            self._suggestion_list.clear()
            return
        search = input_text.strip("*") if condition == Operator.MATCHES else input_text
        try:
            rows = await self._search_rows(dimension, search, MAX_SUGGESTIONS + len(self._selected_values))
        except UserFacingError:
            return  # an invalid data key: `_apply` shows the error
        if self._dialog.is_deleted or (dimension, condition, input_text) != (
            self._dimension,
            self._condition,
            self._typed_text,
        ):
            return  # the input has changed: a newer request is running
        count_metric = default_metric(_listed_dimension(dimension))
        selected = {value for value, _label in self._selected_values if condition in LIST_CONDITIONS}
        labels = _distinct_labels(rows, dimension, self._services.atlas)
        unselected_rows = [row for row in rows if row.value not in selected]
        self._suggestion_list.clear()
        with self._suggestion_list:
            for row in unselected_rows[:MAX_SUGGESTIONS]:
                value = row.value or "", labels[row.value or ""]
                with ui.element("button").classes(theme.ROW).props('type="button"') as row_button:
                    span(value[1], "n")
                    span(numbers.short(row.numbers[count_metric] or 0), "c")
                row_button.on("click", lambda value=value: self.select_value(value))

    @property
    def _typed_text(self) -> str:
        """The text in the field, without one that was just added as a value."""
        text = self._value_input.value or ""
        return "" if text == self._removed_text else text.strip()

    async def _search_rows(self, dimension: str, search: str, limit: int) -> list[BreakdownTableRow]:
        """Reads values of the current period whose labels contain `search`; filters on other dimensions apply."""
        listed_dimension = _listed_dimension(dimension)
        other_filters = (filter_ for filter_ in self._query.filters if filter_.dimension != dimension)
        table = await asyncio.to_thread(
            self._table_reader.read,
            self._query.with_filters(*other_filters),
            listed_dimension,
            metrics=(default_metric(listed_dimension),),
            search=search,
            limit=limit,
        )
        return [row for row in table.rows if row.value]

    async def select_value(self, value: ValueAndLabel) -> None:
        """Handles a clicked suggestion: selects it, or copies it into the field."""
        if self._condition in LIST_CONDITIONS:
            self._add_values([value], self._value_input.value or "")
            await self._suggest()
        else:
            self._value_input.value = value[0]

    def _add_values(self, values: Sequence[ValueAndLabel], text: str) -> None:
        """Adds values, and removes the text by which they were selected."""
        self._selected_values = list(dict.fromkeys([*self._selected_values, *values]))
        self._remove_text(text)
        self._draw_selected()

    def _remove_text(self, text: str) -> None:
        """Removes text from the field in the browser, where more may have been typed since."""
        if text:
            self._removed_text = text
            self._value_input.client.run_javascript(
                f"const field = getElement({self._value_input.id}), text = {json.dumps(text)};"
                "if (field.inputValue.startsWith(text)) field.inputValue = field.inputValue.slice(text.length);"
            )

    async def _remove_last(self) -> None:
        """Handles the backspace key in the empty field."""
        if self._selected_values:
            await self._remove(self._selected_values[-1])

    async def _remove(self, value: ValueAndLabel) -> None:
        self._selected_values.remove(value)
        self._draw_selected()
        await self._suggest()

    def _draw_selected(self) -> None:
        self._chip_box.clear()
        with self._chip_box:
            for value in self._selected_values:
                chip(value[1], on_remove=lambda value=value: self._remove(value))
        self._chip_box.set_visibility(bool(self._selected_values) and self._condition in LIST_CONDITIONS)

    # ---- the filter -------------------------------------------------------------------------------------------

    async def enter(self) -> None:
        """Adds the typed values to the selected ones, or applies the filter."""
        text = self._value_input.value or ""
        if self._condition != Operator.ONE_OF or not self._typed_text:
            await self._submit()
            return
        async with self._submission:  # a click on Filter meanwhile waits for these values
            if (values := await self._read_values(text)) is not None:
                self._add_values(values, text)

    async def _submit(self) -> None:
        typed_text = self._typed_text
        async with self._submission:
            if self._condition not in LIST_CONDITIONS:
                self._apply([typed_text])
                return
            values = await self._read_values(typed_text) if typed_text else []
            if values is not None:
                self._apply(list(dict.fromkeys(value for value, _label in (*self._selected_values, *values))))

    async def _read_values(self, text: str) -> list[ValueAndLabel] | None:
        """Returns the values that the typed text names; None after an error, which is shown."""
        parts = text.split("|") if self._condition == Operator.ONE_OF else [text]
        try:
            return [await self._read_value(part.strip()) for part in parts if part.strip()]
        except BadQuery as error:
            self._error_label.set_text(str(error))
            return None

    async def _read_value(self, text: str) -> ValueAndLabel:
        """Returns the value that is called `text`: "Germany" is DE, "friday 9:00" is 5-09, "chrome" is Chrome.

        Values of the period come first. Raises BadQuery for a name that no value can have.
        """
        dimension, key = self._dimension, search_key(text)
        try:
            rows = await self._search_rows(dimension, "" if dimension in LABELLED_DIMENSIONS else text, MAX_CANDIDATES)
        except UserFacingError:
            return text, text  # an invalid data key: `_apply` shows the error
        labels = _distinct_labels(rows, dimension, self._services.atlas)
        if text in labels:
            return text, labels[text]
        seen_values = [(row.value or "", row.label) for row in rows]
        possible_values = list(values_named(self._services.atlas, dimension))
        for values in (seen_values, list(labels.items()), possible_values):
            if same_name := [(value, label) for value, label in values if key in {search_key(label), value.casefold()}]:
                return same_name[0][0], labels.get(same_name[0][0], same_name[0][1])
        if not possible_values:
            return text, text
        for values in (seen_values, possible_values):
            if len(similar := [value for value in values if key in search_key(value[1])]) == 1:
                return similar[0]
        title = _(dimension_name(dimension))
        raise BadQuery(
            _("{dimension}: “{text}” is not known. Select a value from the list.", dimension=title, text=text)
        )

    def _apply(self, values: Sequence[str]) -> None:
        try:
            filters = build_filters(self._dimension, self._condition, values)
        except BadQuery as error:
            self._error_label.set_text(str(error))
            return
        self._dialog.close()
        self._on_filter(*filters)

    def _draw_condition(self) -> None:
        self._value_box.set_visibility(self._condition not in CONDITIONS_WITHOUT_VALUE)
        self._chip_box.set_visibility(bool(self._selected_values) and self._condition in LIST_CONDITIONS)
        self._help_label.set_text(_(CONDITION_HELP_TEXTS[self._condition]))

    async def _load_data_keys(self) -> None:
        """Adds the data keys seen in the period to the dimensions.

        New options close a list that is open, so that nothing is sent where there are none.
        """
        keys = await asyncio.to_thread(data_keys, self._services.warehouse, self._query.with_filters())
        if self._dialog.is_deleted:
            return
        options = dict(self._dimension_select.options)
        options |= {key: dimension_title(key) for key in (DATA_PREFIX + data_key.key for data_key in keys)}
        if options != self._dimension_select.options:
            self._dimension_select.set_options(options, value=self._dimension_select.value)


def condition_of(filter_: Filter) -> str:
    """Returns the dialog's condition of a filter."""
    is_blank = not filter_.value
    if filter_.operator is Operator.IS and is_blank:
        return NOT_SET
    if filter_.operator is Operator.IS_NOT and is_blank:
        return Operator.IS_SET.value
    return filter_.operator.value


def build_filters(dimension: str, condition: str, values: Sequence[str]) -> tuple[Filter, ...]:
    """Builds and validates the filters of a condition. Raises BadQuery with the reason.

    Several values that are to be "is" become one filter, "is one of"; "is not" needs a filter for each.
    """
    given_values = tuple(value for value in values if value)
    if condition in CONDITIONS_WITHOUT_VALUE:
        filters = [
            Filter(dimension, Operator.IS, ("",)) if condition == NOT_SET else Filter(dimension, Operator.IS_SET)
        ]
    elif not given_values:
        raise BadQuery(_("Enter or select a value, or choose the condition “is not set”."))
    elif condition in {Operator.IS, Operator.ONE_OF}:
        filters = [Filter(dimension, Operator.ONE_OF if len(given_values) > 1 else Operator.IS, given_values)]
    else:
        filters = [Filter(dimension, Operator(condition), (value,)) for value in given_values]
    return tuple(parse_filter(filter_.to_text()) for filter_ in filters)


def _condition_labels(dimension: str, current: str = "") -> dict[str, str]:
    """Returns the conditions for a dimension; of codes, only those that do not compare parts of them."""
    offered = (
        LIST_CONDITIONS | CONDITIONS_WITHOUT_VALUE | {current}
        if dimension in CODED_DIMENSIONS
        else CONDITION_LABELS.keys()
    )
    return {condition: _(label) for condition, label in CONDITION_LABELS.items() if condition in offered}


def _listed_dimension(dimension: str) -> str:
    """Returns the dimension whose values are suggested: of events, also those of the tracking script."""
    return Dimension.EVENT_NAME.value if dimension == Dimension.EVENT else dimension


def _distinct_labels(rows: Sequence[BreakdownTableRow], dimension: str, atlas: Atlas) -> dict[str, str]:
    """Maps the rows' values to labels; regions of the same name get their country's name too."""
    labels = {row.value or "": label_text(row, dimension) for row in rows}
    if dimension != Dimension.REGION:
        return labels
    counts = Counter(labels.values())
    return {
        value: f"{label}, {atlas.name(value.split('-')[0])}" if counts[label] > 1 else label
        for value, label in labels.items()
    }
