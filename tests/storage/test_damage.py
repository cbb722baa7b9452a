"""Damage of the storage file is said plainly, with the way out: at the start, in commands, and while it runs."""

from __future__ import annotations

import logging
import os
import random
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from collector.errors import StoreUnavailable
from proprium.commands import common
from proprium.errors import OperatorError
from proprium.properties.service import create_property
from proprium.storage import instance_settings
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import migrate, wait_for_schema
from tests.support.builders import an_event

PAGE_BYTES = 4_096


@pytest.fixture
def filled(database: Database) -> Path:
    """A closed file with a few hundred events."""
    create_property(database, "Example", None)
    store = EventStore(database)
    store.append([an_event(page=f"/{'x' * 300}/{index}") for index in range(400)])
    store.close()
    database.truncate_wal()
    database.close()
    return database.path


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def damage_all_pages(path: Path, first: int = 1) -> None:
    for offset in range(first * PAGE_BYTES, path.stat().st_size, PAGE_BYTES):
        overwrite(path, offset, b"\xff" * 64)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_stops_the_start_with_the_way_out(filled: Path, seed: int) -> None:
    chance = random.Random(seed)
    kind = seed % 4
    if kind == 0:
        overwrite(filled, 0, chance.randbytes(100))
    elif kind == 1:
        overwrite(filled, PAGE_BYTES * chance.randrange(1, 20), b"\xff" * 200)
    elif kind == 2:
        os.truncate(filled, chance.randrange(5_000, filled.stat().st_size - 2 * PAGE_BYTES))
    else:
        damage_all_pages(filled)
    database = Database(f"sqlite:///{filled}")
    with pytest.raises(OperatorError) as raised:
        migrate(database)
    database.close()
    message = str(raised.value)
    assert str(filled) in message
    assert "is damaged: " in message
    assert "newest backup (proprium.sqlite3.….bak)" in message
    assert "sqlite3 proprium.sqlite3 .recover" in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"no database at all " * 300, bytes(8_192)[:-1] + b"x"])
def test_a_file_that_is_no_database_stops_every_command(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proprium.sqlite3").write_bytes(content)
    monkeypatch.setenv("PROPRIUM_DATA_DIR", str(tmp_path))
    with (
        pytest.raises(OperatorError, match=r"proprium\.sqlite3 is damaged: file is not a database"),
        common.open_storage(),
    ):
        pass
    database = Database(f"sqlite:///{tmp_path / 'proprium.sqlite3'}")
    with pytest.raises(OperatorError, match="is damaged"):
        wait_for_schema(database, timeout_s=1)


def test_a_command_that_meets_damage_says_so(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_DATA_DIR", str(filled.parent))
    damage_all_pages(filled, first=30)
    with pytest.raises(OperatorError, match="is damaged"), common.open_storage() as (_, database):
        ChangeFeed(database).batch_after(0, 1_000)


def test_a_sound_file_starts(filled: Path) -> None:
    database = Database(f"sqlite:///{filled}")
    migrate(database)
    assert database.damage is None
    database.close()


def test_a_large_file_is_not_read_at_the_start(filled: Path) -> None:
    damage_all_pages(filled, first=30)
    database = Database(f"sqlite:///{filled}")
    database.check(max_bytes=filled.stat().st_size - 1)
    with pytest.raises(OperatorError):
        database.check(max_bytes=filled.stat().st_size)
    database.close()


def test_damage_met_while_running_is_noted_and_logged_once(filled: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(f"sqlite:///{filled}")
    feed = ChangeFeed(database)
    damage_all_pages(filled, first=30)
    for _ in range(2):
        with caplog.at_level(logging.ERROR), pytest.raises(Exception, match=r"malformed|codec"):
            feed.batch_after(0, 1_000)
    assert "malformed" in (database.damage or "")
    [record] = [record for record in caplog.records if record.message == "storage is damaged"]
    assert ".recover" in record.error  # type: ignore[attr-defined]
    feed.close()
    database.close()


def test_damage_met_by_an_append_or_a_statement_is_noted(filled: Path) -> None:
    for attempt in ("append", "statement"):
        database = Database(f"sqlite:///{filled}")
        damage_all_pages(filled)
        store = EventStore(database)
        act = partial(store.append, [an_event()]) if attempt == "append" else database.ping
        with pytest.raises((StoreUnavailable, DatabaseError)):
            act()
        assert database.damage is not None
        database.close()


def test_a_locked_or_full_database_is_not_called_damaged(filled: Path) -> None:
    database = Database(f"sqlite:///{filled}", busy_timeout_s=0.01)
    with database.write_transaction() as session:
        instance_settings.write(session, "held", True)
        session.flush()
        with pytest.raises(OperatorError, match="cannot be used: database is locked"), database.operator_errors():
            instance_settings.put(database, "wanted", True)
    assert database.damage is None
    database.close()
