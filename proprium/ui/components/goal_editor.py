"""The goals of a property on its settings page: listed, defined, changed, removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from proprium.errors import BadQuery
from proprium.metrics.query.filters import DATA_PREFIX, Filter, Operator
from proprium.metrics.query.goals import goal, goals_of, kept
from proprium.metrics.query.query import Goal
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import empty, tell
from proprium.ui.components.fields import bare_select, select, text_input
from proprium.ui.components.panels import panel
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.text import span

EVENT, PAGE = "event", "page"
REACHED_BY = {EVENT: "An event is sent", PAGE: "A page is viewed"}
VALUE_LABELS = {EVENT: "Name of the event", PAGE: "Path of the page"}
EXAMPLES = {EVENT: "sign_up", PAGE: "/thanks*"}
WHY = {
    EVENT: "As it is sent, in upper and lower case.",
    PAGE: "* stands for anything: /thanks* is reached by /thanks and /thanks/you.",
}
OPERATORS = {
    Operator.IS.value: "is",
    Operator.IS_NOT.value: "is not",
    Operator.CONTAINS.value: "contains",
    Operator.MATCHES.value: "matches",
    Operator.IS_SET.value: "is set",
}


class GoalEditor:
    """Saved at once, beside the form below: a goal is a thing of its own."""

    def __init__(self, actions: Actions, found: Property) -> None:
        self._actions, self._id, self._goals = actions, found.id, goals_of(found.goals)
        with panel("Goals", body=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "goals"
            self._list = ui.element("div").classes("stack tight")
        with box.head:
            button("Define a goal", "plus", on_click=lambda: self._ask(None))
        self._draw()

    def _draw(self) -> None:
        self._list.clear()
        with self._list:
            for each in self._goals:
                self._line(each)
            if not self._goals:
                empty("No goal yet", "What visits are for: a sign-up, an order, a page that says thanks.", "target")

    def _line(self, each: Goal) -> None:
        with ui.element("div").classes(f"{theme.LINE} goalline"):
            with ui.element("div").classes("grow"):
                span(each.name, "strong cut")
                span(" and ".join(wanted.label() for wanted in each.filters), "mut small")
            edit = button("", "pencil", kind=theme.BARE, name=f"Change the goal {each.name}")
            edit.on("click", lambda: self._ask(each))
            away = button("", "trash", kind=theme.BARE, name=f"Remove the goal {each.name}")
            away.on("click", lambda: self._remove(each))

    def _ask(self, given: Goal | None) -> None:
        _GoalDialog(given, lambda wanted: self._put(given, wanted)).open()

    async def _put(self, given: Goal | None, wanted: Goal) -> bool:
        """In the place of the one that was changed."""
        listed = [wanted if each == given else each for each in self._goals]
        return await self._keep(listed if given in self._goals else [*self._goals, wanted])

    async def _remove(self, each: Goal) -> None:
        if await self._keep([other for other in self._goals if other != each]):
            tell(f"{each.name} is no goal any more.")

    async def _keep(self, wanted: list[Goal]) -> bool:
        saved = await self._actions.update(self._id, goals=[kept(each) for each in wanted])
        if saved is None:
            return False
        self._goals = goals_of(saved.goals)
        self._draw()
        return True


@dataclass
class _Condition:
    """A further one, on data.<key>."""

    box: ui.element
    key: ui.input
    operator: ui.select
    value: ui.input

    def filter(self) -> Filter:
        operator = Operator(self.operator.value)
        values = () if operator is Operator.IS_SET else ((self.value.value or "").strip(),)
        return Filter(DATA_PREFIX + (self.key.value or "").strip(), operator, values)


class _GoalDialog:
    def __init__(self, given: Goal | None, on_save: Callable[[Goal], Awaitable[bool]]) -> None:
        self._given, self._on_save = given, on_save
        self._conditions: list[_Condition] = []

    def open(self) -> None:
        first, rest, self._others = _split(self._given)
        with dialog("Change the goal" if self._given else "Define a goal") as self._box:
            name = self._given.name if self._given else ""
            self._name = text_input("Name", value=name, placeholder="Sign-up", autofocus=True)
            kind = PAGE if first and first.dimension == PAGE else EVENT
            self._kind = select("It is reached when", REACHED_BY, kind)
            self._value = text_input(VALUE_LABELS[kind], value=first.value if first else "")
            self._why = ui.label("").classes("mut small")
            self._more = ui.element("div").classes("stack tight")
            if self._others:
                ui.label("And " + " and ".join(wanted.label() for wanted in self._others)).classes("mut small")
            button("And its data …", "plus", kind=theme.BARE, on_click=lambda: self._add(None)).style(
                "align-self: flex-start"
            )
            self._problem = ui.label("").classes("bad small").props('role="alert"')
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=self._box.close)
                button("Save", "check", kind=theme.PRIMARY, on_click=self._act)
        for wanted in rest:
            self._add(wanted)
        self._kind.on_value_change(self._follow)
        self._value.on("keydown.enter", self._act)
        self._follow()
        self._box.open()

    def _follow(self) -> None:
        kind = str(self._kind.value)
        self._why.set_text(WHY[kind])
        self._value.props["placeholder"] = EXAMPLES[kind]
        self._value.props["aria-label"] = VALUE_LABELS[kind]

    def _add(self, given: Filter | None) -> None:
        with self._more, ui.element("div").classes(f"{theme.LINE} wraps condition") as box:
            key = ui.input(value=given.data_key or "" if given else "", placeholder="plan")
            operator = bare_select("", OPERATORS, given.operator.value if given else Operator.IS.value)
            value = ui.input(value=given.value if given else "", placeholder="pro")
            away = button("", "close", kind=theme.BARE, name="Remove this condition")
        for field, label in ((key, "Key of data"), (value, "Value of data")):
            field.props("outlined dense hide-bottom-space").props["aria-label"] = label
        operator.props["aria-label"] = "How the value compares"
        condition = _Condition(box, key, operator, value)
        self._conditions.append(condition)
        operator.on_value_change(lambda event: value.set_visibility(event.value != Operator.IS_SET.value))
        away.on("click", lambda: self._drop(condition))

    def _drop(self, condition: _Condition) -> None:
        self._conditions.remove(condition)
        condition.box.delete()

    async def _act(self) -> None:
        try:
            wanted = self._read()
        except BadQuery as problem:
            self._problem.set_text(str(problem))
            return
        if await self._on_save(wanted):
            self._box.close()

    def _read(self) -> Goal:
        """Raises BadQuery with what is missing."""
        name, text = (self._name.value or "").strip(), (self._value.value or "").strip()
        if not name:
            raise BadQuery("A goal needs a name.")
        if not text and not self._others:
            kind = str(self._kind.value)
            raise BadQuery(f"{VALUE_LABELS[kind]} is missing. Write one like {EXAMPLES[kind]}.")
        is_pattern = self._kind.value == PAGE and "*" in text
        first = Filter(str(self._kind.value), Operator.MATCHES if is_pattern else Operator.IS, (text,))
        asked = [*([first] if text else []), *(each.filter() for each in self._conditions), *self._others]
        return goal(name, [wanted.to_text() for wanted in asked])


def _split(given: Goal | None) -> tuple[Filter | None, list[Filter], list[Filter]]:
    """The condition on the event or page, those on data, and others that a program set: these are kept as they are."""
    filters = list(given.filters) if given else []
    first = next((wanted for wanted in filters if _is_first(wanted)), None)
    on_data = [wanted for wanted in filters if wanted.data_key and wanted.operator.value in OPERATORS]
    return first, on_data, [wanted for wanted in filters if wanted is not first and wanted not in on_data]


def _is_first(wanted: Filter) -> bool:
    is_plain = wanted.operator is Operator.IS and "*" not in wanted.value and bool(wanted.value)
    is_pattern = wanted.dimension == PAGE and wanted.operator is Operator.MATCHES and "*" in wanted.value
    return wanted.dimension in REACHED_BY and (is_plain or is_pattern)
