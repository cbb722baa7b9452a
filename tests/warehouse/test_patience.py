"""A question that takes too long, or that nobody waits for, is given up with a sentence; the next one works."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Connection, func, select, text

from proprium.errors import TooSlow
from proprium.warehouse.patience import Patience, asking
from tests.warehouse_kit import FilledWarehouse

ENDLESS = text("SELECT sum(a.range * b.range * c.range) FROM range(1000000) a, range(1000000) b, range(1000000) c")


def test_a_question_that_takes_too_long_is_given_up_with_a_sentence(warehouse: FilledWarehouse) -> None:
    given_up = pytest.raises(TooSlow, match=r"given up after 0\.2 s.*shorter period")
    with asking(Patience(0.2)), given_up, warehouse.warehouse.read() as connection:
        connection.execute(ENDLESS)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(select(func.count()).select_from(text("range(7)"))) == 7


def test_a_question_that_nobody_waits_for_ends(warehouse: FilledWarehouse) -> None:
    patience = Patience()
    threading.Timer(0.2, patience.cancel).start()
    began = time.process_time()
    with asking(patience), pytest.raises(TooSlow), warehouse.warehouse.read() as connection:
        connection.execute(ENDLESS)
    assert time.process_time() - began < 20


def test_between_two_statements_patience_ends_as_well(warehouse: FilledWarehouse) -> None:
    patience = Patience()
    with asking(patience), pytest.raises(TooSlow), warehouse.warehouse.read() as connection:
        _ask_twice(connection, patience)


def _ask_twice(connection: Connection, patience: Patience) -> None:
    assert connection.scalar(text("SELECT 1")) == 1
    patience.cancel()
    connection.execute(text("SELECT 2"))


def test_an_error_of_the_engine_stays_one(warehouse: FilledWarehouse) -> None:
    with pytest.raises(Exception, match="no_such_table"), warehouse.warehouse.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))
