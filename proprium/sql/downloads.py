"""A result as a file: CSV that is safe in a spreadsheet, and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from proprium.sql.results import Result

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def as_csv(result: Result) -> bytes:
    """With a byte order mark: spreadsheets would take it for another encoding."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_cell(column.name) for column in result.columns])
    writer.writerows([_cell(value) for value in row] for row in result.rows)
    return text.getvalue().encode("utf-8-sig")


def as_json(result: Result) -> bytes:
    """A list of objects; of columns with one name, the later ones are numbered."""
    names = _distinct([column.name for column in result.columns])
    rows = [dict(zip(names, row, strict=True)) for row in result.rows]
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()


def text_of(value: Any) -> str:
    """A cell as a person reads it; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _cell(value: Any) -> str:
    """A text that a spreadsheet would compute gets an apostrophe; a number does not."""
    text = text_of(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _distinct(names: list[str]) -> list[str]:
    free: list[str] = []
    for name in names:
        number, wanted = 1, name
        while wanted in free:
            number += 1
            wanted = f"{name}_{number}"
        free.append(wanted)
    return free
