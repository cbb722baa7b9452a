"""Goal editor of the settings page: lists, adds, edits and removes a property's goals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from proprium.errors import BadQuery
from proprium.figures.wording import all_filters_text
from proprium.i18n import N_
from proprium.i18n import gettext as _
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
REACHED_BY_LABELS = {EVENT: N_("Event"), PAGE: N_("Page view")}
VALUE_LABELS = {EVENT: N_("Event name"), PAGE: N_("Page path")}
VALUE_EXAMPLES = {EVENT: "sign_up", PAGE: "/thanks*"}
HELP_TEXTS = {
    EVENT: N_("Case-sensitive: exactly as the event is sent."),
    PAGE: N_("* matches anything: /thanks* matches /thanks and /thanks/you."),
}
OPERATOR_LABELS = {
    Operator.IS.value: N_("is"),
    Operator.IS_NOT.value: N_("is not"),
    Operator.CONTAINS.value: N_("contains"),
    Operator.MATCHES.value: N_("matches"),
    Operator.IS_SET.value: N_("is set"),
}


class GoalEditor:
    """Goals panel; saves each change at once, independent of the settings form and its Save button."""

    def __init__(self, actions: PropertyActions, property_: Property) -> None:
        self._actions, self._property_id, self._goals = actions, property_.id, parse_goals(property_.goals)
        with panel(_("Goals"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "goals"
            self._list = ui.element("div").classes("stack tight")
        with box.head:
            button(_("Add goal"), "plus", on_click=lambda: self._open_dialog(None))
        self._draw()

    def _draw(self) -> None:
        self._list.clear()
        with self._list:
            if not self._goals:
                help_text = _("Track a page (/thanks) or an event (sign_up) as a conversion.")
                empty_state(_("No goals yet"), help_text, "target")
            for goal in self._goals:
                with ui.element("div").classes(f"{theme.LINE} goalline"):
                    with ui.element("div").classes("grow"):
                        span(goal.name, "strong cut")
                        span(all_filters_text(goal.filters), "mut small")
                    edit_button = button("", "pencil", kind=theme.BARE, name=_("Edit goal {name}", name=goal.name))
                    edit_button.on("click", partial(self._open_dialog, goal))
                    remove_button = button("", "trash", kind=theme.BARE, name=_("Remove goal {name}", name=goal.name))
                    remove_button.on("click", partial(self.remove, goal))

    def _open_dialog(self, goal: Goal | None) -> None:
        async def save(edited_goal: Goal) -> bool:
            goals = [edited_goal if other == goal else other for other in self._goals]
            return await self._save(goals if goal in self._goals else [*self._goals, edited_goal])

        _GoalDialog(goal, save).open()

    async def remove(self, goal: Goal) -> None:
        if await self._save([other for other in self._goals if other != goal]):
            toast(_("Goal {name} removed.", name=goal.name))

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
        with dialog(_("Edit goal") if self._goal else _("Add goal")) as self._dialog:
            name = self._goal.name if self._goal else ""
            self._name_input = text_input(_("Name"), value=name, placeholder=_("Sign-up"), autofocus=True)
            kind = PAGE if main_filter and main_filter.dimension == PAGE else EVENT
            kind_labels = {key: _(label) for key, label in REACHED_BY_LABELS.items()}
            self._kind_select = select(_("Trigger"), kind_labels, kind)
            with ui.element("div").classes(theme.FIELD):
                self._value_label = ui.label("").classes("lab")
                self._value_input = ui.input(value=main_filter.value if main_filter else "")
                self._value_input.props("outlined dense hide-bottom-space")
            self._help_label = ui.label("").classes("mut small")
            self._conditions_box = ui.element("div").classes("stack tight")
            if self._other_filters:
                conditions = all_filters_text(self._other_filters)
                ui.label(_("And {conditions}", conditions=conditions)).classes("mut small")
            add_button = button(_("Add data condition"), "plus", kind=theme.BARE)
            add_button.on("click", lambda: self._add_condition(None)).style("align-self: flex-start")
            self._error_label = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=self._dialog.close)
                button(_("Save"), "check", kind=theme.PRIMARY, on_click=self._submit)
        for filter_ in data_filters:
            self._add_condition(filter_)
        self._kind_select.on_value_change(self._update_help)
        self._value_input.on("keydown.enter", self._submit)
        self._update_help()
        self._dialog.open()

    def _update_help(self) -> None:
        kind = str(self._kind_select.value)
        self._help_label.set_text(_(HELP_TEXTS[kind]))
        self._value_input.props["placeholder"] = VALUE_EXAMPLES[kind]
        self._value_input.props["aria-label"] = _(VALUE_LABELS[kind])
        self._value_label.set_text(_(VALUE_LABELS[kind]))

    def _add_condition(self, filter_: Filter | None) -> None:
        with self._conditions_box, ui.element("div").classes(f"{theme.LINE} wraps condition") as box:
            key = ui.input(value=filter_.data_key or "" if filter_ else "", placeholder="plan")
            labels = {key: _(label) for key, label in OPERATOR_LABELS.items()}
            operator_key = filter_.operator.value if filter_ else Operator.IS.value
            operator = compact_select(_("Operator"), labels, operator_key)
            value = ui.input(value=filter_.value if filter_ else "", placeholder="pro")
            remove_button = button("", "close", kind=theme.BARE, name=_("Remove this condition"))
        for field, label in ((key, _("Data key")), (value, _("Data value"))):
            field.props("outlined dense hide-bottom-space").props["aria-label"] = label
        condition = _DataCondition(box, key, operator, value)
        self._conditions.append(condition)
        operator.on_value_change(lambda event: value.set_visibility(event.value != Operator.IS_SET.value))

        def remove() -> None:
            self._conditions.remove(condition)
            box.delete()

        remove_button.on("click", remove)

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
            raise BadQuery(_("A goal needs a name."))
        if not text and not self._other_filters:
            kind = str(self._kind_select.value)
            message = _(
                "{field} is missing. Enter one such as {example}.",
                field=_(VALUE_LABELS[kind]),
                example=VALUE_EXAMPLES[kind],
            )
            raise BadQuery(message)
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
    main_filter = None
    for filter_ in filters:
        is_plain = filter_.operator is Operator.IS and "*" not in filter_.value and bool(filter_.value)
        is_pattern = filter_.dimension == PAGE and filter_.operator is Operator.MATCHES and "*" in filter_.value
        if filter_.dimension in REACHED_BY_LABELS and (is_plain or is_pattern):
            main_filter = filter_
            break
    data_filters = [filter_ for filter_ in filters if filter_.data_key and filter_.operator.value in OPERATOR_LABELS]
    return (
        main_filter,
        data_filters,
        [filter_ for filter_ in filters if filter_ is not main_filter and filter_ not in data_filters],
    )
