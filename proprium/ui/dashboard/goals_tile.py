"""The goals of a property: how often each was reached, and which one the conversion cards are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.metrics.comparison import change
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.query import Goal
from proprium.metrics.results import Dashboard, Metric
from proprium.ui import theme
from proprium.ui.components.controls import icon, link_button
from proprium.ui.components.feedback import empty, skeleton
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import set_prop, set_style, switch_class

HOW = (
    "A goal is a page that is reached or an event that is sent, such as /thanks or sign_up."
    " Each visit that does it counts as a conversion."
)
EMIT_GOAL = """(event) => {
    const pressed = event.target.closest('button[data-value], button[data-aim]');
    if (pressed) emit([pressed.dataset.value ?? '', pressed.dataset.aim ?? '']);
}"""


@dataclass
class _Line:
    box: Element
    button: Element
    bar: Element
    count: TextElement
    rate: TextElement
    delta: TextElement
    aim: Element


class Goals:
    """A row filters the page by what the goal asks for; the sign beside it makes the cards be about this goal."""

    def __init__(
        self,
        goals: tuple[Goal, ...],
        on_goal: Callable[[Goal], None],
        on_aim: Callable[[str], None],
        *,
        data_access: DataAccess,
        settings: str = "",
    ) -> None:
        """`settings`: where goals are defined; "" for those who may not.

        Of a goal on data that is not public a reader sees the name and the numbers.
        """
        self._goals, self._on_goal, self._on_aim, self._aimed = goals, on_goal, on_aim, ""
        with panel("Goals", body=f"{theme.ROWS} goals") as box:
            self._message = ui.label("").classes("missing")
            self._message.set_visibility(False)
            if not goals:
                self._explain(settings)
            self._waiting = [skeleton(34) for _ in goals[:3]]
            self._lines = [_line(index, goal, data_access) for index, goal in enumerate(goals)]
        box.body.on("click", self._press, js_handler=EMIT_GOAL)
        with box.head:
            if goals:
                span("visits · rate", "s end cut")
            if goals and settings:
                link_button("", settings, "pencil", kind=f"{theme.BARE} expand", name="Change the goals")

    def choose(self, goal: str) -> None:
        self._aimed = goal
        for line, each in zip(self._lines, self._goals, strict=True):
            set_prop(line.aim, "aria-pressed", "true" if each.name == goal else "false")
            switch_class(line.box, theme.ON, each.name == goal)

    def show(self, found: Dashboard) -> None:
        self._end_waiting()
        now, before = found.totals.goals, found.previous.goals if found.previous else {}
        most = max(now.values(), default=0) or 1
        for line, goal in zip(self._lines, self._goals, strict=True):
            reached = now.get(goal.name, 0)
            line.box.set_visibility(True)
            set_style(line.bar, "width", f"{max(1.5, 100 * reached / most):.1f}%")
            line.count.set_text(numbers.short(reached))
            rate = 100 * reached / found.totals.sessions if found.totals.sessions else None
            line.rate.set_text(numbers.of_metric(Metric.CONVERSION_RATE, rate))
            changed = change(reached, before.get(goal.name), Metric.CONVERSIONS) if found.previous else None
            line.delta.set_visibility(changed is not None)
            if changed:
                line.delta.set_text(changed.text)
                switch_class(line.delta, "up", changed.is_good is True)
                switch_class(line.delta, "down", changed.is_good is False)

    def fail(self, problem: str) -> None:
        self._end_waiting()
        self._message.set_text(problem)
        self._message.set_visibility(True)

    def _end_waiting(self) -> None:
        for waiting in self._waiting:
            waiting.delete()
        self._waiting.clear()
        self._message.set_visibility(False)

    def _explain(self, settings: str) -> None:
        with empty("No goal yet", HOW, "target"):
            if settings:
                link_button("Define a goal", settings, "plus")

    def _press(self, event: object) -> None:
        value, aim = getattr(event, "args", ["", ""])
        if value:
            self._on_goal(self._goals[int(value)])
        elif aim:
            name = self._goals[int(aim)].name
            self._on_aim("" if name == self._aimed else name)


def _line(index: int, goal: Goal, data_access: DataAccess) -> _Line:
    is_open = data_access.allows_all(goal.filters)
    conditions = " and ".join(wanted.label() for wanted in goal.filters)
    with ui.element("div").classes("goal") as box:
        with ui.element("button").classes(theme.ROW).props('type="button"') as row:
            row.props["data-value"] = str(index)
            row.props["title"] = f"{goal.name}: {conditions}" if is_open else goal.name
            switch_class(row, "still", not is_open)
            bar = ui.element("span").classes("b")
            span(goal.name, "n")
            delta = span("", theme.DELTA)
            count, rate = span("", "c"), span("", "p wide")
        with ui.element("button").classes(f"{theme.BUTTON} {theme.BARE} only aim").props('type="button"') as aim:
            aim.props["data-aim"] = str(index)
            aim.props["aria-label"] = f"Cards and chart about {goal.name} alone"
            aim.props["title"] = aim.props["aria-label"]
            icon("target", "small")
    box.set_visibility(False)
    return _Line(box, row, bar, count, rate, delta, aim)
