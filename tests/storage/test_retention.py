"""Deleted events are gone, and the warehouse learns of it in the same transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from proprium.properties import service
from proprium.storage import backups, rejected_events, retention
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_codec import to_timestamp_us
from proprium.storage.events import EventStore, count_events, read_events
from proprium.storage.tables import ChangeKind, Property, RejectedEvent, StorageChange
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import a_property, an_event, moment


@pytest.fixture
def changes(database: Database) -> Iterator[ChangeFeed]:
    tail = ChangeFeed(database)
    yield tail
    tail.close()


def kinds(tail: ChangeFeed) -> list[tuple[str, int | None]]:
    return [(change.kind, change.property) for change in tail.changes_after(0)]


def test_a_deleted_propertys_events_go_and_others_stay(database: Database, changes: ChangeFeed) -> None:
    EventStore(database).append([an_event(property=1), an_event(property=2), an_event(property=1)])
    assert retention.delete_property_events(database, 1) == 2
    assert (count_events(database, 1), count_events(database, 2)) == (0, 1)
    assert kinds(changes) == [(ChangeKind.PROPERTY_DELETED, 1)]


def test_a_long_history_is_deleted_in_reported_batches(database: Database, changes: ChangeFeed) -> None:
    EventStore(database).append([an_event() for _ in range(25)])
    assert retention.delete_property_events(database, 1, batch_size=10) == 25
    assert count_events(database) == 0
    assert kinds(changes) == [(ChangeKind.PROPERTY_DELETED, 1)] * 3


def test_pruning_deletes_what_is_older(database: Database, changes: ChangeFeed) -> None:
    old, new = an_event(at="2026-01-31 23:59:59"), an_event(at="2026-02-01 00:00")
    EventStore(database).append([new, old, an_event(at="2025-01-01 00:00", property=2)])
    assert retention.count_before(database, moment("2026-02-01")) == 2
    assert retention.prune(database, moment("2026-02-01")) == 2
    assert [event.id for event in read_events(database)] == [new.id]
    [change] = changes.changes_after(0)
    assert (change.kind, change.property, change.before) == ("pruned", None, to_timestamp_us(moment("2026-02-01")))


def test_pruning_one_property_leaves_the_others(database: Database, changes: ChangeFeed) -> None:
    EventStore(database).append([an_event(at="2025-01-01"), an_event(at="2025-01-01", property=2)])
    assert retention.count_before(database, moment("2026-01-01"), 2) == 1
    assert retention.prune(database, moment("2026-01-01"), 2) == 1
    assert (count_events(database, 1), count_events(database, 2)) == (1, 0)
    assert kinds(changes) == [(ChangeKind.PRUNED, 2)]


def test_pruning_in_batches_deletes_old_events_everywhere(database: Database) -> None:
    ages = ["2025-01-01", "2026-06-01", "2025-01-01", "2026-06-01", "2026-06-01", "2025-01-01", "2025-01-01"]
    EventStore(database).append([an_event(at=age) for age in ages])
    assert retention.prune(database, moment("2026-01-01"), batch_size=2) == 4
    assert count_events(database) == 3


def test_pruning_nothing_says_nothing(database: Database, changes: ChangeFeed) -> None:
    assert retention.prune(database, moment("2026-01-01")) == 0
    EventStore(database).append([an_event()])
    assert retention.prune(database, moment("2026-01-01")) == 0
    assert kinds(changes) == []


def test_events_that_arrive_after_their_property_went_are_swept_away(database: Database, changes: ChangeFeed) -> None:
    known = a_property(database)
    assert known.number is not None
    EventStore(database).append([an_event(property=known.number), an_event(property=99)])
    assert retention.delete_orphaned_events(database) == 1
    assert (count_events(database, known.number), count_events(database, 99)) == (1, 0)
    assert kinds(changes) == [(ChangeKind.PROPERTY_DELETED, 99)]


def test_collectors_get_in_while_a_long_history_is_deleted(database: Database) -> None:
    EventStore(database).append([an_event() for _ in range(100)])
    deleting = threading.Thread(target=retention.delete_property_events, args=(database, 1), kwargs={"batch_size": 20})
    deleting.start()
    store, stored = EventStore(Database(database.url, busy_timeout_s=1)), 0
    while deleting.is_alive():
        stored += sum(store.append([an_event(property=2)]))
        time.sleep(0.02)  # as the collector's committer does
    assert stored == count_events(database, 2) > 0
    assert count_events(database, 1) == 0


def test_a_deletion_that_fails_tells_nothing(database: Database, changes: ChangeFeed) -> None:
    EventStore(database).append([an_event()])
    with suppress(ZeroDivisionError), database.write_transaction() as session:
        retention.delete_property_event_batch(session, 1, ChangeKind.PROPERTY_DELETED)
        raise ZeroDivisionError
    assert count_events(database) == 1
    assert kinds(changes) == []


def test_deleted_text_is_overwritten(database: Database) -> None:
    EventStore(database).append([an_event(title="a very private title")])
    database.truncate_wal()
    assert b"a very private title" in database.path.read_bytes()
    retention.delete_property_events(database, 1)
    assert b"a very private title" not in database.path.read_bytes()


def test_a_change_stores_its_detail(database: Database) -> None:
    with database.write_transaction() as session:
        session.add(StorageChange(kind=ChangeKind.VISITOR_ERASED, property=1, detail={"visitor": -(2**63)}))
    with database.session() as session:
        change = session.get(StorageChange, 1)
    assert change is not None
    assert change.detail == {"visitor": -(2**63)}


DELETIONS: dict[str, Callable[[Database, Property], object]] = {
    "prune": lambda database, property_: retention.prune(database, moment("2026-01-01"), property_.number),
    "reset": lambda database, property_: service.reset_property(database, property_.id),
    "delete": lambda database, property_: service.delete_property(database, property_.id),
    "clear rejected events": lambda database, property_: rejected_events.clear(database, property_.number or 0),
}
TABLES = [table for table in SQLModel.metadata.sorted_tables if "property" in table.c and table.name != "change"]


def rows_of(database: Database, property_number: int | None) -> dict[str, list[Any]]:
    """The rows of a property in every table that has a property, but the log of deletions."""
    with database.engine.connect() as connection:
        return {
            table.name: list(connection.execute(select(table).where(table.c.property == property_number)))
            for table in TABLES
        }


def two_properties(database: Database) -> tuple[Property, Property]:
    """Two properties with a row in each of TABLES."""
    first, second = a_property(database, "First"), a_property(database, "Second")
    for number in (first.number or 0, second.number or 0):
        EventStore(database).append([an_event(at="2025-01-01", property=number)])
        VisitorKeys(database).key(number, date(2025, 1, 1))
        with database.write_transaction() as session:
            session.add(RejectedEvent(property=number, at=moment("2025-01-01"), reason="bot", event="page_view"))
    return first, second


@pytest.mark.parametrize("deletion", DELETIONS)
def test_what_is_deleted_of_one_property_is_deleted_of_no_other(database: Database, deletion: str) -> None:
    first, second = two_properties(database)
    before = [rows_of(database, each.number) for each in (first, second)]
    assert all(map(all, (rows.values() for rows in before)))
    DELETIONS[deletion](database, first)
    assert rows_of(database, first.number) != before[0]
    assert rows_of(database, second.number) == before[1]


@pytest.mark.parametrize("deletion", ["prune", "reset", "delete"])
def test_a_backup_holds_what_storage_still_has(database: Database, tmp_path: Path, deletion: str) -> None:
    first, second = two_properties(database)
    backup = backups.create_backup(database, tmp_path, "test")
    DELETIONS[deletion](database, first)
    backups.erase_from_copies(database, tmp_path)
    copy = Database(f"sqlite:///{backup}")
    for property_ in (first, second):
        expected = rows_of(database, property_.number) | {"visitor_key": []}  # no backup has keys
        assert rows_of(copy, property_.number) == expected
    copy.close()
