"""Results in the shapes that other programs get. Numbers stay as they are: nothing is rounded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from proprium.metrics.breakdown_query import own_count
from proprium.metrics.comparison import COUNTED, change
from proprium.metrics.query.period import Period
from proprium.metrics.query.query import Query
from proprium.metrics.results import RATES, Live, Metric, Series, Table, TableRow
from proprium.serialization import schemas
from proprium.serialization.queries import Cost, MeasuredTable, MeasuredTimeline, MeasuredTotals
from proprium.storage.tables import Property

Unit = Literal["count", "percent", "seconds", "ratio"]


def unit_of(metric: Metric) -> Unit:
    if metric in RATES:
        return "percent"
    if metric is Metric.VIEWS_PER_SESSION:
        return "ratio"
    return "count" if metric in COUNTED else "seconds"


def property_shape(found: Property) -> schemas.Property:
    return schemas.Property(
        id=found.id,
        name=found.name,
        timezone=found.timezone,
        hostnames=list(found.hostnames),
        created_at=found.created_at.astimezone(UTC),
    )


def query_shape(query: Query) -> schemas.Query:
    before = query.before()
    return schemas.Query(
        property=query.property_id,
        period=_period(query.period),
        compared=_period(before.period) if before else None,
        timezone=query.timezone.key,
        interval=query.interval,
        audience=query.audience.value,
        filters=[chosen.to_text() for chosen in query.filters],
        asked_at=query.now.astimezone(UTC),
    )


def totals_shape(found: MeasuredTotals, metrics: Sequence[Metric]) -> schemas.Totals:
    before = found.previous
    return schemas.Totals(
        **told(found.query, found.cost),
        metrics={metric.value: _of_metric(metric, found) for metric in metrics},
        custom_events={
            name: _number(Metric.EVENTS, "count", count, (before.custom.get(name, 0),) if before else None)
            for name, count in found.totals.custom.items()
        },
        goals=dict(found.totals.goals),
        bots=found.totals.bots,
        daily_visitors=found.totals.daily_visitors,
    )


def timeline_shape(found: MeasuredTimeline, names: Sequence[str]) -> schemas.Timeline:
    """`names` are those of metrics, or whatever else the series are called by."""
    return schemas.Timeline(
        **told(found.query, found.cost),
        buckets=_buckets(found.series, names),
        is_running=any(series.running for series in found.series.values()),
        compared=None if found.previous is None else _buckets(found.previous, names),
    )


def breakdown_shape(found: MeasuredTable) -> schemas.Breakdown:
    return schemas.Breakdown(**told(found.query, found.cost), **dict(table_shape(found.table)))


def table_shape(found: Table) -> schemas.Table:
    own = own_count(found.dimension)
    return schemas.Table(
        dimension=found.dimension,
        metrics=[metric.value for metric in found.metrics],
        rows=[_row(row, own, found.total) for row in found.rows],
        distinct=found.distinct,
        total={own.value: found.total},
    )


def live_shape(found: Live, now: datetime) -> schemas.Live:
    return schemas.Live(now=found.now, half_hour=found.half_hour, asked_at=now.astimezone(UTC))


def told(query: Query, cost: Cost) -> dict[str, Any]:
    """What every answer carries."""
    return {"query": query_shape(query), "rows_read": cost.rows_read, "computed_s": cost.computed_s}


def _buckets(series: Mapping[str, Series], names: Sequence[str]) -> list[schemas.Bucket]:
    starts = next(iter(series.values())).starts
    return [
        schemas.Bucket(start=start, values={str(name): series[name].values[at] for name in names})
        for at, start in enumerate(starts)
    ]


def _of_metric(metric: Metric, found: MeasuredTotals) -> schemas.Number:
    before = (found.previous.value(metric),) if found.previous else None
    return _number(metric, unit_of(metric), found.totals.value(metric), before)


def _period(period: Period) -> schemas.Period:
    return schemas.Period(
        key=period.key,
        start=period.start,
        end=period.end,
        first_day=period.first_day,
        last_day=period.last_day,
    )


def _number(
    metric: Metric, unit: Unit, value: schemas.Numeric, before: tuple[schemas.Numeric] | None
) -> schemas.Number:
    """`before` holds the compared period's number; None: nothing is compared."""
    if before is None:
        return schemas.Number(value=value, unit=unit, previous=None, change=None)
    found = change(value, before[0], metric)
    told = schemas.Change.model_validate({**vars(found), "kind": found.kind.value})
    return schemas.Number(value=value, unit=unit, previous=before[0], change=told)


def _row(row: TableRow, metric: Metric, total: schemas.Numeric) -> schemas.Row:
    share = 100 * (row.numbers[metric] or 0) / total if total else 0.0
    return schemas.Row(value=row.value, label=row.label, numbers=_by_name(row.numbers), share_percent=share)


def _by_name(numbers: Mapping[Metric, float | None]) -> dict[str, schemas.Numeric]:
    return {metric.value: number for metric, number in numbers.items()}
