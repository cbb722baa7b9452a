"""The metric cards: each shows a number and its change, and switches the chart to itself."""

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
from proprium.metrics.comparison import Change, change
from proprium.metrics.definitions import DAILY_VISITORS, DEFINITIONS
from proprium.metrics.results import Dashboard, Metric, Totals
from proprium.ui import theme
from proprium.ui.components.controls import icon
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import set_prop, set_style, switch_class
from proprium.ui.dashboard.state import CUSTOM

GOALS = tuple(metric.value for metric in numbers.cards(has_goals=True) if metric in numbers.OF_GOALS)


# One listener for all: which card was pressed, or whose "why". On a card the key I asks the same.
EMIT_CARD = """(event) => {
    const card = event.target.closest('button[data-value], button[data-why]');
    if (card) emit([card.dataset.value ?? '', card.dataset.why ?? '']);
}"""
EMIT_KEY_I = """(event) => {
    const card = event.target.closest('button[data-value]');
    if (card && event.key.toLowerCase() === 'i' && !event.ctrlKey && !event.metaKey) emit(['', card.dataset.value]);
}"""


@dataclass
class _Card:
    box: Element
    button: Element
    label: TextElement
    value: TextElement
    delta: TextElement
    tip: ui.tooltip


class Headline:
    """All cards, the property's custom ones last."""

    def __init__(self, on_metric: Callable[[str], None], on_why: Callable[[str], Any]) -> None:
        """`on_why` is told whose number somebody wants to be explained."""
        self._on_metric, self._on_why = on_metric, on_why
        self._cards: dict[str, _Card] = {}
        self.box = ui.element("div").classes(f"{theme.KPIS} headline").props('role="group" aria-label="Metrics"')
        self.box.on("click", self._press, js_handler=EMIT_CARD)
        self.box.on("keydown", self._press, js_handler=EMIT_KEY_I)
        with self.box:
            for metric in numbers.cards(has_goals=True):
                self._cards[metric.value] = _card(metric.value, numbers.TITLES[metric])

    def offer(self, custom: tuple[str, ...], *, has_goals: bool) -> None:
        """Makes the custom cards these; one that stays keeps its place and its number."""
        for key in GOALS:
            self._cards[key].box.set_visibility(has_goals)
        wanted = [CUSTOM + name for name in custom]
        for key in [key for key in self._cards if key.startswith(CUSTOM) and key not in wanted]:
            self._cards.pop(key).box.delete()
        with self.box:
            for key in wanted:
                if key not in self._cards:
                    self._cards[key] = _card(key, key.removeprefix(CUSTOM))
        set_style(self.box, "--columns", str(_columns(len(self._cards) - (0 if has_goals else len(GOALS)))))

    def choose(self, metric: str) -> None:
        for key, card in self._cards.items():
            switch_class(card.button, theme.ON, key == metric)
            set_prop(card.button, "aria-pressed", "true" if key == metric else "false")

    def show(self, dashboard: Dashboard) -> None:
        now, before = dashboard.totals, dashboard.previous
        for metric in numbers.cards(has_goals=True):
            changed = change(now.value(metric), before.value(metric), metric) if before else None
            value = numbers.of_metric(metric, now.value(metric))
            _draw(self._cards[metric.value], value, changed, _tip(metric, now))
        for name, count in now.custom.items():
            if card := self._cards.get(CUSTOM + name):
                changed = change(count, before.custom.get(name, 0), Metric.EVENTS) if before else None
                _draw(card, numbers.short(count), changed, f"{numbers.exact(count)} · The event “{name}”.")
        # A sum of days is never shown as if it were a number of different people.
        self._cards[Metric.VISITORS.value].label.set_text("Daily visitors" if now.daily_visitors else "Visitors")
        for key in GOALS:
            title = numbers.TITLES[Metric(key)]
            self._cards[key].label.set_text(f"{title}: {dashboard.query.goal}" if dashboard.query.goal else title)

    async def _press(self, event: GenericEventArguments) -> None:
        pressed, why = event.args
        if pressed:
            self._on_metric(pressed)
        elif isawaitable(asked := self._on_why(why)):
            await asked


def _columns(cards: int) -> int:
    """Rows of seven, six or five: whichever leaves the fewest gaps. In narrower ones a change does not fit."""
    return min((7, 6, 5), key=lambda columns: -cards % columns)


def _card(key: str, label: str) -> _Card:
    with ui.element("div").classes("kpibox") as box:
        with ui.element("button").classes(theme.KPI).props('type="button"') as button:
            button.props["data-value"] = key
            name = span(label, "l")
            with ui.element("span").classes("n"):
                value = span("", "v wait")
                delta = span("", theme.DELTA)
            delta.set_visibility(False)
            tip = ui.tooltip("").props("delay=350 max-width=280px")
        if not key.startswith(CUSTOM):
            _why_button(key, label)
    return _Card(box, button, name, value, delta, tip)


def _why_button(key: str, label: str) -> None:
    with ui.element("button").classes("why").props('type="button"') as why:
        why.props["data-why"] = key
        why.props["aria-label"] = f"{label}: why this number"
        icon("info", "small")


def _draw(card: _Card, value: str, changed: Change | None, tip: str) -> None:
    card.value.set_text(value)
    switch_class(card.value, "wait", False)
    card.tip.set_text(tip)
    card.delta.set_visibility(changed is not None)
    if changed is not None:
        card.delta.set_text(changed.text)
        switch_class(card.delta, "up", changed.is_good is True)
        switch_class(card.delta, "down", changed.is_good is False)


def _tip(metric: Metric, totals: Totals) -> str:
    exact = numbers.exact_of_metric(metric, totals.value(metric))
    text = DAILY_VISITORS if metric is Metric.VISITORS and totals.daily_visitors else DEFINITIONS[metric]
    if metric is Metric.VISIT_DURATION and totals.visit_duration_mean is not None:
        text += f" Mean: {numbers.duration(totals.visit_duration_mean)}."
    return f"{exact} · {text}"
