"""Renders a report file from query parameters.

Used by the export menu, the HTTP routes and the command line alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from maps.atlas import Atlas
from proprium.errors import BadQuery
from proprium.figures.names import name_lookup
from proprium.i18n import gettext as _
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.results import Dashboard, Metric
from proprium.reports import data_files
from proprium.reports.cancellation import run_in_thread
from proprium.reports.html import html
from proprium.reports.markdown import markdown
from proprium.reports.pdf import pdf
from proprium.reports.report_model import PaperSize, ReportOptions
from proprium.reports.report_query import report_dashboard
from proprium.reports.report_queue import LOCAL_COMMAND, ReportQueue, Requester
from proprium.serialization import queries
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

Pairs = Sequence[tuple[str, str]]
"""Decoded query parameters: those of the dashboard's URL, and `paper=a4|letter`."""

CUSTOM_EVENT_PREFIX = "event:"  # marks the name of a custom event in the parameter `metric`


class ReportFormat(StrEnum):
    PDF = "pdf"
    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"  # a zip with one CSV file per table
    JSON = "json"

    @property
    def suffix(self) -> str:
        return "csv.zip" if self is ReportFormat.CSV else self.value


MEDIA_TYPES = {
    ReportFormat.PDF: "application/pdf",
    ReportFormat.HTML: "text/html; charset=utf-8",
    ReportFormat.MARKDOWN: "text/markdown; charset=utf-8",
    ReportFormat.CSV: "application/zip",
    ReportFormat.JSON: "application/json",
}


@dataclass(frozen=True)
class ReportFile:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class ReportRenderer:
    """Renders reports with the server's warehouse, atlas, browser and queue."""

    warehouse: Warehouse
    atlas: Atlas
    chromium: str = ""  # configured path; "": search PATH
    queue: ReportQueue = field(default_factory=ReportQueue)

    async def render(
        self,
        property_: Property,
        pairs: Pairs,
        kind: ReportFormat,
        now: datetime,
        data_access: DataAccess,
        requester: Requester = LOCAL_COMMAND,
    ) -> ReportFile:
        """Waits for a slot of the queue and renders the report.

        Raises ReportsBusy and TooManyRequests, BadQuery for invalid parameters, DataKeyNotPublic for filters on data
        that the requester may not see; for a PDF also ChromiumMissing and PrintFailed.
        """
        options = _report_options(property_, dict(pairs))

        def read_dashboard() -> Dashboard:
            query = queries.query_of(self.warehouse, property_, pairs, now, data_access)
            return report_dashboard(self.warehouse, query)

        def render_document() -> bytes:
            render_text = html if kind is ReportFormat.HTML else markdown
            return render_text(dashboard, options, self.atlas).encode()

        def render_data() -> bytes:
            report = data_files.build_report(self.warehouse, dashboard, property_, name_lookup(self.atlas))
            return data_files.as_csv(report) if kind is ReportFormat.CSV else data_files.as_json(report)

        async with self.queue.turn(requester):
            dashboard = await run_in_thread(read_dashboard)
            if kind is ReportFormat.PDF:
                content = await pdf(dashboard, options, self.atlas, self.chromium)
            else:
                is_data = kind in {ReportFormat.CSV, ReportFormat.JSON}
                content = await run_in_thread(render_data if is_data else render_document)
        return ReportFile(options.file_name(dashboard, kind.suffix), MEDIA_TYPES[kind], content)


def _report_options(property_: Property, text_by_name: dict[str, str]) -> ReportOptions:
    metric = text_by_name.get("metric", "")
    custom_event = metric.removeprefix(CUSTOM_EVENT_PREFIX) if metric.startswith(CUSTOM_EVENT_PREFIX) else None
    if metric and not custom_event and metric not in set(Metric):
        metric_names = ", ".join(Metric)
        raise BadQuery(
            _(
                "metric={metric} is not a known metric. Use one of {metrics}, or event:<name>.",
                metric=repr(metric[:40]),
                metrics=metric_names,
            )
        )
    return ReportOptions(
        property_name=property_.name,
        metric=Metric(metric) if metric in set(Metric) else Metric.VISITORS,
        custom_event=custom_event,
        paper=PaperSize.LETTER if text_by_name.get("paper") == "letter" else PaperSize.A4,
    )
