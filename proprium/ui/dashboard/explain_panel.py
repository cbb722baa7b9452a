"""Why a number is what it is: a panel with its definition, its window, what was filtered, left out, and the SQL."""

from __future__ import annotations

import asyncio
from collections import Counter

from nicegui import ui

from proprium.errors import ProblemForReader
from proprium.figures import numbers
from proprium.figures.names import NameOf
from proprium.metrics.explain import LeftOut, Step, Why, why
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric
from proprium.storage import rejected_events
from proprium.ui import theme
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import problem, skeleton
from proprium.ui.components.panels import code
from proprium.ui.components.text import span, words
from proprium.ui.services import Services


class Explainer:
    """Opens the panel at once and fills it when the numbers are there."""

    def __init__(self, services: Services, property_number: int, name: NameOf, *, can_edit: bool) -> None:
        """What was refused at the door is told to those who may see the list of it."""
        self._services, self._number, self._name, self._can_edit = services, property_number, name, can_edit

    async def explain(self, query: Query, metric: Metric) -> None:
        """`query` is the one on the screen."""
        title = f"Why: {numbers.TITLES[metric]}"
        with dialog(title, size="side") as box, ui.element("div").classes("stack wide whybody") as body:
            for height in (64, 120, 200):
                skeleton(height)
        box.open()
        found = await asyncio.to_thread(self._ask, query, metric)
        if box.is_deleted:
            return
        body.clear()
        with body:
            problem(found) if isinstance(found, str) else _draw(found)

    def _ask(self, query: Query, metric: Metric) -> Why | str:
        """Or the sentence that says why there is none."""
        try:
            return why(self._services.warehouse, query, metric, refused=self._refused(query), name_of=self._name)
        except ProblemForReader as trouble:
            return str(trouble)

    def _refused(self, query: Query) -> dict[str, int]:
        if not self._can_edit:
            return {}
        every = rejected_events.newest(self._services.database, self._number)
        return dict(Counter(each.reason for each in every if query.period.contains(each.at)))


def _draw(found: Why) -> None:
    with ui.element("div"):
        ui.label(numbers.exact_of_metric(found.metric, found.number)).classes("whynumber num")
        ui.label(found.definition)
    _section("Window")
    with ui.element("dl").classes("facts"):
        for what, text in found.window:
            with ui.element("div"):
                words("dt", what)
                words("dd", text)
    if found.steps:
        _section("What was counted")
        _funnel(found.steps)
    if found.left_out:
        _section("What was left out")
        for each in found.left_out:
            _left_out(each)
    if found.sql:
        with ui.element("details").classes("sql"):
            words("summary", "The question as SQL")
            code(found.sql, name="SQL")


def _section(title: str) -> None:
    words("h3", title)


def _funnel(steps: tuple[Step, ...]) -> None:
    """Each step's hits as a bar of the first one's."""
    most = max(step.hits for step in steps) or 1
    with ui.element("ol").classes("funnel"):
        for step in steps:
            with ui.element("li"):
                with ui.element("div").classes(theme.LINE):
                    span(step.label, "grow")
                    span(f"{numbers.exact(step.hits)} {_many('hit', step.hits)}", "num strong")
                with ui.element("div").classes("track"):
                    ui.element("span").style(f"width: {100 * step.hits / most:.1f}%")
                span(f"{numbers.exact(step.sessions)} {_many('session', step.sessions)}", "mut small num")


def _left_out(each: LeftOut) -> None:
    with ui.element("div").classes("leftout"):
        with ui.element("div").classes(theme.LINE):
            span(each.reason, "grow")
            span(numbers.exact(each.count), "num strong")
        span(each.why, "mut small")


def _many(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
