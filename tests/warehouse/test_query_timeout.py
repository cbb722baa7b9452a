"""The query timeout: a slow or abandoned query is cancelled with a message; the next one works."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from proprium.errors import BadQuery, QueryTimeout, QueryTooLarge, WarehouseBusy
from proprium.warehouse.engine import batches
from proprium.warehouse.query_timeout import QueryDeadline, with_deadline
from proprium.warehouse.warehouse import Warehouse, open_warehouse
from tests.support.warehouse_fixture import FilledWarehouse

ENDLESS = text("SELECT sum(a.range * b.range * c.range) FROM range(1000000) a, range(1000000) b, range(1000000) c")


def test_a_query_over_the_deadline_is_cancelled_with_a_message(warehouse: FilledWarehouse) -> None:
    given_up = pytest.raises(QueryTimeout, match=r"timed out after 0\.2 s.*shorter period")
    with with_deadline(QueryDeadline(0.2)), given_up, warehouse.warehouse.read() as connection:
        connection.execute(ENDLESS)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(select(func.count()).select_from(text("range(7)"))) == 7


def test_a_query_that_no_client_waits_for_is_cancelled(warehouse: FilledWarehouse) -> None:
    patience = QueryDeadline()
    threading.Timer(0.2, patience.cancel).start()
    began = time.process_time()
    with with_deadline(patience), pytest.raises(QueryTimeout), warehouse.warehouse.read() as connection:
        connection.execute(ENDLESS)
    assert time.process_time() - began < 20


def test_between_two_statements_patience_ends_as_well(warehouse: FilledWarehouse) -> None:
    patience = QueryDeadline()
    with with_deadline(patience), pytest.raises(QueryTimeout), warehouse.warehouse.read() as connection:
        _ask_twice(connection, patience)


def _ask_twice(connection: Connection, patience: QueryDeadline) -> None:
    assert connection.scalar(text("SELECT 1")) == 1
    patience.cancel()
    connection.execute(text("SELECT 2"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse that may use hardly any memory."""
    opened = open_warehouse(tmp_path / "small.duckdb", memory="20MB", threads=1)
    yield opened
    opened.close()


LONG_TEXT = "SELECT length(string_agg(md5(range::VARCHAR), '')) FROM range(2000000)"


def test_a_query_over_the_memory_limit_fails_with_one_line(small: Warehouse, caplog) -> None:
    with (
        pytest.raises(QueryTooLarge, match="more memory than the server may use") as refused,
        small.read() as connection,
    ):
        connection.execute(text(LONG_TEXT))
    assert refused.value.status == 503
    [record] = caplog.records
    assert record.exc_info is None
    assert "\n" not in record.getMessage()
    with small.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_query_that_bypasses_sqlalchemy_is_cancelled_too(small: Warehouse) -> None:
    with pytest.raises(QueryTooLarge), small.read() as connection:
        list(batches(connection, select(text("*")).select_from(text(f"({LONG_TEXT})"))))


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    opened = open_warehouse(tmp_path / "full.duckdb", memory="20MB", threads=1)
    (tmp_path / "full.duckdb.tmp").write_text("stands where the engine wants its temporary folder")
    with pytest.raises(QueryTooLarge, match="disk is full"), opened.read() as connection:
        connection.execute(text("SELECT md5(range::VARCHAR) AS a FROM range(2000000) ORDER BY a")).all()
    opened.close()


def test_a_question_that_is_nested_too_deeply_is_the_askers_fault(warehouse: FilledWarehouse) -> None:
    with pytest.raises(BadQuery, match="fewer filters"), warehouse.warehouse.read() as connection:
        connection.execute(text("SELECT " + "NOT " * 3_000 + "TRUE"))


def test_a_query_cancelled_for_a_swap_can_be_repeated(warehouse: FilledWarehouse) -> None:
    threading.Timer(0.3, warehouse.warehouse.interrupt_readers).start()
    with pytest.raises(WarehouseBusy, match="Try again"), warehouse.warehouse.read() as connection:
        connection.execute(ENDLESS)


def test_no_error_contains_values_of_the_query(warehouse: FilledWarehouse) -> None:
    """It would stand in the log: thousands of values, and what visitors sent."""
    with pytest.raises(DBAPIError) as raised, warehouse.warehouse.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table WHERE a = :value"), {"value": "swordfish"})
    assert "swordfish" not in str(raised.value)


def test_other_engine_errors_are_passed_on(warehouse: FilledWarehouse) -> None:
    with pytest.raises(Exception, match="no_such_table"), warehouse.warehouse.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))
