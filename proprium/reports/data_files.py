"""Data export of a report: JSON, or a zip with one CSV file per table."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proprium.figures.names import NameLookup
from proprium.metrics.results import Dashboard, Metric, Series
from proprium.reports.report_model import TABLES
from proprium.serialization import queries, schemas, serializers
from proprium.serialization.csv_cells import csv_bytes
from proprium.serialization.queries import Cost, MeasuredTimeline, MeasuredTotals
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

CUSTOM_EVENT_PREFIX = "event:"  # marks the name of a custom event, as in the dashboard's query parameters
FIRST_ROWS = queries.Slice(limit=queries.TABLE_BATCH_SIZE)
Rows = Iterable[Sequence[Any]]


def build_report(
    warehouse: Warehouse, dashboard: Dashboard, property_: Property, lookup_name: NameLookup
) -> schemas.Report:
    """Builds the report: the dashboard as it was read, and the first 1,000 rows of each table."""
    cost = Cost(dashboard.rows_read, dashboard.computed_s)
    series = _by_name(dashboard.timelines, dashboard.custom_timelines)
    previous_series = _by_name(dashboard.previous_timelines, dashboard.previous_custom_timelines)
    timeline = MeasuredTimeline(dashboard.query, series, previous_series if dashboard.previous else None, cost)
    tables = {
        name: serializers.serialize_table(
            queries.breakdown(warehouse, dashboard.query, dimension, FIRST_ROWS, lookup_name)
        )
        for name, dimension in TABLES
        if dashboard.query.data_access.allows(dimension)
    }
    return schemas.Report(
        **serializers.response_fields(dashboard.query, cost),
        property=serializers.serialize_property(property_),
        totals=serializers.serialize_totals(
            MeasuredTotals(dashboard.query, dashboard.totals, dashboard.previous, cost, dashboard.is_comparable),
            tuple(Metric),
        ),
        timeline=serializers.serialize_timeline(timeline, tuple(timeline.series)),
        tables=tables,
        live=serializers.serialize_live(dashboard.live, dashboard.query.now),
    )


def _by_name(metrics: Mapping[Metric, Series], custom: Mapping[str, Series]) -> dict[str, Series]:
    return {metric.value: series for metric, series in metrics.items()} | {
        CUSTOM_EVENT_PREFIX + name: custom[name] for name in custom
    }


def as_json(report: schemas.Report) -> bytes:
    return report.model_dump_json(indent=2).encode() + b"\n"


def as_csv(report: schemas.Report) -> bytes:
    """Returns a zip archive of CSV files; their modification time is the time of the query."""
    totals, timeline = report.totals, report.timeline
    rows_by_name: dict[str, Rows] = {
        "query": _query_rows(report),
        "totals": (
            ("metric", "unit", "value", "previous", "change", "kind of change"),
            *(_number_row(name, number) for name, number in totals.metrics.items()),
            *(_number_row(CUSTOM_EVENT_PREFIX + name, number) for name, number in totals.custom_events.items()),
            ("bots", "count", totals.bots),
        ),
        "timeline": _bucket_rows(timeline.buckets),
    }
    if timeline.compared is not None:
        rows_by_name["timeline-compared"] = _bucket_rows(timeline.compared)
    for name, table in report.tables.items():
        head = ("value", "label", *table.metrics, "share_percent")
        rows = ((row.value, row.label, *map(row.numbers.get, table.metrics), row.share_percent) for row in table.rows)
        rows_by_name[re.sub(r"[^a-z0-9]+", "-", name.lower())] = (head, *rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file_rows in rows_by_name.items():
            info = zipfile.ZipInfo(f"{name}.csv", report.query.asked_at.timetuple()[:6])
            archive.writestr(info, csv_bytes(file_rows), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _query_rows(report: schemas.Report) -> Rows:
    query = report.query
    yield "what", "value"
    yield "property", report.property.name
    yield "property id", report.property.id
    yield "start", query.period.start.isoformat()
    yield "end", query.period.end.isoformat()
    yield "compared start", query.compared and query.compared.start.isoformat()
    yield "compared end", query.compared and query.compared.end.isoformat()
    yield "timezone", query.timezone
    yield "interval", query.interval
    yield "audience", query.audience
    yield from (("filter", filter_text) for filter_text in query.filters)
    yield from (("filter that does not apply to bots", filter_text) for filter_text in query.filters_not_for_bots)
    yield "asked at", query.asked_at.isoformat()
    yield "events read", report.rows_read


def _number_row(name: str, number: schemas.Number) -> Sequence[Any]:
    change = number.change
    return name, number.unit, number.value, number.previous, change and change.value, change and change.kind


def _bucket_rows(buckets: list[schemas.Bucket]) -> Rows:
    names = list(buckets[0].values) if buckets else []
    yield "start", *names, "is_partial"
    yield from ((bucket.start.isoformat(), *bucket.values.values(), bucket.is_partial) for bucket in buckets)
