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
from tests.metrics.reference.asked import Asked, History
from tests.metrics.reference.numbers import Lines, lines, totals
from tests.metrics.reference.spans import Span, whole
from tests.metrics.reference.tiles import Tile, table, tile

PLACES_SHOWN = 300
SHOWN = 10


def query_of(asked_about: Property, asked: Asked) -> Query:
    """The same question, as it comes from an address."""
    number = asked_about.number or 0
    facts = PropertyFacts(
        *(asked_about.id, number, asked.zone.key, asked.custom_cards),
        goals=asked.goals,
        data_access=EVERY_KEY,
        page_rules=PageRules(asked_about.merges_trailing_slashes, asked_about.merges_index_pages),
        is_cookieless=asked.is_cookieless,
    )
    return query_from(asked.address, facts, asked.now)


def differences(board: Dashboard, history: History, asked: Asked) -> list[str]:
    """Empty where every card, line and tile agree, those of the compared period included."""
    period = board.query.period
    return [
        *_same("period", (period.start_utc, period.end_utc), (asked.span.start, asked.span.end)),
        *_of_totals("", board.totals, totals(history, asked, asked.span)),
        *_of_lines("", (board.timelines, board.custom_timelines), history, asked, asked.span),
        *_of_comparison(board, history, asked),
        *of_tiles(board.breakdowns, history, asked),
    ]


def of_tiles(found: Mapping[Dimension, Breakdown], history: History, asked: Asked) -> list[str]:
    return [
        difference
        for dimension, each in found.items()
        for difference in of_tile(each, tile(history, asked, asked.span, dimension), _shown(dimension))
    ]


def of_table(found: BreakdownTable, history: History, asked: Asked) -> list[str]:
    """Every number of every row; `found` has all of them."""
    expected = table(history, asked, asked.span, found.dimension)
    rows = {row.value: row.numbers for row in found.rows}
    return [
        *_same(
            f"{found.dimension} table",
            list(rows),
            [value for value, _ in tile(history, asked, asked.span, found.dimension).rows],
        ),
        *_same(f"{found.dimension} total", found.total, tile(history, asked, asked.span, found.dimension).total),
        *(
            difference
            for value, numbers in rows.items()
            for metric, number in numbers.items()
            if value in expected
            for difference in _same(f"{found.dimension} table {value!r} {metric}", number, expected[value][metric])
        ),
    ]


def of_tile(found: Breakdown, expected: Tile, shown: int = SHOWN) -> list[str]:
    """One breakdown: its rows, what the shares are of, and how many values there are."""
    rows = [(row.value, row.count) for row in found.rows]
    return [
        *_same(f"{found.dimension} rows", rows, expected.rows[:shown]),
        *_same(f"{found.dimension} total", (found.total, found.distinct), (expected.total, len(expected.rows))),
    ]


def _of_comparison(board: Dashboard, history: History, asked: Asked) -> Iterator[str]:
    before, span = board.query.comparison_query(), asked.compared
    shown = before and Span(before.period.start_utc, before.period.end_utc)
    yield from _same("compared period", shown, span)
    if span and board.previous:
        has_earlier = any(hit.at <= span.start for hit in history.hits)
        yield from _same("comparable", board.is_comparable, has_earlier)
        yield from _of_totals("compared ", board.previous, totals(history, asked, span))
        series = board.previous_timelines, board.previous_custom_timelines
        yield from _of_lines("compared ", series, history, asked, whole(span, asked.interval, asked.zone))


def _of_totals(name: str, found: Totals, expected: Mapping[str, Any]) -> Iterator[str]:
    for metric, value in expected.items():
        is_mean = metric.endswith("_mean")
        shown = found.means[Metric(metric.removesuffix("_mean"))] if is_mean else getattr(found, metric)
        yield from _same(f"{name}{metric}", shown, value)


def _of_lines(
    name: str, found: tuple[Mapping[Metric, Series], Mapping[str, Series]], history: History, asked: Asked, span: Span
) -> Iterator[str]:
    expected = lines(history, asked, span)
    for metric, series in found[0].items():
        values = [part[metric] for part in expected.numbers]
        yield from _of_line(f"{name}line of {metric}", series, expected, values)
    for event, series in found[1].items():
        values = [part["custom"][event] for part in expected.numbers]
        yield from _of_line(f"{name}line of {event}", series, expected, values)


def _of_line(name: str, found: Series, expected: Lines, values: list[Any]) -> Iterator[str]:
    starts = tuple(start.astimezone(UTC) for start in found.starts)
    yield from _same(
        f"{name}: buckets", (starts, found.is_running), (expected.buckets.starts, expected.buckets.is_running)
    )
    partial = tuple(found.is_partial(index) for index in range(len(starts)))
    yield from _same(f"{name}: partial buckets", partial, expected.buckets.are_partial)
    if len(starts) == len(values):
        for start, one, other in zip(starts, found.values, values, strict=True):
            yield from _same(f"{name} at {start}", one, other)


def _same(what: str, found: Any, expected: Any) -> Iterator[str]:
    numbers = isinstance(found, int | float) and isinstance(expected, int | float)
    if not (math.isclose(found, expected, rel_tol=1e-9) if numbers else found == expected):
        yield f"{what}: the warehouse says {found}, METRICS.md {expected}"


def _shown(dimension: str) -> int:
    return PLACES_SHOWN if dimension in {"country", "region"} else SHOWN
