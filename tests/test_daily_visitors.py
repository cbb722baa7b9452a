"""Visitors without a cookie, from the hit to the session: one visit over midnight, and keys that leave nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from collector.event import Event
from collector.geolocation import GeoIPDatabase
from collector.pipeline import Pipeline
from proprium.config import Settings
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.properties.service import update_settings
from proprium.server.scheduled_jobs import run_once, standard_jobs
from proprium.storage.backups import create_backup
from proprium.storage.database import Database
from proprium.storage.tables import VisitorKey
from proprium.storage.visitor_keys import VisitorKeys
from proprium.warehouse import schema
from tests.support.builders import a_hit, moment
from tests.support.warehouse_fixture import FilledWarehouse

MONDAY = date(2026, 11, 2)


class CollectorProcess:
    """A collector's process: keys and rules of its own, storage that all share."""

    def __init__(self, database: Database, property_id: UUID) -> None:
        self._directory = PropertyRulesCache(database)
        self._pipeline = Pipeline(GeoIPDatabase(None), VisitorKeys(database))
        self._property_id = property_id

    def event(self, at: str, page: str, address: str = "192.0.2.7") -> Event:
        rules = self._directory.find(self._property_id)
        assert rules is not None
        data = {"url": page, "hostname": "example.com"}
        return self._pipeline.run(a_hit(self._property_id, at=at, data=data, address=address), rules)


def sessions(filled: FilledWarehouse) -> list[tuple[int, str, str]]:
    """Views, first and last page of each, in the order of their start."""
    s = schema.session.c
    with filled.warehouse.read() as connection:
        rows = connection.execute(select(s.views, s.entry_page, s.exit_page).order_by(s.started_at, s.session))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("timezone", "before", "after"),
    [
        ("UTC", "2026-11-02 23:55", "2026-11-03 00:05"),
        ("Asia/Kolkata", "2026-11-02 18:25", "2026-11-02 18:35"),
        ("America/New_York", "2026-11-03 04:55", "2026-11-03 05:05"),
    ],
)
def test_a_visitor_before_and_after_local_midnight_is_one_session(
    warehouse: FilledWarehouse, timezone: str, before: str, after: str
) -> None:
    update_settings(warehouse.database, warehouse.property.id, timezone=timezone, is_cookieless=True)
    one, other = (CollectorProcess(warehouse.database, warehouse.property.id) for _ in range(2))
    first, last = one.event(before, "/a"), other.event(after, "/b")
    assert first.visitor != last.visitor
    warehouse.append([first])
    warehouse.append([last, other.event(after, "/c", address="198.51.100.1")])
    assert sessions(warehouse) == [(2, "/a", "/b"), (1, "/c", "/c")]


def test_who_comes_back_after_the_gap_begins_another_session(warehouse: FilledWarehouse) -> None:
    update_settings(warehouse.database, warehouse.property.id, is_cookieless=True)
    door = CollectorProcess(warehouse.database, warehouse.property.id)
    warehouse.append([door.event("2026-11-02 23:40", "/a"), door.event("2026-11-03 00:11", "/b")])
    assert sessions(warehouse) == [(1, "/a", "/a"), (1, "/b", "/b")]


def test_two_collectors_that_meet_a_day_at_once_know_a_visitor_as_one(database: Database, warehouse) -> None:
    update_settings(database, warehouse.property.id, is_cookieless=True)
    doors = [CollectorProcess(database, warehouse.property.id) for _ in range(2)]
    assert len({door.event("2026-11-02 09:00", "/").visitor for door in doors}) == 1


def test_keys_are_gone_from_file_free_pages_log_and_copies(database: Database, tmp_path: Path) -> None:
    keys = VisitorKeys(database)
    known = {keys.key(number, MONDAY) for number in range(1, 301)}
    assert holding(tmp_path, known) == {database.path.name + "-wal"}
    copy = create_backup(database, tmp_path, "test")
    with database.engine.connect() as reader:  # a report, a backup: the log cannot be emptied under it
        assert len(reader.execute(select(VisitorKey.key)).all()) == 300
        keys.destroy_expired(moment("2026-11-04 00:00"))
        assert holding(tmp_path, known)
    settings = Settings(data_dir=tmp_path, geoip_path=tmp_path / "own.mmdb")
    for job in standard_jobs(settings, database, keys, lambda: moment("2026-11-04 01:00")):
        run_once(job)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() > 0
    assert copy.stat().st_size > 0
    assert holding(tmp_path, known) == set()


def test_the_key_of_a_day_that_may_still_be_needed_is_kept_but_in_no_copy(database: Database, tmp_path: Path) -> None:
    keys = VisitorKeys(database)
    yesterday, today = keys.key(1, MONDAY), keys.key(1, MONDAY + timedelta(days=1))
    keys.destroy_expired(moment("2026-11-03 23:59"))
    database.truncate_wal()
    copy = create_backup(database, tmp_path, "test")
    assert holding(tmp_path, {yesterday, today}) == {database.path.name}
    assert copy.name not in holding(tmp_path, {yesterday, today})


def holding(folder: Path, secrets: set[bytes]) -> set[str]:
    """The files with any of the secrets in their bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if any(secret in path.read_bytes() for secret in secrets)}
