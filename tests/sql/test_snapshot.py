"""What a snapshot holds, for whom, and for how long it is taken again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from proprium.properties import service
from proprium.sql_console.results import SnapshotInfo
from proprium.sql_console.snapshot import ALWAYS_FRESH_FOR, MAX_AGE, SnapshotCache, SnapshotProperty, SnapshotScope
from proprium.sql_console.views import VIEWS
from proprium.storage.tables import Property
from tests.sql.conftest import EVENING, OURS, THEIRS
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def snapshots(warehouse: FilledWarehouse, clock: Clock, tmp_path: Path) -> Iterator[SnapshotCache]:
    cache = SnapshotCache(warehouse.warehouse, tmp_path / "sql.tmp", max_events=3, clock=clock)
    yield cache
    cache.close()


def ask(
    snapshots: SnapshotCache, sql: str, *chosen: SnapshotProperty, days: int | None = None
) -> list[tuple[object, ...]]:
    file, _ = snapshots.open(SnapshotScope(chosen or (OURS,), days))
    try:
        with duckdb.connect(f"/dev/fd/{file}", read_only=True) as engine:
            return engine.execute(sql).fetchall()
    finally:
        os.close(file)


def held(snapshots: SnapshotCache, days: int | None = None) -> SnapshotInfo:
    file, info = snapshots.open(SnapshotScope((OURS,), days))
    os.close(file)
    return info


COUNT = "SELECT count(*) FROM events"


def test_it_has_the_tables_that_are_described_column_by_column(
    warehouse: FilledWarehouse, snapshots: SnapshotCache
) -> None:
    warehouse.append([an_event()])
    described = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    described += " ORDER BY table_name, column_index"
    short = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
    columns = [(table, name, short.get(str(kind), kind)) for table, name, kind in ask(snapshots, described)]
    ordered = sorted(VIEWS, key=lambda view: view.name)
    assert columns == [(view.name, field.name, field.type) for view in ordered for field in view.columns]


def test_only_the_chosen_properties_are_in_it(warehouse: FilledWarehouse, snapshots: SnapshotCache) -> None:
    warehouse.append([an_event("ada"), an_event("eve", property=2), an_event("mallory", property=3)])
    assert ask(snapshots, "SELECT DISTINCT property FROM events") == [("ours.example",)]
    both = "SELECT property FROM sessions ORDER BY property"
    assert ask(snapshots, both, OURS, THEIRS) == [("ours.example",), ("theirs.example",)]


def test_two_properties_of_one_name_can_be_told_apart(warehouse: FilledWarehouse, snapshots: SnapshotCache) -> None:
    warehouse.append([an_event("ada"), an_event("eve", property=2)])
    namesake = replace(THEIRS, name=OURS.name, id=UUID("abcdef01-0000-4000-8000-000000000000"))
    names = ask(snapshots, "SELECT property FROM events ORDER BY ALL", OURS, namesake)
    assert names == [("ours.example (00000000)",), ("ours.example (abcdef01)",)]


def test_who_may_only_look_sees_neither_who_it_was_nor_what_else_was_sent(
    warehouse: FilledWarehouse, snapshots: SnapshotCache
) -> None:
    warehouse.append([an_event("ada", data={"plan": "pro"}), an_event("eve", property=2, data={"plan": "free"})])
    sql = "SELECT property, user_id, data->>'plan' FROM events ORDER BY property"
    public = replace(THEIRS, may_edit=False)
    assert ask(snapshots, sql, OURS, public) == [("ours.example", "ada", "pro"), ("theirs.example", None, None)]
    assert ask(snapshots, "SELECT is_yours FROM properties ORDER BY property", OURS, public) == [(True,), (False,)]


def test_the_newest_events_are_taken_when_not_all_fit_and_it_says_since_when(
    warehouse: FilledWarehouse, snapshots: SnapshotCache
) -> None:
    warehouse.append([an_event("ada", f"0{hour}:00", f"/{hour}") for hour in range(1, 6)])
    assert ask(snapshots, "SELECT page FROM events ORDER BY created_at") == [("/3",), ("/4",), ("/5",)]
    info = held(snapshots)
    assert info.since is not None
    assert info.since_text == "2 November 2026, 03:00"


def test_a_period_begins_at_midnight_of_the_property(warehouse: FilledWarehouse, snapshots: SnapshotCache) -> None:
    days = [datetime(2026, 11, 1, 22, 59, tzinfo=UTC), datetime(2026, 11, 1, 23, 1, tzinfo=UTC)]
    warehouse.append([an_event("ada", at, page) for at, page in zip(days, ("/yesterday", "/today"), strict=True)])
    assert ask(snapshots, "SELECT page FROM events", days=1) == [("/today",)]  # Berlin's midnight is 23:00 UTC
    assert len(ask(snapshots, "SELECT page FROM events", days=2)) == 2


@pytest.mark.parametrize("zones", [("Europe/Berlin", "Asia/Tokyo"), ("Asia/Tokyo", "Europe/Berlin")])
def test_properties_of_different_time_zones_are_read_in_utc(zones: tuple[str, str]) -> None:
    properties = tuple(replace(OURS, timezone=zone) for zone in zones)
    scope = SnapshotScope(properties, days=1)
    assert scope.timezone == "UTC"
    assert scope.start(datetime(2026, 11, 2, 23, 30, tzinfo=UTC)) == datetime(2026, 11, 2, tzinfo=UTC)
    assert SnapshotScope(properties[:1]).timezone == zones[0]


def test_it_is_taken_again_while_nothing_happens_but_not_for_long(
    warehouse: FilledWarehouse, snapshots: SnapshotCache, clock: Clock
) -> None:
    warehouse.append([an_event()])
    first = held(snapshots)
    clock.now += MAX_AGE - timedelta(seconds=1)
    assert held(snapshots) is first
    assert held(snapshots, days=30) is not first
    clock.now += timedelta(seconds=2)
    assert held(snapshots) is not first


def test_what_arrives_is_in_the_next_one(warehouse: FilledWarehouse, snapshots: SnapshotCache, clock: Clock) -> None:
    warehouse.append([an_event()])
    assert ask(snapshots, COUNT) == [(1,)]
    warehouse.append([an_event()])
    assert ask(snapshots, COUNT) == [(1,)]  # a busy site would be exported without end
    clock.now += ALWAYS_FRESH_FOR
    assert ask(snapshots, COUNT) == [(2,)]


def test_a_right_that_was_lost_holds_at_once(warehouse: FilledWarehouse, snapshots: SnapshotCache) -> None:
    warehouse.append([an_event("ada")])
    assert ask(snapshots, "SELECT user_id FROM events") == [("ada",)]
    assert ask(snapshots, "SELECT user_id FROM events", replace(OURS, may_edit=False)) == [(None,)]


def test_what_was_deleted_is_gone_from_the_next_one(
    warehouse: FilledWarehouse, snapshots: SnapshotCache, clock: Clock
) -> None:
    property_: Property = warehouse.property
    warehouse.append([an_event()])
    assert ask(snapshots, COUNT) == [(1,)]
    service.reset_property(warehouse.database, property_.id)
    warehouse.projector.catch_up()
    clock.now += ALWAYS_FRESH_FOR
    assert ask(snapshots, COUNT) == [(0,)]


def test_no_file_of_it_is_left_in_any_folder(
    warehouse: FilledWarehouse, snapshots: SnapshotCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    warehouse.append([an_event()])
    assert ask(snapshots, COUNT) == [(1,)]
    assert list(folder.iterdir()) == []
    assert list(tmp_path.glob("sql.tmp/*")) == []


def test_what_a_killed_server_left_of_one_is_removed(warehouse: FilledWarehouse, tmp_path: Path) -> None:
    left_over = tmp_path / "sql.tmp" / "tmp1" / "snapshot"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"what somebody may have deleted since")
    SnapshotCache(warehouse.warehouse, tmp_path / "sql.tmp")
    assert not left_over.exists()


def test_each_is_given_up_at_its_own_time_whatever_is_asked_meanwhile(
    warehouse: FilledWarehouse, snapshots: SnapshotCache, clock: Clock
) -> None:
    """What is deleted is off the disk within a minute, also from a snapshot beside which others are taken."""
    warehouse.append([an_event()])
    held(snapshots, days=1)
    first = snapshots._timer
    assert first is not None
    clock.now += timedelta(seconds=40)
    held(snapshots, days=2)
    assert snapshots._timer is not None
    assert snapshots._timer.interval <= MAX_AGE.total_seconds() - 39


def test_only_a_few_are_kept_and_closing_gives_them_back(
    warehouse: FilledWarehouse, snapshots: SnapshotCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proprium.sql_console.snapshot.MAX_CACHED_SNAPSHOTS", 2)
    before = snapshot_files()  # of other tests
    for days in range(1, 5):
        held(snapshots, days)
    assert len(snapshot_files() - before) == 2
    snapshots.close()
    assert snapshot_files() == before


def snapshot_files() -> set[str]:
    """Those that this process holds."""
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {str(link) for link in links if link.name.startswith("snapshot")}
