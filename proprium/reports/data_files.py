"""A report for other programs: the dashboard's numbers as JSON, or as one CSV for each table."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proprium.figures.names import NameOf
from proprium.metrics.results import Dashboard, Metric, Series
from proprium.reports.report_model import TABLES
from proprium.serialization import queries, schemas, serializers
from proprium.serialization.csv_cells import csv_bytes
from proprium.serialization.queries import Cost, MeasuredTimeline, MeasuredTotals
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

EVENT = "event:"  # before the name of a custom event, as in an address
WHOLE = queries.Slice(limit=queries.AT_ONCE)
Rows = Iterable[Sequence[Any]]


def report(warehouse: Warehouse, found: Dashboard, property_: Property, name: NameOf) -> schemas.Report:
    """The dashboard as it was read, and its tables as long as they are."""
    cost = Cost(found.rows_read, found.computed_s)
    timeline = _timeline(found, cost)
    tables = {
        title: serializers.table_shape(queries.breakdown(warehouse, found.query, dimension, WHOLE, name).table)
        for title, dimension in TABLES
    }
    return schemas.Report(
        **serializers.told(found.query, cost),
        property=serializers.property_shape(property_),
        totals=serializers.totals_shape(MeasuredTotals(found.query, found.totals, found.previous, cost), tuple(Metric)),
        timeline=serializers.timeline_shape(timeline, tuple(timeline.series)),
        tables=tables,
        live=serializers.live_shape(found.live, found.query.now),
    )


def _timeline(found: Dashboard, cost: Cost) -> MeasuredTimeline:
    before = _by_name(found.previous_timelines, found.previous_custom_timelines) if found.previous else None
    return MeasuredTimeline(found.query, _by_name(found.timelines, found.custom_timelines), before, cost)


def _by_name(metrics: Mapping[Metric, Series], custom: Mapping[str, Series]) -> dict[str, Series]:
    return {metric.value: each for metric, each in metrics.items()} | {EVENT + name: custom[name] for name in custom}


def as_json(found: schemas.Report) -> bytes:
    return found.model_dump_json(indent=2).encode() + b"\n"


def as_csv(found: schemas.Report) -> bytes:
    """A zip; its files have the time of the question."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in _files(found):
            info = zipfile.ZipInfo(f"{name}.csv", found.query.asked_at.timetuple()[:6])
            archive.writestr(info, csv_bytes(rows), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _files(found: schemas.Report) -> Iterator[tuple[str, Rows]]:
    yield "query", _query(found)
    yield "totals", _totals(found)
    yield "timeline", _buckets(found.timeline.buckets)
    if found.timeline.compared is not None:
        yield "timeline-compared", _buckets(found.timeline.compared)
    for title, table in found.tables.items():
        yield re.sub(r"[^a-z0-9]+", "-", title.lower()), _table(table)


def _query(found: schemas.Report) -> Rows:
    query = found.query
    yield "what", "value"
    yield "property", found.property.name
    yield "property id", found.property.id
    yield "start", query.period.start.isoformat()
    yield "end", query.period.end.isoformat()
    yield "compared start", query.compared and query.compared.start.isoformat()
    yield "compared end", query.compared and query.compared.end.isoformat()
    yield "timezone", query.timezone
    yield "interval", query.interval
    yield "audience", query.audience
    yield from (("filter", told) for told in query.filters)
    yield "asked at", query.asked_at.isoformat()
    yield "events read", found.rows_read


def _totals(found: schemas.Report) -> Rows:
    totals = found.totals
    yield "metric", "unit", "value", "previous", "change", "kind of change"
    yield from (_number(name, number) for name, number in totals.metrics.items())
    yield from (_number(EVENT + name, number) for name, number in totals.custom_events.items())
    yield "bots", "count", totals.bots


def _number(name: str, number: schemas.Number) -> Sequence[Any]:
    change = number.change
    return name, number.unit, number.value, number.previous, change and change.value, change and change.kind


def _buckets(buckets: list[schemas.Bucket]) -> Rows:
    names = list(buckets[0].values) if buckets else []
    yield "start", *names
    yield from ((bucket.start.isoformat(), *bucket.values.values()) for bucket in buckets)


def _table(table: schemas.Table) -> Rows:
    yield "value", "label", *table.metrics, "share_percent"
    for row in table.rows:
        yield row.value, row.label, *(row.numbers[metric] for metric in table.metrics), row.share_percent
