"""A statement that is fine: what comes back, in which words, and as which file."""

from __future__ import annotations

import csv
import io
import json
import os

import duckdb
import pytest

from proprium.errors import SqlRefused
from proprium.serialization.csv_cells import csv_bytes
from proprium.sql_console.child import check_statement
from proprium.sql_console.downloads import as_json, table_of
from proprium.sql_console.examples import EXAMPLES, Example
from proprium.sql_console.results import ResultColumn, SqlResult
from proprium.sql_console.snapshot import SnapshotScope
from tests.sql.conftest import OURS, THEIRS, SqlUser


async def test_values_of_every_kind_come_as_a_person_reads_them(sql_user: SqlUser) -> None:
    result = await sql_user.run("""
        SELECT 1, 2::HUGEINT << 100, 1.50, 'NaN'::DOUBLE, true, NULL, 'ä', DATE '2026-11-02', TIME '09:00',
               TIMESTAMPTZ '2026-11-02 09:00:00+00', TIMESTAMP '2026-11-02 09:00', INTERVAL 36 HOUR,
               '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID, [1, NULL], {'a': DATE '2026-01-01'}, 'x'::BLOB,
               '{"a": 1}'::JSON
    """)
    assert result.rows == [
        [
            *(1, 2**101, 1.5, "nan", True, None, "ä", "2026-11-02", "09:00:00"),
            *("2026-11-02 10:00:00+01:00", "2026-11-02 09:00:00", "1 day, 12:00:00"),
            *("6ba7b810-9dad-11d1-80b4-00c04fd430c8", [1, None], {"a": "2026-01-01"}, "eA==", '{"a": 1}'),
        ]
    ]
    assert [column.is_number for column in result.columns[:8]] == [True, True, True, True, False, False, False, False]
    assert [column.is_time for column in result.columns[7:11]] == [True, False, True, True]


async def test_days_are_those_of_the_property(sql_user: SqlUser) -> None:
    days = "SELECT DISTINCT created_at::DATE::VARCHAR AS day FROM events ORDER BY day"
    assert (await sql_user.run(days)).rows == [["2026-11-01"], ["2026-11-02"]]  # 23:30 UTC is the next day in Berlin
    assert (await sql_user.run(days, OURS, THEIRS)).rows == [["2026-10-31"], ["2026-11-02"]]


@pytest.mark.parametrize(
    "sql",
    [
        *("DESCRIBE events", "SUMMARIZE sessions", "SHOW TABLES", "FROM events", "TABLE events", "VALUES (1)"),
        *("WITH a AS (SELECT 1) FROM a", "EXPLAIN SELECT 1", "/* so */ EXPLAIN (ANALYZE) -- well\n FROM events"),
        "PIVOT events ON event IN ('click', 'scroll') USING count(*)",
    ],
)
def test_whatever_only_asks_is_a_question(sql: str) -> None:
    with duckdb.connect() as engine:
        check_statement(engine, sql)


async def test_questions_about_the_tables_are_answered(sql_user: SqlUser) -> None:
    described = await sql_user.run("DESCRIBE properties;")
    assert [row[:2] for row in described.rows][:2] == [["property", "VARCHAR"], ["id", "UUID"]]


async def test_a_mistake_is_told_with_its_place(sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused, match='Referenced column "pagee" not found') as refused:
        await sql_user.run("SELECT 'ä',\n  pagee\nFROM events")
    assert (refused.value.line, refused.value.column) == (2, 3)


async def test_the_answer_says_what_was_asked(sql_user: SqlUser) -> None:
    _, held = await sql_user.run_with_snapshot_info("SELECT 1")
    assert (held.event_count, held.session_count, held.timezone, held.since) == (5, 3, "Europe/Berlin", None)
    assert held.taken_text == "23:00:00"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_every_example_runs(example: Example, sql_user: SqlUser) -> None:
    file, _ = sql_user.snapshots.open(SnapshotScope((OURS,), None))
    with duckdb.connect(f"/dev/fd/{file}", read_only=True) as engine:
        check_statement(engine, example.sql)
        assert engine.execute(example.sql).description
    os.close(file)


def a_result(*rows: tuple[object, ...], names: tuple[str, ...] = ("page", "views")) -> SqlResult:
    return SqlResult(tuple(ResultColumn(name, "VARCHAR") for name in names), [list(row) for row in rows], 0.01)


def as_csv(result: SqlResult) -> bytes:
    """As the page writes it."""
    return csv_bytes(table_of(result))


def test_a_spreadsheet_computes_nothing_of_a_csv() -> None:
    dangerous = ["=1+1", "+cmd", "-2+3", "@sum", "\tx", "\rx", "-.5"]
    plain = ["-5", "+1.5e3", -2.5, "text", "a=b", None, True, {"a": 1}]
    rows = csv.reader(io.StringIO(as_csv(a_result(*((value, 1) for value in dangerous + plain))).decode("utf-8-sig")))
    assert next(rows) == ["page", "views"]
    cells = [row[0] for row in rows]
    assert cells[:7] == [f"'{value}" for value in dangerous]
    assert cells[7:] == ["-5", "+1.5e3", "-2.5", "text", "a=b", "", "true", '{"a": 1}']


def test_a_name_of_a_column_is_no_formula_either() -> None:
    assert as_csv(a_result(names=("=HYPERLINK(1)", "x"))).decode("utf-8-sig") == "'=HYPERLINK(1),x\r\n"


def test_json_keeps_types_and_both_of_two_columns_with_one_name() -> None:
    json_rows = json.loads(as_json(a_result(("/", 3), (None, 1.5), names=("a", "a"))))
    assert json_rows == [{"a": "/", "a_2": 3}, {"a": None, "a_2": 1.5}]
