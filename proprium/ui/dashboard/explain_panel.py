"""Explain panel of a metric: definition, period, filter funnel, excluded hits and SQL."""

from __future__ import annotations

import asyncio
from collections import Counter

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.figures import numbers
from proprium.figures.names import NameLookup
from proprium.metrics.explain import ExcludedHits, Explanation, FunnelStep, explain
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric
from proprium.storage import rejected_events
from proprium.ui import theme
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import error_note, skeleton
from proprium.ui.components.panels import code
from proprium.ui.components.text import span, text
from proprium.ui.dashboard.table_columns import count_text
from proprium.ui.services import Services


class ExplainPanel:
    """Opens the panel at once and fills it when the query has finished."""

    def __init__(self, services: Services, property_number: int, name_of: NameLookup, *, can_edit: bool) -> None:
        """With `can_edit`, the panel also counts rejected events."""
        self._services, self._property_number, self._name_of, self._can_edit = (
            services,
            property_number,
            name_of,
            can_edit,
        )

    async def open(self, query: Query, metric: Metric) -> None:
        """`query` is the one on the screen."""
        title = numbers.METRIC_TITLES[metric]
        title = f"How {title[0].lower()}{title[1:]} {'are' if title.endswith('s') else 'is'} calculated"
        with dialog(title, size="side") as box, ui.element("div").classes("stack wide whybody") as body:
            for height in (64, 120, 200):
                skeleton(height)
        box.open()
        explanation = await asyncio.to_thread(self._compute, query, metric)
        if box.is_deleted:
            return
        body.clear()
        with body:
            error_note(explanation) if isinstance(explanation, str) else _draw(explanation)

    def _compute(self, query: Query, metric: Metric) -> Explanation | str:
        """Returns the explanation, or the text of an error."""
        try:
            return explain(
                self._services.warehouse,
                query,
                metric,
                rejected_counts=self._rejected_counts(query),
                name_of=self._name_of,
            )
        except UserFacingError as error:
            return str(error)

    def _rejected_counts(self, query: Query) -> dict[str, int]:
        if not self._can_edit:
            return {}
        rejected_rows = rejected_events.newest(self._services.database, self._property_number)
        return dict(Counter(row.reason for row in rejected_rows if query.period.contains(row.at)))


def _draw(explanation: Explanation) -> None:
    with ui.element("div"):
        ui.label(numbers.format_metric_exact(explanation.metric, explanation.value)).classes("whynumber num")
        ui.label(explanation.definition)
    _heading("Period")
    with ui.element("dl").classes("facts"):
        for label, value in explanation.window:
            with ui.element("div"):
                text("dt", label)
                text("dd", value)
    if explanation.steps:
        _heading("Included")
        _funnel(explanation.steps)
    if explanation.left_out:
        _heading("Excluded")
        for exclusion in explanation.left_out:
            _draw_exclusion(exclusion)
    if explanation.sql:
        with ui.element("details").classes("sql"):
            text("summary", "View as SQL")
            code(explanation.sql, name="SQL")


def _heading(title: str) -> None:
    text("h3", title)


def _funnel(steps: tuple[FunnelStep, ...]) -> None:
    """Draws the steps with bars in proportion to the largest step's hits."""
    max_hits = max(step.hits for step in steps) or 1
    with ui.element("ol").classes("funnel"):
        for step in steps:
            with ui.element("li"):
                with ui.element("div").classes(theme.LINE):
                    span(step.label, "grow")
                    span(count_text(step.hits, "hits"), "num strong")
                with ui.element("div").classes("track"):
                    ui.element("span").style(f"width: {100 * step.hits / max_hits:.1f}%")
                span(count_text(step.sessions, "sessions"), "mut small num")


def _draw_exclusion(exclusion: ExcludedHits) -> None:
    with ui.element("div").classes("leftout"):
        with ui.element("div").classes(theme.LINE):
            span(exclusion.reason, "grow")
            span(numbers.exact(exclusion.count), "num strong")
        span(exclusion.explanation, "mut small")
