"""Downloads of SQL results: rows for CSV, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from proprium.sql_console.results import SqlResult


def table_of(result: SqlResult) -> Iterator[list[Any]]:
    """Yields the column names, then the rows; objects and arrays as JSON text."""
    yield [column.name for column in result.columns]
    for row in result.rows:
        yield [text_of(value) if isinstance(value, (dict, list)) else value for value in row]


def as_json(result: SqlResult) -> bytes:
    """Returns a JSON array of objects; repeated column names are numbered."""
    names: list[str] = []
    for column in result.columns:
        suffix, name = 1, column.name
        while name in names:
            suffix += 1
            name = f"{column.name}_{suffix}"
        names.append(name)
    rows = [dict(zip(names, row, strict=True)) for row in result.rows]
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


def text_of(value: Any) -> str:
    """Returns a cell's display text; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
