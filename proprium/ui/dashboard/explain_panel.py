"""Explain panel of a metric: definition, period, filter funnel, excluded hits and SQL."""

from __future__ import annotations

import asyncio
from collections import Counter

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.figures import numbers
from proprium.figures.names import NameLookup
from proprium.figures.wording import filter_text
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.definitions import title as metric_title
from proprium.metrics.explain import Explanation, explain
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric
from proprium.storage import rejected_events
from proprium.ui import theme
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import error_note, skeleton
from proprium.ui.components.panels import code
from proprium.ui.components.text import span, text
from proprium.ui.services import Services


class ExplainPanel:
    """Opens the panel at once and fills it when the query has finished."""

    def __init__(self, services: Services, property_number: int, name_of: NameLookup, *, can_edit: bool) -> None:
        """With `can_edit`, the panel also counts rejected events."""
        self._services, self._property_number = services, property_number
        self._name_of, self._can_edit = name_of, can_edit

    async def open(self, query: Query, metric: Metric) -> None:
        """`query` is the one on the screen."""
        title = _("{metric}: calculation", metric=metric_title(metric, query))
        with dialog(title, size="side") as box, ui.element("div").classes("stack wide whybody") as body:
            for height in (64, 120, 200):
                skeleton(height)
        box.open()

        def compute() -> Explanation:
            rejected_rows = (
                rejected_events.newest(self._services.database, self._property_number) if self._can_edit else []
            )
            rejected_counts = Counter(row.reason for row in rejected_rows if query.period.contains(row.at))
            return explain(self._services.warehouse, query, metric, rejected_counts=rejected_counts)

        try:
            explanation = await asyncio.to_thread(compute)
        except UserFacingError as error:
            if not box.is_deleted:
                body.clear()
                with body:
                    error_note(str(error))
            return
        if not box.is_deleted:
            body.clear()
            with body:
                self._draw(explanation, query)

    def _draw(self, explanation: Explanation, query: Query) -> None:
        with ui.element("div"):
            ui.label(numbers.format_metric_exact(explanation.metric, explanation.value)).classes("whynumber num")
            ui.label(_(explanation.definition))
        text("h3", _("Period"))
        with ui.element("dl").classes("facts"):
            for label, value in explanation.window:
                with ui.element("div"):
                    text("dt", _(label))
                    text("dd", value)
        if explanation.steps:
            text("h3", _("Included"))
            self._draw_funnel(explanation, query)
        if explanation.left_out:
            text("h3", _("Excluded"))
        for exclusion in explanation.left_out:
            with ui.element("div").classes("leftout"):
                with ui.element("div").classes(theme.LINE):
                    span(_(exclusion.reason), "grow")
                    span(numbers.exact(exclusion.count), "num strong")
                span(_(exclusion.explanation), "mut small")
        if explanation.sql:
            with ui.element("details").classes("sql"):
                text("summary", _("View as SQL"))
                code(explanation.sql, name="SQL")

    def _draw_funnel(self, explanation: Explanation, query: Query) -> None:
        """Draws the steps with bars in proportion to the largest step's hits; the last steps are the filters."""
        max_hits = max(step.hits for step in explanation.steps) or 1
        filter_labels = [filter_text(filter_, self._name_of) for filter_ in query.filters]
        first_steps = explanation.steps[: len(explanation.steps) - len(filter_labels)]
        labels = [*(_(step.label) for step in first_steps), *filter_labels]
        with ui.element("ol").classes("funnel"):
            for label, step in zip(labels, explanation.steps, strict=True):
                with ui.element("li"):
                    with ui.element("div").classes(theme.LINE):
                        span(label, "grow")
                        span(ngettext("{count} hit", "{count} hits", step.hits), "num strong")
                    with ui.element("div").classes("track"):
                        ui.element("span").style(f"width: {100 * step.hits / max_hits:.1f}%")
                    span(ngettext("{count} session", "{count} sessions", step.sessions), "mut small num")
