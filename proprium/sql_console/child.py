"""Sandboxed child process of the SQL console: runs one statement and exits.

It reads a request from stdin and writes the response to stdout. It gets the snapshot's file descriptor and nothing
else: no settings, secrets or folders of the server. Of Proprium it imports only `seccomp`, so that it starts fast.
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

MEMORY_LIMIT = "400MB"
MAX_CELL_LENGTH = 10_000
"""Characters; longer texts are truncated, and the result says so."""
FETCH_BATCH_SIZE = 200  # rows; small, so that the byte limit takes effect before the rows fill the memory

ONLY_SELECT = "Only read-only statements are allowed: SELECT, WITH, DESCRIBE, SUMMARIZE, EXPLAIN and similar."
ONLY_ONE = "Only one statement can be run at a time; this text contains {}."
NO_STATEMENT = "Enter a statement to run."
PIVOT_NEEDS_VALUES = "PIVOT needs an explicit list of values: PIVOT … ON column IN (value, value) USING …"
OUT_OF_MEMORY = f"The query exceeded its memory limit ({MEMORY_LIMIT}). Select fewer rows or aggregate them."

_EXPLAIN_PATTERN = re.compile(r"(?is)^(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(?:\s*\([^)]*\))?(?:\s+ANALYZE\b)?")
# Loads what Python and DuckDB import or read on the first value of each type: after sandboxing, files cannot be opened.
_WARM_UP_SQL = (
    "SELECT now(), now()::TIMESTAMP, current_date, localtime, uuid(), 1.5::DECIMAL(9, 2), [1], {'a': 1}, MAP {'a': 1},"
    " 'x'::BLOB, INTERVAL 1 DAY, '{}'::JSON, '12:00'::TIME, 1::HUGEINT"
)


class StatementRefused(Exception):
    """The statement is refused and not run."""


def main() -> None:
    """Handles one request. Resource limits come first; the system call filter follows once the snapshot is open."""
    seccomp.apply_limits()
    request = json.load(sys.stdin)
    database = open_snapshot(request["file"], request["timezone"])
    is_sandboxed = seccomp.install_filter()
    response = {**run_request(database, request), "is_sandboxed": is_sandboxed}
    sys.stdout.write(json.dumps(response, ensure_ascii=False))


def open_snapshot(file: int, timezone: str) -> duckdb.DuckDBPyConnection:
    """Opens the snapshot read-only, without access to other files and with a locked configuration."""
    options: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": ""}
    options |= {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    options |= {"python_enable_replacements": False, "secret_directory": "/", "async_threads": 0}
    database = duckdb.connect(f"/dev/fd/{file}", read_only=True, config=options)
    database.execute(f"SET TimeZone = '{timezone}'")
    database.execute(_WARM_UP_SQL).fetchall()
    database.execute("SET errors_as_json = true")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def run_request(database: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the response: columns and rows, or an error."""
    sql = request["sql"]
    try:
        return run_statement(database, sql, request["rows"], request["bytes"])
    except (duckdb.Error, StatementRefused, MemoryError, OverflowError, ValueError, RecursionError) as error:
        return error_response(error, sql)


def run_statement(database: duckdb.DuckDBPyConnection, sql: str, max_rows: int, max_bytes: int) -> dict[str, Any]:
    check_statement(database, sql)
    started_s = time.perf_counter()
    cursor = database.execute(sql)
    columns = [{"name": str(name), "type": str(type_)} for name, type_, *_ in cursor.description or ()]
    rows, cut = fetch_rows(cursor, max_rows, max_bytes)
    return {"columns": columns, "rows": rows, "cut": cut, "elapsed_s": time.perf_counter() - started_s}


def check_statement(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises StatementRefused unless the text is a single read-only statement.

    The snapshot is read-only: DuckDB would refuse most other statements anyway.
    """
    statement_types = [statement.type.name for statement in database.extract_statements(sql)]
    if not statement_types:
        raise StatementRefused(NO_STATEMENT)
    if len(statement_types) > 1:
        raise StatementRefused(ONLY_ONE.format(len(statement_types)))
    if statement_types[0] == "EXPLAIN" and (match := _EXPLAIN_PATTERN.match(sql)):
        check_statement(database, sql[match.end() :])
    elif statement_types[0] == "MULTI":
        raise StatementRefused(PIVOT_NEEDS_VALUES)
    elif statement_types[0] != "SELECT":
        raise StatementRefused(ONLY_SELECT)


def fetch_rows(cursor: duckdb.DuckDBPyConnection, max_rows: int, max_bytes: int) -> tuple[list[list[Any]], str]:
    """Returns the rows within the limits, and what was truncated: "", "rows", "bytes" or "cells"."""
    rows: list[list[Any]] = []
    size_bytes, cut = 0, ""
    while batch := cursor.fetchmany(FETCH_BATCH_SIZE):
        for raw_row in batch:
            if len(rows) == max_rows:
                return rows, "rows"
            row, is_cut = json_row(raw_row)
            size_bytes += len(json.dumps(row, ensure_ascii=False).encode())
            if size_bytes > max_bytes:
                return rows, "bytes"
            rows.append(row)
            cut = "cells" if is_cut else cut
    return rows, cut


def json_row(raw_row: Iterable[Any]) -> tuple[list[Any], bool]:
    """Returns the row as JSON values, and whether a text was truncated."""
    row = [json_value(value) for value in raw_row]
    is_cut = any(isinstance(value, str) and len(value) > MAX_CELL_LENGTH for value in row)
    return [value[:MAX_CELL_LENGTH] + "…" if isinstance(value, str) and len(value) > MAX_CELL_LENGTH else value
            for value in row], is_cut  # fmt: skip


def json_value(value: Any) -> Any:
    """Converts a value to JSON types; types that JSON lacks become readable text, bytes become base64."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has neither infinities nor NaN
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, clock_time, UUID, timedelta)):
        return str(value)
    if isinstance(value, dict):
        return {str(json_value(key)): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, (bytes, bytearray, memoryview)) else str(value)


def error_response(error: BaseException, sql: str) -> dict[str, Any]:
    """Returns the error message, with line and column if DuckDB reports the position."""
    if isinstance(error, (MemoryError, duckdb.OutOfMemoryException)):
        return {"error": OUT_OF_MEMORY}
    if isinstance(error, StatementRefused):
        return {"error": str(error)}
    if not isinstance(error, duckdb.Error):
        return {"error": f"The result cannot be displayed: {error}."}
    error_type, _, text = str(error).partition(": ")
    try:
        details = json.loads(text)
    except ValueError:
        return {"error": strip_stack_trace(str(error))}
    message = (
        f"{details.get('exception_type', error_type)} error: {strip_stack_trace(details.get('exception_message', ''))}"
    )
    return {"error": message, **error_position(sql, details.get("position"))}


def strip_stack_trace(text: str) -> str:
    """Removes the stack trace that DuckDB appends to internal errors: it contains file names."""
    return text.partition("Stack Trace")[0].strip()


def error_position(sql: str, position: str | None) -> dict[str, int]:
    """Returns line and column, both from 1, of an offset in UTF-8 bytes; {} if there is none."""
    if position is None or not position.isdigit():
        return {}
    text_before = sql.encode()[: int(position)].decode(errors="ignore")
    return {"line": text_before.count("\n") + 1, "column": len(text_before) - (text_before.rfind("\n") + 1) + 1}


if __name__ == "__main__":
    main()
