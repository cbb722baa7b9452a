"""Deleted events are gone, and the warehouse learns of it in the same transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from proprium.storage import retention
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_codec import to_timestamp_us
from proprium.storage.events import EventStore, count_events, read_events
from proprium.storage.tables import ChangeKind, StorageChange
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
