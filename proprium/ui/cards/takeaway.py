"""What can be taken away: the report of exactly what is on the screen, as PDF, Markdown, CSV and JSON."""

from __future__ import annotations

import asyncio

from nicegui import run, ui

from proprium.errors import ProblemForReader
from proprium.metrics.results import Dashboard, Metric
from proprium.reports.answer import reported
from proprium.reports.content import Facts
from proprium.reports.markdown import markdown
from proprium.reports.pdf import pdf
from proprium.storage.tables import Property
from proprium.ui.cards.bar import PdfButton
from proprium.ui.cards.screen import Screen
from proprium.ui.services import Services


class Takeaway:
    """For everybody who may read the page."""

    def __init__(self, services: Services, found: Property, screen: Screen) -> None:
        self._services, self._name, self._screen = services, found.name, screen
        self.button: PdfButton | None = None
        self._is_busy = False

    async def take_pdf(self) -> None:
        """Printed beside the event loop; the page goes on moving, and the button says what happens."""
        if self._is_busy or not self._is_there():
            return
        facts = self._facts()
        self._show_busy(True)
        try:
            answer = await self._answer()
            document = await pdf(answer, facts, self._services.atlas, self._services.settings.chromium)
        except ProblemForReader as problem:
            ui.notify(str(problem), type="negative", multi_line=True, timeout=12_000)
            return
        finally:
            self._show_busy(False)
        ui.download.content(document, facts.file_name(answer, "pdf"), "application/pdf")

    async def take_markdown(self) -> None:
        if not self._is_there():
            return
        facts, answer = self._facts(), await self._answer()
        text = await run.io_bound(markdown, answer, facts, self._services.atlas)
        ui.download.content(text or "", facts.file_name(answer, "md"), "text/markdown")

    def take_data(self, ending: str) -> None:
        """Tables for other programs: the browser fetches them itself, as long as they are, from this view's address."""
        view = self._screen.view
        ui.download.from_url(view.address().replace(str(view.facts.id), f"{view.facts.id}/report.{ending}", 1))

    def _is_there(self) -> bool:
        if not self._screen.may_still_see(at_once=True):
            return False
        if self._screen.answer is None:
            ui.notify("The numbers are not here yet. Try again in a moment.")
        return self._screen.answer is not None

    async def _answer(self) -> Dashboard:
        """All tiles: the page has asked for those that it shows."""
        query = self._screen.view.at(self._services.clock())
        return await asyncio.to_thread(reported, self._services.warehouse, query)

    def _facts(self) -> Facts:
        event = self._screen.view.custom_event
        metric = Metric.VISITORS if event else Metric(self._screen.view.metric)
        return Facts(self._name, metric, event)

    def _show_busy(self, is_busy: bool) -> None:
        self._is_busy = is_busy
        if self.button:
            self.button.show_busy(is_busy)
