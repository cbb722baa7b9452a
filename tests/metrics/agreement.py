"""Compares a dashboard with the reference and describes every difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from collector.url_normalisation import PageRules
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.query import Query
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Breakdown, BreakdownTable, Dashboard, Dimension, Metric, Series, Totals
from proprium.storage.tables import Property
from tests.metrics.reference.numbers import Lines, lines, totals
from tests.metrics.reference.query_spec import History, QuerySpec
from tests.metrics.reference.spans import Span, whole
from tests.metrics.reference.tiles import Tile, table, tile

PLACES_SHOWN = 300
SHOWN = 10


def query_of(property_: Property, spec: QuerySpec) -> Query:
    """The same question, as it comes from an address."""
    number = property_.number or 0
    facts = PropertyFacts(
        *(property_.id, number, spec.zone.key, spec.custom_cards),
        goals=spec.goals,
        data_access=EVERY_KEY,
        page_rules=PageRules(property_.merges_trailing_slashes, property_.merges_index_pages),
        is_cookieless=spec.is_cookieless,
    )
    return query_from(spec.address, facts, spec.now)


def differences(board: Dashboard, history: History, spec: QuerySpec) -> list[str]:
    """Empty where every card, line and tile agree, those of the compared period included."""
    period = board.query.period
    return [
        *_same("period", (period.start_utc, period.end_utc), (spec.span.start, spec.span.end)),
        *_of_totals("", board.totals, totals(history, spec, spec.span)),
        *_of_lines("", (board.timelines, board.custom_timelines), history, spec, spec.span),
        *_of_comparison(board, history, spec),
        *of_tiles(board.breakdowns, history, spec),
    ]


def of_tiles(actual: Mapping[Dimension, Breakdown], history: History, spec: QuerySpec) -> list[str]:
    return [
        difference
        for dimension, each in actual.items()
        for difference in of_tile(each, tile(history, spec, spec.span, dimension), _shown(dimension))
    ]


def of_table(actual: BreakdownTable, history: History, spec: QuerySpec) -> list[str]:
    """Every number of every row; `found` has all of them."""
    expected = table(history, spec, spec.span, actual.dimension)
    rows = {row.value: row.numbers for row in actual.rows}
    return [
        *_same(
            f"{actual.dimension} table",
            list(rows),
            [value for value, _ in tile(history, spec, spec.span, actual.dimension).rows],
        ),
        *_same(f"{actual.dimension} total", actual.total, tile(history, spec, spec.span, actual.dimension).total),
        *(
            difference
            for value, numbers in rows.items()
            for metric, number in numbers.items()
            if value in expected
            for difference in _same(f"{actual.dimension} table {value!r} {metric}", number, expected[value][metric])
        ),
    ]


def of_tile(actual: Breakdown, expected: Tile, shown: int = SHOWN) -> list[str]:
    """One breakdown: its rows, what the shares are of, and how many values there are."""
    rows = [(row.value, row.count) for row in actual.rows]
    return [
        *_same(f"{actual.dimension} rows", rows, expected.rows[:shown]),
        *_same(f"{actual.dimension} total", (actual.total, actual.distinct), (expected.total, len(expected.rows))),
    ]


def _of_comparison(board: Dashboard, history: History, spec: QuerySpec) -> Iterator[str]:
    before, span = board.query.comparison_query(), spec.compared
    shown = before and Span(before.period.start_utc, before.period.end_utc)
    yield from _same("compared period", shown, span)
    if span and board.previous:
        has_earlier = any(hit.at <= span.start for hit in history.hits)
        yield from _same("comparable", board.is_comparable, has_earlier)
        yield from _of_totals("compared ", board.previous, totals(history, spec, span))
        series = board.previous_timelines, board.previous_custom_timelines
        yield from _of_lines("compared ", series, history, spec, whole(span, spec.interval, spec.zone))


def _of_totals(name: str, actual: Totals, expected: Mapping[str, Any]) -> Iterator[str]:
    for metric, value in expected.items():
        is_mean = metric.endswith("_mean")
        shown = actual.means[Metric(metric.removesuffix("_mean"))] if is_mean else getattr(actual, metric)
        yield from _same(f"{name}{metric}", shown, value)


def _of_lines(
    name: str,
    actual: tuple[Mapping[Metric, Series], Mapping[str, Series]],
    history: History,
    spec: QuerySpec,
    span: Span,
) -> Iterator[str]:
    expected = lines(history, spec, span)
    for metric, series in actual[0].items():
        values = [part[metric] for part in expected.numbers]
        yield from _of_line(f"{name}line of {metric}", series, expected, values)
    for event, series in actual[1].items():
        values = [part["custom"][event] for part in expected.numbers]
        yield from _of_line(f"{name}line of {event}", series, expected, values)


def _of_line(name: str, actual: Series, expected: Lines, values: list[Any]) -> Iterator[str]:
    starts = tuple(start.astimezone(UTC) for start in actual.starts)
    yield from _same(
        f"{name}: buckets", (starts, actual.is_running), (expected.buckets.starts, expected.buckets.is_running)
    )
    partial = tuple(actual.is_partial(index) for index in range(len(starts)))
    yield from _same(f"{name}: partial buckets", partial, expected.buckets.are_partial)
    if len(starts) == len(values):
        for start, one, other in zip(starts, actual.values, values, strict=True):
            yield from _same(f"{name} at {start}", one, other)


def _same(what: str, actual: Any, expected: Any) -> Iterator[str]:
    numbers = isinstance(actual, int | float) and isinstance(expected, int | float)
    if not (math.isclose(actual, expected, rel_tol=1e-9) if numbers else actual == expected):
        yield f"{what}: the warehouse says {actual}, METRICS.md {expected}"


def _shown(dimension: str) -> int:
    return PLACES_SHOWN if dimension in {"country", "region"} else SHOWN
