"""Export menu: downloads a report of the current query as PDF, Markdown, CSV or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.results import Dashboard, Metric
from proprium.reports.cancellation import run_in_thread
from proprium.reports.markdown import markdown
from proprium.reports.pdf import pdf
from proprium.reports.report_model import ReportOptions
from proprium.reports.report_query import report_dashboard
from proprium.reports.report_queue import Requester, requester_of
from proprium.storage.tables import Property
from proprium.ui import session
from proprium.ui.dashboard.controller import DashboardController
from proprium.ui.dashboard.toolbar import PdfButton
from proprium.ui.services import Services

CONNECTION_LOST = N_("The report was cancelled because the connection to the server was lost. Please try again.")


class ExportMenu:
    """Report downloads, available to all who can view the dashboard."""

    def __init__(self, services: Services, property_: Property, controller: DashboardController) -> None:
        self._services, self._property_name, self._controller = services, property_.name, controller
        self._client = ui.context.client
        self._client.on_disconnect(self._cancel)
        self._client.on_delete(self._cancel)
        self.pdf_button: PdfButton | None = None
        self._job: asyncio.Task[tuple[bytes, str]] | None = None

    async def download_pdf(self) -> None:
        """Creates and downloads a PDF; the page stays live, the button shows progress."""
        atlas, browser = self._services.atlas, self._services.settings.chromium
        await self._export(lambda result, options: pdf(result, options, atlas, browser), "pdf", "application/pdf")

    async def download_markdown(self) -> None:
        async def render(result: Dashboard, options: ReportOptions) -> bytes:
            return (await run_in_thread(markdown, result, options, self._services.atlas)).encode()

        await self._export(render, "md", "text/markdown")

    def download_data(self, extension: str) -> None:
        """Downloads all tables as CSV or JSON.

        The browser fetches the report URL of the current state itself, so the file may have any size.
        """
        try:
            self._services.report_queue.check(self._requester())
        except UserFacingError as problem:
            self._notify(str(problem))
            return
        state = self._controller.state
        path, _separator, query_string = state.url().partition("?")
        ui.download.from_url(f"{path}/report.{extension}?{query_string}".removesuffix("?"))

    async def _export(
        self, render: Callable[[Dashboard, ReportOptions], Awaitable[bytes]], extension: str, media_type: str
    ) -> None:
        """Creates and downloads a report.

        One at a time per page; cancelled if the page is closed or loses its connection.
        """
        if self._controller.dashboard is None:
            ui.notify(_("The dashboard is still loading. Try again in a moment."))
            return
        if self._job is not None:
            return
        self._job = asyncio.create_task(self._create_report(render, extension))
        self._show_busy(extension == "pdf")
        try:
            content, name = await self._job
        except UserFacingError as problem:
            self._notify(str(problem))
        except asyncio.CancelledError:
            self._notify(_(CONNECTION_LOST))  # shown when the page reconnects
        else:
            ui.download.content(content, name, media_type)
        finally:
            self._job = None
            self._show_busy(False)

    async def _create_report(
        self, render: Callable[[Dashboard, ReportOptions], Awaitable[bytes]], extension: str
    ) -> tuple[bytes, str]:
        state = self._controller.state
        event = state.custom_event
        options = ReportOptions(self._property_name, Metric.VISITORS if event else Metric(state.metric), event)
        query = state.query_at(self._services.clock())
        async with self._services.report_queue.turn(self._requester()):
            # A new query with all tabs: the page's own result has only the open ones.
            result = await run_in_thread(report_dashboard, self._services.warehouse, query)
            return await render(result, options), options.file_name(result, extension)

    def _requester(self) -> Requester:
        user = session.user_of(self._services, self._client.request)
        return requester_of(user.id if user else None, self._services.address_of(self._client.request))

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _show_busy(self, is_busy: bool) -> None:
        if self.pdf_button and not self._client.is_deleted:
            self.pdf_button.show_busy(is_busy)

    def _notify(self, message: str) -> None:
        if not self._client.is_deleted:
            ui.notify(message, type="negative", multi_line=True, timeout=12_000)
