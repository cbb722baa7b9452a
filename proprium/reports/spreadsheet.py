"""A table as a file for spreadsheets and programs: the numbers as they are, each in a column of its own."""

from __future__ import annotations

import csv as csv_format
import io
import json as json_format
import re
from collections.abc import Iterator
from typing import Any

from proprium.figures import numbers
from proprium.figures.names import NameOf
from proprium.metrics.filters import dimension_name
from proprium.metrics.query import Query
from proprium.metrics.results import DURATIONS, RATES, Dimension, Metric, Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
CODED = frozenset({Dimension.COUNTRY, Dimension.REGION, Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR})
"""Their labels are not what a filter takes: both are told."""


def guarded(cell: str) -> str:
    """Text that no spreadsheet runs as a formula: with an apostrophe before a sign that would begin one."""
    return f"'{cell}" if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell


def csv(table: Table) -> str:
    """A head line, then a line for each row; durations in seconds, rates in percent, unknown numbers empty."""
    out = io.StringIO()
    writer = csv_format.writer(out, lineterminator="\r\n")
    name = guarded(dimension_name(table.dimension))
    writer.writerow([name, *(["Code"] if table.dimension in CODED else []), *map(_title, table.metrics)])
    for row in table.rows:
        code = [guarded(row.value or "")] if table.dimension in CODED else []
        writer.writerow([guarded(row.label), *code, *(_cell(row.numbers[metric]) for metric in table.metrics)])
    return out.getvalue()


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


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        measured = {metric.value: _rounded(row.numbers[metric]) for metric in table.metrics}
        yield {"value": row.value, "label": row.label, **measured}


def _title(metric: Metric) -> str:
    unit = " (%)" if metric in RATES else " (s)" if metric in DURATIONS else ""
    return numbers.TITLES[metric] + unit


def _cell(number: float | None) -> str:
    return "" if number is None else str(_rounded(number))


def _rounded(number: float | None) -> float | None:
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 4)
