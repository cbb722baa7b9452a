"""Metric cards: value and change of each metric. A click shows the metric in the chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from proprium.figures import numbers
from proprium.figures.wording import change_text, change_tooltip
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.catalog.metrics import cards
from proprium.metrics.comparison import Change, change
from proprium.metrics.definitions import definition, title
from proprium.metrics.results import Dashboard, Metric
from proprium.ui import theme
from proprium.ui.components.controls import icon
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import set_prop, set_style, switch_class
from proprium.ui.dashboard.state import CUSTOM_PREFIX

GOAL_CARD_KEYS = tuple(metric.value for metric in cards(has_goals=True) if metric.spec.needs_goals)


# One listener for all cards: emits the pressed card, or the card to explain (info button or key I).
EMIT_CARD = """(event) => {
    const card = event.target.closest('button[data-value], button[data-why]');
    if (card) emit([card.dataset.value ?? '', card.dataset.why ?? '']);
}"""
EMIT_KEY_I = """(event) => {
    const card = event.target.closest('button[data-value]');
    if (card && event.key.toLowerCase() === 'i' && !event.ctrlKey && !event.metaKey) emit(['', card.dataset.value]);
}"""


# Quasar's tooltips know the mouse only.
SHOW_TOOLTIP = """(event) => {
    const card = event.target.closest('button[data-tooltip]');
    if (card?.matches(':focus-visible')) getElement(card.dataset.tooltip)?.show();
}"""
HIDE_TOOLTIP = """(event) => {
    const card = event.target.closest('button[data-tooltip]');
    if (card) getElement(card.dataset.tooltip)?.hide();
}"""


@dataclass
class _MetricCard:
    box: Element
    button: Element
    label: TextElement
    value: TextElement
    delta: TextElement
    tooltip: ui.tooltip


class MetricCards:
    """All metric cards, custom cards last."""

    def __init__(self, on_metric: Callable[[str], None], on_explain: Callable[[str], Any]) -> None:
        """`on_explain` is called with the key of a card."""
        self._on_metric, self._on_explain = on_metric, on_explain
        self._cards: dict[str, _MetricCard] = {}
        self.box = ui.element("div").classes(f"{theme.KPIS} headline").props('role="group"')
        self.box.props["aria-label"] = _("Metrics")
        self.box.on("click", self._on_press, js_handler=EMIT_CARD)
        self.box.on("keydown", self._on_press, js_handler=EMIT_KEY_I)
        self.box.on("focusin", js_handler=SHOW_TOOLTIP)
        self.box.on("focusout", js_handler=HIDE_TOOLTIP)
        with self.box:
            for metric in cards(has_goals=True):
                self._cards[metric.value] = _build_card(metric.value, _(metric.spec.title))

    def set_custom_cards(self, event_names: tuple[str, ...], *, has_goals: bool) -> None:
        """Adds and removes custom cards; those that stay keep their place and value. Goal cards need goals."""
        for key in GOAL_CARD_KEYS:
            self._cards[key].box.set_visibility(has_goals)
        custom_keys = [CUSTOM_PREFIX + name for name in event_names]
        for key in [key for key in self._cards if key.startswith(CUSTOM_PREFIX) and key not in custom_keys]:
            self._cards.pop(key).box.delete()
        with self.box:
            for key in custom_keys:
                if key not in self._cards:
                    self._cards[key] = _build_card(key, key.removeprefix(CUSTOM_PREFIX))
        # 7, 6 or 5 columns, whichever leaves the fewest gaps. With more, the change does not fit.
        card_count = len(self._cards) - (0 if has_goals else len(GOAL_CARD_KEYS))
        set_style(self.box, "--columns", str(min((7, 6, 5), key=lambda column_count: -card_count % column_count)))

    def set_active_metric(self, metric: str) -> None:
        for key, card in self._cards.items():
            switch_class(card.button, theme.ON, key == metric)
            set_prop(card.button, "aria-pressed", "true" if key == metric else "false")

    def show(self, dashboard: Dashboard) -> None:
        totals, previous, is_comparable = dashboard.totals, dashboard.previous, dashboard.is_comparable
        for metric in cards(has_goals=True):
            delta, change_note = None, ""
            if previous:
                delta = change(totals.value(metric), previous.value(metric), metric, is_comparable=is_comparable)
                change_note = change_tooltip(delta, numbers.format_metric_exact(metric, previous.value(metric)))
            value = numbers.format_metric(metric, totals.value(metric))
            tooltip = _(
                "{value} · {definition}",
                value=numbers.format_metric_exact(metric, totals.value(metric)),
                definition=definition(metric, dashboard.query.limits, totals),
            )
            if (mean := totals.means.get(metric)) is not None:
                mean_text = numbers.format_metric_exact(metric, mean)
                tooltip = _("{definition} Mean: {mean}.", definition=tooltip, mean=mean_text)
            tooltip = f"{tooltip}\n{change_note}" if change_note else tooltip
            _draw_card(self._cards[metric.value], value, delta, tooltip)
        for name, count in totals.custom.items():
            if card := self._cards.get(CUSTOM_PREFIX + name):
                delta, change_note = None, ""
                if previous:
                    previous_count = previous.custom.get(name, 0)
                    delta = change(count, previous_count, Metric.EVENTS, is_comparable=is_comparable)
                    change_note = change_tooltip(delta, numbers.exact(previous_count))
                tooltip = ngettext("{count} event named “{name}”", "{count} events named “{name}”", count, name=name)
                tooltip = f"{tooltip}\n{change_note}" if change_note else tooltip
                _draw_card(card, numbers.short(count), delta, tooltip)
        # Sums of daily visitors count people repeatedly, so they are labelled.
        self._cards[Metric.VISITORS.value].label.set_text(title(Metric.VISITORS, totals))
        for key in GOAL_CARD_KEYS:
            goal_title = _(Metric(key).spec.title)
            if dashboard.query.goal:
                goal_title = _("{metric}: {goal}", metric=goal_title, goal=dashboard.query.goal)
            self._cards[key].label.set_text(goal_title)

    async def _on_press(self, event: GenericEventArguments) -> None:
        metric_key, explain_key = event.args
        if metric_key:
            self._on_metric(metric_key)
        elif isawaitable(result := self._on_explain(explain_key)):
            await result


def _build_card(key: str, label: str) -> _MetricCard:
    with ui.element("div").classes("kpibox") as box:
        with ui.element("button").classes(theme.KPI).props('type="button"') as button:
            button.props["data-value"] = key
            label_element = span(label, "l")
            with ui.element("span").classes("n"):
                value = span("", "v wait")
                delta = span("", theme.DELTA)
            delta.set_visibility(False)
            # Above the card: below it, the tooltip would cover the next row of cards or the chart.
            # It is wide, so that it is flat enough for the space above the first row.
            tooltip = ui.tooltip("").classes("cardtip")
            tooltip.props('delay=350 max-width=520px anchor="top middle" self="bottom middle" :offset="[0, 4]"')
            button.props["data-tooltip"] = str(tooltip.id)
        if not key.startswith(CUSTOM_PREFIX):
            with ui.element("button").classes("why").props('type="button"') as explain_button:
                explain_button.props["data-why"] = key
                explain_button.props["aria-label"] = _("{metric}: explain this metric", metric=label)
                icon("info", "small")
    return _MetricCard(box, button, label_element, value, delta, tooltip)


def _draw_card(card: _MetricCard, value: str, delta: Change | None, tooltip: str) -> None:
    card.value.set_text(value)
    switch_class(card.value, "wait", False)
    card.tooltip.set_text(tooltip)
    card.delta.set_visibility(delta is not None)
    if delta is not None:
        card.delta.set_text(change_text(delta))
        switch_class(card.delta, "up", delta.is_good is True)
        switch_class(card.delta, "down", delta.is_good is False)
