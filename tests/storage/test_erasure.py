"""A deletion also removes User-Agents, backups, the log and its own record."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from collector.visitor import visitor_of
from proprium.clock import utc_now
from proprium.properties.service import create_property, delete_property, reset_property
from proprium.storage import instance_settings
from proprium.storage.backups import create_backup, list_backups
from proprium.storage.database import Database
from proprium.storage.erasure import ERASED_SEQ_SETTING, QUIET_PERIOD, finish_deletions
from proprium.storage.events import EventStore
from proprium.storage.retention import prune
from proprium.storage.tables import ChangeKind, EventRow, Property, StorageChange
from tests.support.builders import an_event, moment

NAME, AGENT = f"ada-{secrets.token_hex(12)}", f"Mozilla/5.0 {secrets.token_hex(12)}"


@pytest.fixture
def number(database: Database) -> int:
    """Of a property with one visitor, beside another property's; both stand in a backup."""
    other = create_property(database, "Other", None)
    theirs = create_property(database, "Theirs", None)
    EventStore(database).append(
        [
            an_event("bob", property=other.number),
            an_event(NAME, "2025-01-01 09:00", property=theirs.number, user_agent=AGENT),
        ]
    )
    create_backup(database, database.path.parent, "test")
    return theirs.number or 0


def finish(database: Database, warehouse_erased_to: int = 0) -> None:
    finish_deletions(database, database.path.parent, warehouse_erased_to, quiet_period=timedelta(0))


def traces(folder: Path, *marks: str) -> list[str]:
    return [path.name for path in folder.iterdir() if any(mark.encode() in path.read_bytes() for mark in marks)]


def delete(database: Database, number: int, kind: str) -> None:
    if kind in {"delete", "reset"}:
        with database.session() as session:
            property_ = session.get_one(Property, number)
        (delete_property if kind == "delete" else reset_property)(database, property_.id)
    elif kind == "prune":
        prune(database, moment("2025-06-01"))
    else:
        erase(database, number)


def erase(database: Database, number: int) -> None:
    event: Any = EventRow.__table__  # type: ignore[attr-defined]
    with database.write_transaction() as session:
        session.execute(event.delete().where(event.c.visitor == visitor_of(NAME)))
        session.add(
            StorageChange(kind=ChangeKind.VISITOR_ERASED, property=number, detail={"visitor": visitor_of(NAME)})
        )


@pytest.mark.parametrize("kind", ["delete", "reset", "prune", "erase"])
def test_deleted_events_leave_storage_its_log_and_its_backups(
    database: Database, number: int, tmp_path: Path, kind: str
) -> None:
    assert len(traces(tmp_path, NAME, AGENT)) >= 2
    delete(database, number, kind)
    finish(database)
    assert traces(tmp_path, NAME, AGENT) == []
    assert len(traces(tmp_path, "bob")) == 2, "the rest of storage and of its backup stays"


def test_a_backup_that_is_restored_is_whole(database: Database, number: int, tmp_path: Path) -> None:
    delete(database, number, "delete")
    finish(database)
    [copy] = list_backups(database.path, tmp_path)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT name FROM property").fetchall() == [("Other",)]
        assert connection.execute("SELECT count(*) FROM event").fetchall() == [(1,)]


def test_a_backup_that_cannot_be_changed_is_deleted(database: Database, number: int, tmp_path: Path) -> None:
    [copy] = list_backups(database.path, tmp_path)
    copy.write_bytes(NAME.encode() * 1_000)
    delete(database, number, "delete")
    finish(database)
    assert list_backups(database.path, tmp_path) == []


def test_an_erased_visitors_number_is_removed_once_the_warehouse_has_applied_it(
    database: Database, number: int, tmp_path: Path
) -> None:
    erase(database, number)
    finish(database)
    assert traces(tmp_path, str(visitor_of(NAME))) != []
    finish(database, warehouse_erased_to=1)
    assert traces(tmp_path, str(visitor_of(NAME))) == []


def test_a_deletion_that_is_still_going_on_is_finished_once(database: Database, number: int, tmp_path: Path) -> None:
    delete(database, number, "delete")
    finish_deletions(database, tmp_path, 0)
    assert instance_settings.get(database, ERASED_SEQ_SETTING, 0) == 0
    finish_deletions(database, tmp_path, 0, clock=lambda: utc_now() + QUIET_PERIOD)
    assert instance_settings.get(database, ERASED_SEQ_SETTING) > 0


def test_an_erasure_is_retried_while_the_log_is_being_read(database: Database, number: int, tmp_path: Path) -> None:
    reader = Database(database.url, busy_timeout_s=0.1)
    with Session(reader.engine) as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM event").scalar_one()
        hurried = Database(database.url, busy_timeout_s=0.1)
        delete(hurried, number, "delete")
        finish(hurried)
        assert instance_settings.get(database, ERASED_SEQ_SETTING, 0) == 0
    finish(hurried)
    assert traces(tmp_path, NAME, AGENT) == []
    hurried.close()
    reader.close()


def test_without_a_deletion_there_is_nothing_to_do(database: Database, number: int, monkeypatch) -> None:
    monkeypatch.setattr(Database, "write_transaction", None)
    finish(database)
