"""Converts query results to the JSON schemas. Numbers are not rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from proprium.figures.wording import unfiltered_bots_text
from proprium.metrics.breakdown_query import default_metric
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.catalog.metrics import Unit
from proprium.metrics.comparison import change
from proprium.metrics.definitions import definition
from proprium.metrics.query.period import Period
from proprium.metrics.query.query import Query
from proprium.metrics.results import LiveVisitors, Metric, Series
from proprium.serialization import schemas
from proprium.serialization.queries import Cost, MeasuredTable, MeasuredTimeline, MeasuredTotals
from proprium.storage.tables import Property


def serialize_property(property_: Property) -> schemas.Property:
    return schemas.Property(
        id=property_.id,
        name=property_.name,
        timezone=property_.timezone,
        hostnames=list(property_.hostnames),
        created_at=property_.created_at.astimezone(UTC),
    )


def serialize_query(query: Query) -> schemas.Query:
    comparison_query = query.comparison_query()
    return schemas.Query(
        property=query.property_id,
        period=_period(query.period),
        compared=_period(comparison_query.period) if comparison_query else None,
        timezone=query.timezone.key,
        interval=query.interval,
        audience=query.audience.value,
        limits=schemas.Limits(**asdict(query.limits)),
        filters=[filter_.to_text() for filter_ in query.filters],
        filters_not_for_bots=[filter_.to_text() for filter_ in query.filters_not_for_bots],
        asked_at=query.now.astimezone(UTC),
    )


def serialize_totals(measured_totals: MeasuredTotals, metrics: Sequence[Metric]) -> schemas.Totals:
    previous = measured_totals.previous
    return schemas.Totals(
        **response_fields(measured_totals.query, measured_totals.cost),
        metrics={
            metric.value: _number(
                metric,
                metric.spec.unit,
                measured_totals.totals.value(metric),
                (previous.value(metric),) if previous else None,
                is_comparable=measured_totals.is_comparable,
            )
            for metric in metrics
        },
        definitions={
            metric.value: definition(metric, measured_totals.query.limits, measured_totals.totals) for metric in metrics
        },
        custom_events={
            name: _number(
                Metric.EVENTS,
                Unit.COUNT,
                count,
                (previous.custom.get(name, 0),) if previous else None,
                is_comparable=measured_totals.is_comparable,
            )
            for name, count in measured_totals.totals.custom.items()
        },
        goals=dict(measured_totals.totals.goals),
        bots=measured_totals.totals.bots,
        bots_note=unfiltered_bots_text(measured_totals.query) or None,
        daily_visitors=measured_totals.totals.daily_visitors,
        single_day_visitors=measured_totals.totals.single_day_visitors,
    )


def serialize_timeline(measured_timeline: MeasuredTimeline, names: Sequence[str]) -> schemas.Timeline:
    """Converts a timeline; `names` selects series by metric key or, in reports, by custom event."""
    return schemas.Timeline(
        **response_fields(measured_timeline.query, measured_timeline.cost),
        buckets=_buckets(measured_timeline.series, names),
        is_running=any(series.is_running for series in measured_timeline.series.values()),
        compared=None if measured_timeline.previous is None else _buckets(measured_timeline.previous, names),
    )


def serialize_breakdown(measured_table: MeasuredTable) -> schemas.Breakdown:
    return schemas.Breakdown(
        **response_fields(measured_table.query, measured_table.cost), **dict(serialize_table(measured_table))
    )


def serialize_table(measured_table: MeasuredTable) -> schemas.Table:
    table = measured_table.table
    share_metric = default_metric(table.dimension)
    is_of_bots = spec_of(table.dimension).scope is Scope.BOT
    rows = [
        schemas.Row(
            value=row.value,
            label=row.label,
            numbers={metric.value: number for metric, number in row.numbers.items()},
            share_percent=table.share_percent(row),
        )
        for row in table.rows
    ]
    return schemas.Table(
        dimension=table.dimension,
        metrics=[metric.value for metric in table.metrics],
        rows=rows,
        distinct=table.distinct,
        total={share_metric.value: table.total},
        matching_total={share_metric.value: table.matching_total},
        note=(unfiltered_bots_text(measured_table.query) or None) if is_of_bots else None,
    )


def serialize_live(live_visitors: LiveVisitors, now: datetime) -> schemas.Live:
    return schemas.Live(
        now=live_visitors.now,
        half_hour=live_visitors.half_hour,
        minutes=live_visitors.minutes,
        asked_at=now.astimezone(UTC),
    )


def response_fields(query: Query, cost: Cost) -> dict[str, Any]:
    """Returns the fields of `QueryResponse`, which every stats response contains."""
    return {"query": serialize_query(query), "rows_read": cost.rows_read, "computed_s": cost.computed_s}


def _buckets(series: Mapping[str, Series], names: Sequence[str]) -> list[schemas.Bucket]:
    first_series = next(iter(series.values()))
    return [
        schemas.Bucket(
            start=start,
            values={str(name): series[name].values[index] for name in names},
            is_partial=first_series.is_partial(index),
        )
        for index, start in enumerate(first_series.starts)
    ]


def _period(period: Period) -> schemas.Period:
    return schemas.Period(
        key=period.key,
        start=period.start,
        end=period.end,
        first_day=period.first_day,
        last_day=period.last_day,
    )


def _number(
    metric: Metric,
    unit: Unit,
    value: schemas.Numeric,
    previous: tuple[schemas.Numeric] | None,
    *,
    is_comparable: bool,
) -> schemas.Number:
    """Builds a number. `previous` holds the compared period's value; None: no comparison."""
    if previous is None:
        return schemas.Number(value=value, unit=unit.value, previous=None, change=None)
    change_ = change(value, previous[0], metric, is_comparable=is_comparable)
    change_schema = schemas.Change.model_validate({**vars(change_), "kind": change_.kind.value})
    return schemas.Number(value=value, unit=unit.value, previous=previous[0], change=change_schema)
