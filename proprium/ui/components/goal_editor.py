"""Goal editor of the settings page: lists, adds, edits and removes a property's goals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from proprium.errors import BadQuery
from proprium.metrics.query.filters import DATA_PREFIX, Filter, Operator
from proprium.metrics.query.goals import parse_goal, parse_goals, to_stored
from proprium.metrics.query.query import Goal
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import empty_state, toast
from proprium.ui.components.fields import compact_select, select, text_input
from proprium.ui.components.panels import panel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.text import span

EVENT, PAGE = "event", "page"
REACHED_BY_LABELS = {EVENT: "Event", PAGE: "Page view"}
VALUE_LABELS = {EVENT: "Event name", PAGE: "Page path"}
VALUE_EXAMPLES = {EVENT: "sign_up", PAGE: "/thanks*"}
HELP_TEXTS = {
    EVENT: "Case-sensitive: exactly as the event is sent.",
    PAGE: "* matches anything: /thanks* matches /thanks and /thanks/you.",
}
OPERATOR_LABELS = {
    Operator.IS.value: "is",
    Operator.IS_NOT.value: "is not",
    Operator.CONTAINS.value: "contains",
    Operator.MATCHES.value: "matches",
    Operator.IS_SET.value: "is set",
}


class GoalEditor:
    """Goals panel; saves each change at once, independent of the settings form and its Save button."""

    def __init__(self, actions: PropertyActions, property_: Property) -> None:
        self._actions, self._property_id, self._goals = actions, property_.id, parse_goals(property_.goals)
        with panel("Goals", body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "goals"
            self._list = ui.element("div").classes("stack tight")
        with box.head:
            button("Add goal", "plus", on_click=lambda: self._open_dialog(None))
        self._draw()

    def _draw(self) -> None:
        self._list.clear()
        with self._list:
            for goal in self._goals:
                self._build_row(goal)
            if not self._goals:
                empty_state("No goals yet", "Track a page (/thanks) or event (signup) as a conversion.", "target")

    def _build_row(self, goal: Goal) -> None:
        with ui.element("div").classes(f"{theme.LINE} goalline"):
            with ui.element("div").classes("grow"):
                span(goal.name, "strong cut")
                span(" and ".join(filter_.label() for filter_ in goal.filters), "mut small")
            edit_button = button("", "pencil", kind=theme.BARE, name=f"Edit goal {goal.name}")
            edit_button.on("click", lambda: self._open_dialog(goal))
            remove_button = button("", "trash", kind=theme.BARE, name=f"Remove goal {goal.name}")
            remove_button.on("click", lambda: self._remove(goal))

    def _open_dialog(self, goal: Goal | None) -> None:
        _GoalDialog(goal, lambda edited_goal: self._replace(goal, edited_goal)).open()

    async def _replace(self, old_goal: Goal | None, new_goal: Goal) -> bool:
        """Saves `new_goal` at the position of `old_goal`, or appends it when there is none. False when rejected."""
        goals = [new_goal if goal == old_goal else goal for goal in self._goals]
        return await self._save(goals if old_goal in self._goals else [*self._goals, new_goal])

    async def _remove(self, goal: Goal) -> None:
        if await self._save([other for other in self._goals if other != goal]):
            toast(f"Goal {goal.name} removed.")

    async def _save(self, goals: list[Goal]) -> bool:
        property_ = await self._actions.update(self._property_id, goals=[to_stored(goal) for goal in goals])
        if property_ is None:
            return False
        self._goals = parse_goals(property_.goals)
        self._draw()
        return True


@dataclass
class _DataCondition:
    """The inputs of one additional condition, on data.<key>."""

    box: ui.element
    key: ui.input
    operator: ui.select
    value: ui.input

    def to_filter(self) -> Filter:
        operator = Operator(self.operator.value)
        values = () if operator is Operator.IS_SET else ((self.value.value or "").strip(),)
        return Filter(DATA_PREFIX + (self.key.value or "").strip(), operator, values)


class _GoalDialog:
    def __init__(self, goal: Goal | None, on_save: Callable[[Goal], Awaitable[bool]]) -> None:
        self._goal, self._on_save = goal, on_save
        self._conditions: list[_DataCondition] = []

    def open(self) -> None:
        main_filter, data_filters, self._other_filters = _split_filters(self._goal)
        with dialog("Edit goal" if self._goal else "Add goal") as self._dialog:
            name = self._goal.name if self._goal else ""
            self._name_input = text_input("Name", value=name, placeholder="Sign-up", autofocus=True)
            kind = PAGE if main_filter and main_filter.dimension == PAGE else EVENT
            self._kind_select = select("Trigger", REACHED_BY_LABELS, kind)
            self._value_input = text_input(VALUE_LABELS[kind], value=main_filter.value if main_filter else "")
            self._help_label = ui.label("").classes("mut small")
            self._conditions_box = ui.element("div").classes("stack tight")
            if self._other_filters:
                ui.label("And " + " and ".join(filter_.label() for filter_ in self._other_filters)).classes("mut small")
            button("Add data condition", "plus", kind=theme.BARE, on_click=lambda: self._add_condition(None)).style(
                "align-self: flex-start"
            )
            self._error_label = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=self._dialog.close)
                button("Save", "check", kind=theme.PRIMARY, on_click=self._submit)
        for filter_ in data_filters:
            self._add_condition(filter_)
        self._kind_select.on_value_change(self._update_help)
        self._value_input.on("keydown.enter", self._submit)
        self._update_help()
        self._dialog.open()

    def _update_help(self) -> None:
        kind = str(self._kind_select.value)
        self._help_label.set_text(HELP_TEXTS[kind])
        self._value_input.props["placeholder"] = VALUE_EXAMPLES[kind]
        self._value_input.props["aria-label"] = VALUE_LABELS[kind]

    def _add_condition(self, filter_: Filter | None) -> None:
        with self._conditions_box, ui.element("div").classes(f"{theme.LINE} wraps condition") as box:
            key = ui.input(value=filter_.data_key or "" if filter_ else "", placeholder="plan")
            operator = compact_select("", OPERATOR_LABELS, filter_.operator.value if filter_ else Operator.IS.value)
            value = ui.input(value=filter_.value if filter_ else "", placeholder="pro")
            remove_button = button("", "close", kind=theme.BARE, name="Remove this condition")
        for field, label in ((key, "Data key"), (value, "Data value")):
            field.props("outlined dense hide-bottom-space").props["aria-label"] = label
        operator.props["aria-label"] = "Operator"
        condition = _DataCondition(box, key, operator, value)
        self._conditions.append(condition)
        operator.on_value_change(lambda event: value.set_visibility(event.value != Operator.IS_SET.value))
        remove_button.on("click", lambda: self._remove_condition(condition))

    def _remove_condition(self, condition: _DataCondition) -> None:
        self._conditions.remove(condition)
        condition.box.delete()

    async def _submit(self) -> None:
        try:
            new_goal = self._read_goal()
        except BadQuery as problem:
            self._error_label.set_text(str(problem))
            return
        if await self._on_save(new_goal):
            self._dialog.close()

    def _read_goal(self) -> Goal:
        """Builds the goal from the fields; raises BadQuery that names a missing or invalid one."""
        name, text = (self._name_input.value or "").strip(), (self._value_input.value or "").strip()
        if not name:
            raise BadQuery("A goal needs a name.")
        if not text and not self._other_filters:
            kind = str(self._kind_select.value)
            raise BadQuery(f"{VALUE_LABELS[kind]} is missing. Enter one such as {VALUE_EXAMPLES[kind]}.")
        is_pattern = self._kind_select.value == PAGE and "*" in text
        main_filter = Filter(str(self._kind_select.value), Operator.MATCHES if is_pattern else Operator.IS, (text,))
        filters = [
            *([main_filter] if text else []),
            *(condition.to_filter() for condition in self._conditions),
            *self._other_filters,
        ]
        return parse_goal(name, [filter_.to_text() for filter_ in filters])


def _split_filters(goal: Goal | None) -> tuple[Filter | None, list[Filter], list[Filter]]:
    """Splits a goal's filters: the event or page filter, data filters, and others set by API, kept unchanged."""
    filters = list(goal.filters) if goal else []
    main_filter = next((filter_ for filter_ in filters if _is_main_filter(filter_)), None)
    data_filters = [filter_ for filter_ in filters if filter_.data_key and filter_.operator.value in OPERATOR_LABELS]
    return (
        main_filter,
        data_filters,
        [filter_ for filter_ in filters if filter_ is not main_filter and filter_ not in data_filters],
    )


def _is_main_filter(filter_: Filter) -> bool:
    is_plain = filter_.operator is Operator.IS and "*" not in filter_.value and bool(filter_.value)
    is_pattern = filter_.dimension == PAGE and filter_.operator is Operator.MATCHES and "*" in filter_.value
    return filter_.dimension in REACHED_BY_LABELS and (is_plain or is_pattern)
