"""A report as a file, from an address's parameters: the same for the button, the route, a running server and cron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from maps.atlas import Atlas
from proprium.errors import BadQuery
from proprium.figures.names import name_of
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.results import Dashboard, Metric
from proprium.reports import data_files
from proprium.reports.cancellation import in_thread
from proprium.reports.html import html
from proprium.reports.markdown import markdown
from proprium.reports.pdf import pdf
from proprium.reports.report_model import Facts, Paper
from proprium.reports.report_query import reported
from proprium.reports.report_queue import LOCAL_COMMAND, ReportQueue, Requester
from proprium.serialization import queries
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

Pairs = Sequence[tuple[str, str]]
"""Of an address, decoded; the names of a dashboard's, and `paper=a4|letter`."""

CUSTOM = "event:"  # before the name of a custom event, where a metric is expected


class Format(StrEnum):
    PDF = "pdf"
    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"  # of every table, in a zip
    JSON = "json"

    @property
    def suffix(self) -> str:
        return "csv.zip" if self is Format.CSV else self.value


MEDIA_TYPES = {
    Format.PDF: "application/pdf",
    Format.HTML: "text/html; charset=utf-8",
    Format.MARKDOWN: "text/markdown; charset=utf-8",
    Format.CSV: "application/zip",
    Format.JSON: "application/json",
}


@dataclass(frozen=True)
class ReportFile:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Printer:
    """What every report is made with."""

    warehouse: Warehouse
    atlas: Atlas
    chromium: str = ""  # the setting of that name
    queue: ReportQueue = field(default_factory=ReportQueue)

    async def report(
        self,
        property_: Property,
        pairs: Pairs,
        kind: Format,
        now: datetime,
        data_access: DataAccess,
        requester: Requester = LOCAL_COMMAND,
    ) -> ReportFile:
        """Raises ReportsBusy, TooManyRequests, BadQuery for parameters, DataKeyNotPublic for filters out of reach.

        For a PDF also ChromiumMissing and PrintFailed.
        """
        facts = _facts(property_, dict(pairs))
        async with self.queue.turn(requester):
            answered = await in_thread(self._answer, property_, pairs, now, data_access)
            if kind in {Format.CSV, Format.JSON}:
                content = await in_thread(self._data, answered, property_, kind)
            else:
                content = await self._drawn(answered, facts, kind)
        return ReportFile(facts.file_name(answered, kind.suffix), MEDIA_TYPES[kind], content)

    def _answer(self, property_: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> Dashboard:
        return reported(self.warehouse, queries.query_of(self.warehouse, property_, pairs, now, data_access))

    def _data(self, answered: Dashboard, property_: Property, kind: Format) -> bytes:
        found = data_files.report(self.warehouse, answered, property_, name_of(self.atlas))
        return data_files.as_csv(found) if kind is Format.CSV else data_files.as_json(found)

    async def _drawn(self, answered: Dashboard, facts: Facts, kind: Format) -> bytes:
        if kind is Format.PDF:
            return await pdf(answered, facts, self.atlas, self.chromium)
        draw = html if kind is Format.HTML else markdown
        return (await in_thread(draw, answered, facts, self.atlas)).encode()


def _facts(property_: Property, given: dict[str, str]) -> Facts:
    metric = given.get("metric", "")
    custom_event = metric.removeprefix(CUSTOM) if metric.startswith(CUSTOM) else None
    if metric and not custom_event and metric not in set(Metric):
        known = ", ".join(Metric)
        raise BadQuery(f"metric={metric[:40]!r} is not known. Choose one of {known}, or event:<name>.")
    return Facts(
        property_name=property_.name,
        metric=Metric(metric) if metric in set(Metric) else Metric.VISITORS,
        custom_event=custom_event,
        paper=Paper.LETTER if given.get("paper") == "letter" else Paper.A4,
    )
