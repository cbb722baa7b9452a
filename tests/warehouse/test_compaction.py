"""Compaction: after a deletion the warehouse's file is rewritten without the deleted rows."""

from __future__ import annotations

import random
import secrets
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.visitor import visitor_of
from proprium.errors import OperatorError
from proprium.properties.service import create_property, delete_property, reset_property, update_settings
from proprium.storage.retention import prune
from proprium.storage.tables import ChangeKind, EventRow, Property, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.compaction import MAX_DELAY_S, QUIET_PERIOD_S, RETRY_DELAY_S, CompactionSchedule
from proprium.warehouse.engines import duckdb as engine
from tests.support.builders import an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.test_projector import a_week_of_events, assert_as_rebuilt, assert_same_books

NAMES = [secrets.token_urlsafe(24) for _ in range(90)]


def fill(warehouse: FilledWarehouse) -> int:
    """A week of one property, and of another one visitors whose names occur nowhere else; the other's number.

    All of it stands in the file, and not in the log alone.
    """
    number = create_property(warehouse.database, "Other", None).number or 0
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/hidden"])
    warehouse.append(a_week_of_events(count=300))
    warehouse.append(
        [
            an_event(name, f"2025-01-01 {place // 60:02}:{place % 60:02}", f"/{name}", property=number, title=name)
            for place, name in enumerate(NAMES)
        ]
    )
    warehouse.warehouse.checkpoint()
    return number


def traces(warehouse: FilledWarehouse) -> int:
    """How many of the names, or of the visitors' numbers, stand in the files beside the warehouse."""
    files = [path.read_bytes() for path in warehouse.path.parent.glob("warehouse*") if path.is_file()]
    marks = [form for name in NAMES for form in (name.encode(), visitor_of(name).to_bytes(8, "little", signed=True))]
    return sum(mark in content for content in files for mark in marks)


def property_goes(warehouse: FilledWarehouse, number: int) -> None:
    with warehouse.database.session() as session:
        property_ = session.get_one(Property, number)
    delete_property(warehouse.database, property_.id)


def property_is_reset(warehouse: FilledWarehouse, number: int) -> None:
    with warehouse.database.session() as session:
        property_ = session.get_one(Property, number)
    reset_property(warehouse.database, property_.id)


def past_is_pruned(warehouse: FilledWarehouse, _: int) -> None:
    prune(warehouse.database, moment("2025-06-01"))


def visitors_are_erased(warehouse: FilledWarehouse, number: int) -> None:
    event: Any = EventRow.__table__  # type: ignore[attr-defined]
    for name in NAMES:
        with warehouse.database.write_transaction() as session:
            session.execute(event.delete().where(event.c.visitor == visitor_of(name)))
            detail = {"visitor": visitor_of(name)}
            session.add(StorageChange(kind=ChangeKind.VISITOR_ERASED, property=number, detail=detail))


@pytest.mark.parametrize("delete", [property_goes, property_is_reset, past_is_pruned, visitors_are_erased])
def test_deleted_rows_leave_no_bytes_in_the_file(
    warehouse: FilledWarehouse, delete: Callable[[FilledWarehouse, int], None]
) -> None:
    number = fill(warehouse)
    assert traces(warehouse) > 0
    delete(warehouse, number)
    warehouse.projector.catch_up()
    assert warehouse.projector.compact()
    assert traces(warehouse) == 0
    assert not warehouse.projector.compact()
    assert_same_books(warehouse)
    warehouse.warehouse.close()
    warehouse.open()
    assert traces(warehouse) == 0
    assert_as_rebuilt(warehouse)


def test_a_pending_compaction_is_done_after_a_restart(warehouse: FilledWarehouse) -> None:
    property_is_reset(warehouse, fill(warehouse))
    warehouse.projector.catch_up()
    warehouse.warehouse.close()
    warehouse.open()
    assert traces(warehouse) > 0
    assert warehouse.projector.compact()
    assert traces(warehouse) == 0


def test_a_file_from_before_this_was_noted_is_written_again_once(warehouse: FilledWarehouse) -> None:
    fill(warehouse)
    with warehouse.warehouse.write() as connection:
        schema.compaction.drop(connection)
    warehouse.warehouse.close()
    warehouse.open()
    assert warehouse.projector.compact()
    assert not warehouse.projector.compact()
    assert_same_books(warehouse)


