"""Exports a breakdown table as CSV or JSON, with unformatted numbers."""

from __future__ import annotations

import json as json_format
from typing import Any

from proprium.figures.names import NameLookup
from proprium.metrics.catalog.dimension_spec import Codes
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.definitions import untranslated_title
from proprium.metrics.query.filters import dimension_name
from proprium.metrics.query.query import Query
from proprium.metrics.results import DURATIONS, RATES, BreakdownTable, Dimension, Metric
from proprium.serialization.csv_cells import csv_bytes

CODED_DIMENSIONS = frozenset(
    dimension for dimension in Dimension if dimension.spec.is_clock or dimension.spec.codes is Codes.PLACE
)
"""Dimensions whose labels differ from their filter values: the CSV has a column for each."""


def to_csv(table: BreakdownTable) -> bytes:
    """Returns CSV with a header line; durations in seconds, rates in percent, unknown numbers empty.

    The share, of what the card says, stands behind the first metric, which rows are ranked by.
    """
    has_codes = table.dimension in CODED_DIMENSIONS
    titles = [_column_title(table, metric) for metric in table.metrics]
    titles.insert(1, "Share (%)")
    rows: list[list[Any]] = [[dimension_name(table.dimension), *(["Code"] if has_codes else []), *titles]]
    for row in table.rows:
        code = [row.value or ""] if has_codes else []
        values = [_round(row.numbers[metric]) for metric in table.metrics]
        values.insert(1, _round(table.share_percent(row)))
        rows.append([row.label, *code, *values])
    return csv_bytes(rows)


def _column_title(table: BreakdownTable, metric: Metric) -> str:
    """Returns the title of a column with its unit; what the rows of bots count are hits."""
    spec = spec_of(table.dimension)
    is_ranking = metric is spec.default_metric and metric is not Metric.VISITORS
    title = spec.count_title if is_ranking else untranslated_title(metric, table)
    return title + (" (%)" if metric in RATES else " (s)" if metric in DURATIONS else "")


def to_json(table: BreakdownTable, query: Query, lookup_name: NameLookup) -> str:
    """Returns JSON of the rows with dimension, period, filters and sort, so that the file is self-explanatory."""
    period = query.period
    rows = [
        {
            "value": row.value,
            "label": row.label,
            "share_percent": _round(table.share_percent(row)),
            **{metric.value: _round(row.numbers[metric]) for metric in table.metrics},
        }
        for row in table.rows
    ]
    document = {
        "dimension": table.dimension,
        "period": {"from": period.start.isoformat(), "to": period.end.isoformat(), "timezone": query.timezone.key},
        "filters": [filter_.to_text() for filter_ in query.filters],
        "filters_in_words": [filter_.label(lookup_name) for filter_ in query.filters],
        "filters_not_for_bots": [filter_.to_text() for filter_ in query.filters_not_for_bots],
        "sort": table.sort,
        "total": table.total,
        "matching_total": table.matching_total,
        "rows": rows,
    }
    return json_format.dumps(document, ensure_ascii=False, indent=1)


def _round(number: float | None) -> float | None:
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 4)
