"""A table as a file for spreadsheets and programs: the numbers as they are, each in a column of its own."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from typing import Any

from proprium.figures import numbers
from proprium.figures.names import NameOf
from proprium.metrics.query.filters import dimension_name
from proprium.metrics.query.query import Query
from proprium.metrics.results import DURATIONS, RATES, Dimension, Metric, Table
from proprium.serialization.csv_cells import csv_bytes

CODED = frozenset({Dimension.COUNTRY, Dimension.REGION, Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR})
"""Their labels are not what a filter takes: both are told."""


def csv(table: Table) -> bytes:
    """A head line, then a line for each row; durations in seconds, rates in percent, unknown numbers empty."""
    return csv_bytes(_lines(table))


def json(table: Table, query: Query, name_of: NameOf) -> str:
    """The rows with what was asked, so that the file tells by itself what it is."""
    period = query.period
    told = {
        "dimension": table.dimension,
        "period": {"from": period.start.isoformat(), "to": period.end.isoformat(), "timezone": query.timezone.key},
        "filters": [wanted.to_text() for wanted in query.filters],
        "filters_in_words": [wanted.label(name_of) for wanted in query.filters],
        "sort": table.sort,
        "rows": list(_rows(table)),
    }
    return json_format.dumps(told, ensure_ascii=False, indent=1)


def _lines(table: Table) -> Iterator[list[Any]]:
    has_codes = table.dimension in CODED
    yield [dimension_name(table.dimension), *(["Code"] if has_codes else []), *map(_title, table.metrics)]
    for row in table.rows:
        code = [row.value or ""] if has_codes else []
        yield [row.label, *code, *(_rounded(row.numbers[metric]) for metric in table.metrics)]


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        measured = {metric.value: _rounded(row.numbers[metric]) for metric in table.metrics}
        yield {"value": row.value, "label": row.label, **measured}


def _title(metric: Metric) -> str:
    unit = " (%)" if metric in RATES else " (s)" if metric in DURATIONS else ""
    return numbers.TITLES[metric] + unit


def _rounded(number: float | None) -> float | None:
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 4)
