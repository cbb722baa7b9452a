"""CSV that a spreadsheet can open without running what a stranger wrote into it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

STARTS_A_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""What spreadsheets take for the beginning of a formula; OWASP's list, with its wide forms."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def guarded(text: str) -> str:
    """Text that would be run gets an apostrophe before it; numbers stay numbers."""
    return f"'{text}" if text[:1] in STARTS_A_FORMULA and not _NUMBER.fullmatch(text) else text


def csv_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """RFC 4180 in UTF-8. None is an empty cell, True is true."""
    text = io.StringIO()
    # Most cells are harmless texts: they are told by their first letter, without a call.
    csv.writer(text).writerows(
        [
            cell if cell is None or (type(cell) is str and cell[:1] not in STARTS_A_FORMULA) else _cell(cell)
            for cell in row
        ]
        for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")


def _cell(cell: Any) -> Any:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return guarded(cell) if isinstance(cell, str) else cell
