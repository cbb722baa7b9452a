"""The process that runs one statement of somebody's SQL: reads a request, answers on stdout, and ends.

It is started with nothing but the snapshot: no setting, no secret and no folder of ours. It imports nothing of ours
but the fence, so that it is there in a blink.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb

from proprium.sql_console import seccomp

MEMORY = "400MB"
LONGEST_CELL = 10_000
"""Characters; what is longer is cut, and the answer says so."""
AT_ONCE = 200  # rows are fetched so many at a time, so that a cap on bytes comes before they fill the memory

ONLY_SELECT = "Only questions can be asked here: SELECT, WITH, DESCRIBE, SUMMARIZE, EXPLAIN and the like."
ONLY_ONE = "One statement at a time, please: this is {} of them."
NOTHING = "There is no statement to run."
PIVOT = "PIVOT has to be told its values: PIVOT … ON column IN (value, value) USING …."
TOO_MUCH = f"This took more memory than a query may have ({MEMORY}). Ask for less at once, or group it."

_EXPLAIN = re.compile(r"(?is)^(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(?:\s*\([^)]*\))?(?:\s+ANALYZE\b)?")
# Whatever Python would import or read at its first value of a type, it must have seen before the doors are shut.
_WARM_UP = (
    "SELECT now(), now()::TIMESTAMP, current_date, localtime, uuid(), 1.5::DECIMAL(9, 2), [1], {'a': 1}, MAP {'a': 1},"
    " 'x'::BLOB, INTERVAL 1 DAY, '{}'::JSON, '12:00'::TIME, 1::HUGEINT"
)


class Refused(Exception):
    """The statement is not run."""


def main() -> None:
    seccomp.limit()
    request = json.load(sys.stdin)
    database = opened(request["file"], request["timezone"])
    is_fenced = seccomp.shut()
    told = {**answer(database, request), "is_fenced": is_fenced}
    sys.stdout.write(json.dumps(told, ensure_ascii=False))


def opened(file: int, timezone: str) -> duckdb.DuckDBPyConnection:
    """The snapshot, read-only, from where nothing else can be reached or set any more."""
    options: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY, "temp_directory": ""}
    options |= {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    options |= {"python_enable_replacements": False, "secret_directory": "/", "async_threads": 0}
    database = duckdb.connect(f"/dev/fd/{file}", read_only=True, config=options)
    database.execute(f"SET TimeZone = '{timezone}'")
    database.execute(_WARM_UP).fetchall()
    database.execute("SET errors_as_json = true")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def answer(database: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Columns and rows, or an error."""
    sql = request["sql"]
    try:
        return answered(database, sql, request["rows"], request["bytes"])
    except (duckdb.Error, Refused, MemoryError, OverflowError, ValueError, RecursionError) as problem:
        return refusal(problem, sql)


def answered(database: duckdb.DuckDBPyConnection, sql: str, most_rows: int, most_bytes: int) -> dict[str, Any]:
    check(database, sql)
    began = time.perf_counter()
    cursor = database.execute(sql)
    columns = [{"name": str(name), "type": str(kind)} for name, kind, *_ in cursor.description or ()]
    rows, cut = fetched(cursor, most_rows, most_bytes)
    return {"columns": columns, "rows": rows, "cut": cut, "elapsed_s": time.perf_counter() - began}


def check(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises Refused for anything but one question. The database would refuse most of it anyway."""
    kinds = [statement.type.name for statement in database.extract_statements(sql)]
    if not kinds:
        raise Refused(NOTHING)
    if len(kinds) > 1:
        raise Refused(ONLY_ONE.format(len(kinds)))
    if kinds[0] == "EXPLAIN" and (found := _EXPLAIN.match(sql)):
        check(database, sql[found.end() :])
    elif kinds[0] == "MULTI":
        raise Refused(PIVOT)
    elif kinds[0] != "SELECT":
        raise Refused(ONLY_SELECT)


def fetched(cursor: duckdb.DuckDBPyConnection, most_rows: int, most_bytes: int) -> tuple[list[list[Any]], str]:
    """The rows that fit, and what was cut: "", "rows", "bytes" or "cells"."""
    rows: list[list[Any]] = []
    size, cut = 0, ""
    while batch := cursor.fetchmany(AT_ONCE):
        for found in batch:
            if len(rows) == most_rows:
                return rows, "rows"
            row, is_cut = plain_row(found)
            size += len(json.dumps(row, ensure_ascii=False).encode())
            if size > most_bytes:
                return rows, "bytes"
            rows.append(row)
            cut = "cells" if is_cut else cut
    return rows, cut


def plain_row(found: Iterable[Any]) -> tuple[list[Any], bool]:
    row = [plain(value) for value in found]
    is_cut = any(isinstance(value, str) and len(value) > LONGEST_CELL for value in row)
    return [value[:LONGEST_CELL] + "…" if isinstance(value, str) and len(value) > LONGEST_CELL else value
            for value in row], is_cut  # fmt: skip


def plain(value: Any) -> Any:
    """What JSON can say; the rest as the text that a person expects."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # neither infinite nor no number
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, clock_time, UUID, timedelta)):
        return str(value)
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, (bytes, bytearray, memoryview)) else str(value)


def refusal(problem: BaseException, sql: str) -> dict[str, Any]:
    """What to tell, and where in the text it happened, if that is known."""
    if isinstance(problem, (MemoryError, duckdb.OutOfMemoryException)):
        return {"error": TOO_MUCH}
    if isinstance(problem, Refused):
        return {"error": str(problem)}
    if not isinstance(problem, duckdb.Error):
        return {"error": f"The result cannot be shown: {problem}."}
    kind, _, text = str(problem).partition(": ")
    try:
        told = json.loads(text)
    except ValueError:
        return {"error": without_trace(str(problem))}
    message = f"{told.get('exception_type', kind)} error: {without_trace(told.get('exception_message', ''))}"
    return {"error": message, **place(sql, told.get("position"))}


def without_trace(text: str) -> str:
    """A fault of the engine itself comes with the names of files."""
    return text.partition("Stack Trace")[0].strip()


def place(sql: str, position: str | None) -> dict[str, int]:
    """Line and column, counted from 1, of an offset in bytes."""
    if position is None or not position.isdigit():
        return {}
    before = sql.encode()[: int(position)].decode(errors="ignore")
    return {"line": before.count("\n") + 1, "column": len(before) - (before.rfind("\n") + 1) + 1}


if __name__ == "__main__":
    main()
