"""Visitor keys: one for a property and local day, the same in all processes, deleted when it expires."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from sqlmodel import Session

from proprium.properties.service import delete_property
from proprium.storage.database import Database
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import a_property, moment

MONDAY = date(2026, 11, 2)


def test_every_process_has_the_same_key(database: Database) -> None:
    first, second = VisitorKeys(database), VisitorKeys(Database(database.url))
    assert first.key(1, MONDAY) == second.key(1, MONDAY)
    assert len(first.key(1, MONDAY)) == 32


def test_processes_that_create_a_key_at_once_have_the_same(database: Database) -> None:
    """The second finds no key before the first has stored one, and waits for the write lock."""
    first, late = VisitorKeys(database), VisitorKeys(Database(database.url))
    created: list[bytes] = []

    @contextmanager
    def first_creates_it_meanwhile() -> Iterator[Session]:
        created.append(first.key(1, MONDAY))
        with Database(database.url).write_transaction() as session:
            yield session

    late._database.write_transaction = first_creates_it_meanwhile  # type: ignore[method-assign]
    assert late.key(1, MONDAY) == created[0]


def test_properties_and_days_have_keys_of_their_own(database: Database) -> None:
    keys = VisitorKeys(database)
    days = (MONDAY, MONDAY + timedelta(days=1))
    assert len({keys.key(number, day) for number in (1, 2) for day in days}) == 4


def test_a_key_lives_until_the_next_local_day_ends(database: Database) -> None:
    keys = VisitorKeys(database)
    number = a_property(database, timezone="Pacific/Auckland").number or 0
    monday = keys.key(number, MONDAY)
    # Tuesday ends in Auckland at 11:00 UTC.
    assert keys.destroy_expired(moment("2026-11-03 10:59")) == 0
    assert keys.key(number, MONDAY) == monday
    assert keys.destroy_expired(moment("2026-11-03 11:00")) == 1
    assert VisitorKeys(database).key(number, MONDAY) != monday
    assert keys.key(number, MONDAY) != monday, "it stayed in memory"


def test_a_destroyed_key_is_nowhere_on_disk(database: Database) -> None:
    keys = VisitorKeys(database)
    key = keys.key(1, MONDAY)
    assert key in on_disk(database)
    keys.destroy_expired(moment("2026-11-09"))
    assert key not in on_disk(database)


def test_the_keys_of_a_deleted_property_are_nowhere_on_disk(database: Database) -> None:
    property_ = a_property(database)
    key = VisitorKeys(database).key(property_.number or 0, MONDAY)
    delete_property(database, property_.id)
    assert key not in on_disk(database)


def test_memory_keeps_only_the_keys_that_are_needed(database: Database) -> None:
    keys = VisitorKeys(database)
    for day in range(30):
        keys.key(1, MONDAY + timedelta(days=day))
    assert len(keys._keys) <= 4


def on_disk(database: Database) -> bytes:
    log = Path(f"{database.path}-wal")
    return database.path.read_bytes() + (log.read_bytes() if log.exists() else b"")