def test_a_change_of_rules_deletes_nothing(warehouse: FilledWarehouse) -> None:
    fill(warehouse)
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/nothing"])
    warehouse.projector.catch_up()
    assert not warehouse.projector.compact()


def test_events_and_deletions_during_a_compaction_are_applied(warehouse: FilledWarehouse, monkeypatch) -> None:
    monkeypatch.setattr(engine, "COPY_ROWS", 100)
    number = fill(warehouse)
    property_is_reset(warehouse, number)
    warehouse.projector.catch_up()
    copy_table, calls = engine._copy_table, []

    def copy_while_others_write(*args: Any) -> None:
        calls.append(1)
        warehouse.store.append([an_event("late", f"2026-11-05 09:{len(calls):02}", property=number)])
        if len(calls) == 2:
            prune(warehouse.database, moment("2026-11-02 06:00"))
        copy_table(*args)

    monkeypatch.setattr(engine, "_copy_table", copy_while_others_write)
    assert warehouse.projector.compact()
    assert len(calls) == 4
    assert_same_books(warehouse)
    assert warehouse.projector.compact(), "what was pruned meanwhile stands in the new file"
    warehouse.projector.catch_up()
    assert_as_rebuilt(warehouse)


def test_a_failed_copy_leaves_the_warehouse_unchanged(warehouse: FilledWarehouse, monkeypatch) -> None:
    property_is_reset(warehouse, fill(warehouse))
    warehouse.projector.catch_up()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_copy_table", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            warehouse.projector.compact()
    assert not warehouse.warehouse.engine.rebuild_path.exists()
    warehouse.append([an_event("ada", "2026-11-05 09:00")])
    assert_same_books(warehouse)
    assert warehouse.projector.compact()
    assert_same_books(warehouse)


def test_a_disk_that_is_too_small_is_logged_and_the_compaction_stays_pending(
    warehouse: FilledWarehouse, monkeypatch
) -> None:
    property_is_reset(warehouse, fill(warehouse))
    warehouse.projector.catch_up()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1))
    with pytest.raises(OperatorError, match=r"cannot be erased from warehouse\.duckdb yet"):
        warehouse.projector.compact()
    assert warehouse.projector.erased_to() == 0
    monkeypatch.undo()
    assert warehouse.projector.compact()
    assert warehouse.projector.erased_to() > 0


def test_a_killed_compaction_is_done_after_a_restart(warehouse: FilledWarehouse, tmp_path: Path) -> None:
    property_is_reset(warehouse, fill(warehouse))
    warehouse.warehouse.close()
    command = [sys.executable, "-m", "tests.warehouse.killed", str(tmp_path), "compact"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        time.sleep(random.uniform(0.05, 0.6))
        process.kill()
    assert process.returncode == -9, "it had ended before it was killed"

    warehouse.open()
    warehouse.projector.catch_up()
    warehouse.projector.compact()
    assert traces(warehouse) == 0
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


class Now:
    value = 1_000.0

    def __call__(self) -> float:
        return self.value


def test_a_compaction_waits_for_the_end_of_a_deletion_up_to_a_limit() -> None:
    now = Now()
    schedule = CompactionSchedule(now)
    assert not schedule.is_due(False, 1)
    assert not schedule.is_due(True, 2)
    now.value += QUIET_PERIOD_S
    assert schedule.is_due(True, 2)
    for change in range(3, 100):
        now.value += QUIET_PERIOD_S / 2
        if schedule.is_due(True, change):
            break
    assert now.value == pytest.approx(1_000 + MAX_DELAY_S, abs=QUIET_PERIOD_S)


def test_compactions_pause_for_their_duration_and_longer_after_a_failure() -> None:
    now = Now()
    schedule = CompactionSchedule(now)
    schedule.is_due(True, 1)
    schedule.record_success(40)
    for seconds, is_due in ((20, False), (19, False), (1, True)):
        now.value += seconds
        assert schedule.is_due(True, 1) is is_due
    schedule.record_failure()
    now.value += RETRY_DELAY_S - 1
    assert not schedule.is_due(True, 1)
    now.value += 1
    assert schedule.is_due(True, 1)
