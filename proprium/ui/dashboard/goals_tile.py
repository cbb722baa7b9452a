"""Goals tile: conversions and conversion rate of each goal."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.figures.wording import all_filters_text, change_text, change_tooltip
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.comparison import change
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.query import Goal
from proprium.metrics.results import Dashboard, Metric
from proprium.ui import theme
from proprium.ui.components.controls import icon, link_button
from proprium.ui.components.feedback import empty_state, skeleton
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import set_prop, set_style, switch_class
from proprium.ui.dashboard.ranked_list import ColumnHead
from proprium.ui.dashboard.row_links import RowLinks

NO_GOALS_HELP = N_(
    "Track a page (/thanks) or an event (sign_up) as a conversion."
    " A visit that reaches a goal is counted once for this goal."
)
# As dom.EMIT_PRESSED_ROW, for rows and the buttons beside them.
EMIT_GOAL = """(event) => {
    const pressed = event.target.closest('[data-value], [data-aim]');
    if (!pressed || (pressed.href && (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey))) return;
    event.preventDefault();
    if (getSelection().isCollapsed) emit([pressed.dataset.value ?? '', pressed.dataset.aim ?? '']);
}"""


@dataclass
class _GoalRow:
    box: Element
    link: Element
    bar: Element
    count: TextElement
    rate: TextElement
    delta: TextElement
    focus_button: Element


class GoalsTile:
    """Lists the goals. A row filters the dashboard by the goal; its target button limits cards and chart to it."""

    def __init__(
        self,
        goals: tuple[Goal, ...],
        on_goal: Callable[[Goal], None],
        on_focus: Callable[[str], None],
        *,
        links: RowLinks,
        data_access: DataAccess,
        settings_url: str = "",
    ) -> None:
        """`settings_url`: where goals are defined; "" for users who cannot edit the property.

        Of a goal with private data keys, readers see only the name and the numbers.
        """
        self._goals, self._on_goal, self._on_focus, self._focused_goal = goals, on_goal, on_focus, ""
        self._links, self._data_access = links, data_access
        self._linked_state: Hashable = None
        with panel(_("Goals"), body_classes=f"{theme.ROWS} goals") as box:
            self._message = ui.label("").classes("missing")
            self._message.set_visibility(False)
            if not goals:
                with empty_state(_("No goals yet"), _(NO_GOALS_HELP), "target"):
                    if settings_url:
                        link_button(_("Define a goal"), settings_url, "plus")
            self._head = ColumnHead()
            self._head.box.classes("wide")
            self._head.show(_("Goal"), _(Metric.CONVERSIONS.spec.title), _("Rate"), _("Share of all sessions"))
            self._skeletons = [skeleton(34) for _ in goals[:3]]
            self._goal_rows = [_build_row(index, goal, data_access) for index, goal in enumerate(goals)]
        box.body.on("click", self._on_press, js_handler=EMIT_GOAL)
        with box.head:
            if goals and settings_url:
                link_button("", settings_url, "pencil", kind=f"{theme.BARE} expand", name=_("Edit goals"))

    def set_active_goal(self, goal_name: str) -> None:
        self._focused_goal = goal_name
        for row, goal in zip(self._goal_rows, self._goals, strict=True):
            set_prop(row.focus_button, "aria-pressed", "true" if goal.name == goal_name else "false")
            switch_class(row.box, theme.ON, goal.name == goal_name)

    def show(self, dashboard: Dashboard) -> None:
        self._remove_skeletons()
        self._head.box.set_visibility(bool(self._goals))
        self._draw_links()
        counts, previous_counts = dashboard.totals.goals, dashboard.previous.goals if dashboard.previous else {}
        is_comparable = dashboard.is_comparable
        max_count = max(counts.values(), default=0) or 1
        for row, goal in zip(self._goal_rows, self._goals, strict=True):
            count = counts.get(goal.name, 0)
            row.box.set_visibility(True)
            set_style(row.bar, "width", f"{max(1.5, 100 * count / max_count):.1f}%")
            row.count.set_text(numbers.short(count))
            rate_percent = 100 * count / dashboard.totals.sessions if dashboard.totals.sessions else None
            row.rate.set_text(numbers.format_metric(Metric.CONVERSION_RATE, rate_percent))
            previous = previous_counts.get(goal.name)
            delta = None
            if dashboard.previous:
                delta = change(count, previous, Metric.CONVERSIONS, is_comparable=is_comparable)
            row.delta.set_visibility(delta is not None)
            if delta:
                row.delta.set_text(change_text(delta))
                set_prop(row.delta, "title", change_tooltip(delta, numbers.exact(previous or 0)))
                switch_class(row.delta, "up", delta.is_good is True)
                switch_class(row.delta, "down", delta.is_good is False)

    def _draw_links(self) -> None:
        """Updates the URLs of the rows after a change of state; goals on private data have none."""
        if (state_key := self._links.key) == self._linked_state:
            return
        self._linked_state = state_key
        for row, goal in zip(self._goal_rows, self._goals, strict=True):
            if self._data_access.allows_all(goal.filters):
                set_prop(row.link, "href", self._links.filtered(*goal.filters))

    def fail(self, message: str) -> None:
        self._remove_skeletons()
        self._message.set_text(message)
        self._message.set_visibility(True)

    def _remove_skeletons(self) -> None:
        for placeholder in self._skeletons:
            placeholder.delete()
        self._skeletons.clear()
        self._message.set_visibility(False)

    def _on_press(self, event: object) -> None:
        filter_index, focus_index = getattr(event, "args", ["", ""])
        if filter_index:
            self._on_goal(self._goals[int(filter_index)])
        elif focus_index:
            name = self._goals[int(focus_index)].name
            self._on_focus("" if name == self._focused_goal else name)


def _build_row(index: int, goal: Goal, data_access: DataAccess) -> _GoalRow:
    is_open = data_access.allows_all(goal.filters)
    description = _("{goal}: {conditions}", goal=goal.name, conditions=all_filters_text(goal.filters))
    with ui.element("div").classes("goal") as box:
        with ui.element("a").classes(theme.ROW).props('draggable="false"') as link:
            link.props["data-value"] = str(index)
            link.props["title"] = description if is_open else goal.name
            switch_class(link, "still", not is_open)
            bar = ui.element("span").classes("b")
            span(goal.name, "n")
            delta = span("", theme.DELTA)
            count, rate = span("", "c"), span("", "p wide")
        with (
            ui.element("button").classes(f"{theme.BUTTON} {theme.BARE} only aim").props('type="button"') as focus_button
        ):
            focus_button.props["data-aim"] = str(index)
            focus_button.props["aria-label"] = _("Show only {goal}", goal=goal.name)
            focus_button.props["title"] = focus_button.props["aria-label"]
            icon("target", "small")
    box.set_visibility(False)
    return _GoalRow(box, link, bar, count, rate, delta, focus_button)
