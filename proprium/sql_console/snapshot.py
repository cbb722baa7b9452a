"""Snapshot cache of the SQL console.

A snapshot is a copy of a user's rows from the warehouse in an unlinked DuckDB file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import ColumnElement, Connection, Select, select

from proprium.clock import Clock, utc_now
from proprium.sql_console.results import SnapshotInfo
from proprium.sql_console.views import (
    EVENTS,
    PROPERTIES,
    SESSIONS,
    SqlView,
    events_statement,
    sessions_statement,
)
from proprium.warehouse.engine import batches
from proprium.warehouse.schema import event, position, session
from proprium.warehouse.warehouse import Warehouse

MAX_EVENTS = 500_000
"""Maximum number of events per snapshot, the newest of the period. Each takes about 40 bytes of disk, 6 µs of CPU."""
ALWAYS_FRESH_FOR = timedelta(seconds=10)
"""A cached snapshot younger than this is reused even if new events have arrived."""
MAX_AGE = timedelta(seconds=45)
"""A cached snapshot of unchanged data expires after this, so that deleted data is off the disk within a minute."""
MAX_CACHED_SNAPSHOTS = 8
MEMORY_LIMIT = "256MB"  # for creating a snapshot


@dataclass(frozen=True)
class SnapshotProperty:
    """A property to include. Without `may_edit`, user ids and custom event data are left out."""

    property_number: int
    id: UUID
    name: str
    timezone: str
    may_edit: bool


@dataclass(frozen=True)
class SnapshotScope:
    """Scope of a snapshot: properties, and the number of days up to today (None: all)."""

    properties: tuple[SnapshotProperty, ...]
    days: int | None = 30

    @property
    def timezone(self) -> str:
        """The properties' time zone if they share one, else UTC."""
        timezones = {property_.timezone for property_ in self.properties}
        return timezones.pop() if len(timezones) == 1 else "UTC"

    def start(self, now: datetime) -> datetime | None:
        """Returns midnight of the first day in the time zone, or None without a limit. Today is the last day."""
        if self.days is None:
            return None
        first_day = now.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=self.days - 1)
        return datetime.combine(first_day, time(), ZoneInfo(self.timezone))


@dataclass(frozen=True)
class _CachedSnapshot:
    file_descriptor: int
    info: SnapshotInfo
    position: tuple[Any, ...]

    def is_fresh(self, now: datetime, current_position: tuple[Any, ...]) -> bool:
        age = now - self.info.taken_at
        return age < ALWAYS_FRESH_FOR or (age < MAX_AGE and self.position == current_position)


class SnapshotCache:
    """Creates snapshots, one at a time, and caches the last few. Thread-safe.

    `folder` is of the process that has the warehouse open: what is in it was left by a killed one, and is deleted.
    """

    def __init__(
        self, warehouse: Warehouse, folder: Path, *, max_events: int = MAX_EVENTS, clock: Clock = utc_now
    ) -> None:
        self._warehouse, self._folder, self._max_events, self._clock = warehouse, folder, max_events, clock
        shutil.rmtree(self._folder, ignore_errors=True)
        self._snapshots: dict[SnapshotScope, _CachedSnapshot] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def open(self, scope: SnapshotScope) -> tuple[int, SnapshotInfo]:
        """Returns a file descriptor of the snapshot, which the caller must close, and the snapshot's info."""
        with self._lock:
            self._close_snapshots(self._expired_scopes())
            with self._warehouse.read() as connection:
                current_position = tuple(connection.execute(select(position)).all())
                snapshot = self._snapshots.get(scope)
                if snapshot is None or not snapshot.is_fresh(self._clock(), current_position):
                    snapshot = self._create_snapshot(connection, scope, current_position)
                    if scope in self._snapshots:
                        self._close_snapshots([scope])
                    elif len(self._snapshots) >= MAX_CACHED_SNAPSHOTS:
                        self._close_snapshots([next(iter(self._snapshots))])
                    self._snapshots[scope] = snapshot
                    self._schedule_eviction()
            return os.dup(snapshot.file_descriptor), snapshot.info

    def close(self) -> None:
        with self._lock:
            self._close_snapshots(list(self._snapshots))
            if self._timer is not None:
                self._timer.cancel()

    def _schedule_eviction(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        oldest_taken_at = min((snapshot.info.taken_at for snapshot in self._snapshots.values()), default=None)
        if oldest_taken_at is None:
            return
        remaining_s = (oldest_taken_at + MAX_AGE - self._clock()).total_seconds()

        def evict_expired() -> None:  # so that deleted data does not stay in an unused file
            with self._lock:
                self._close_snapshots(self._expired_scopes())
                self._schedule_eviction()

        self._timer = threading.Timer(max(0.0, remaining_s) + 1, evict_expired)
        self._timer.daemon = True
        self._timer.start()

    def _expired_scopes(self) -> list[SnapshotScope]:
        now = self._clock()
        return [scope for scope, snapshot in self._snapshots.items() if now - snapshot.info.taken_at > MAX_AGE]

    def _close_snapshots(self, scopes: Sequence[SnapshotScope]) -> None:
        for scope in scopes:
            os.close(self._snapshots.pop(scope).file_descriptor)

    def _create_snapshot(
        self, connection: Connection, scope: SnapshotScope, current_position: tuple[Any, ...]
    ) -> _CachedSnapshot:
        now = self._clock()
        since, is_truncated = scope.start(now), False
        newest_statement = _bounded(select(event.c.created_at), event, scope, since).order_by(event.c.created_at.desc())
        excess_times = connection.execute(newest_statement.offset(self._max_events).limit(1)).scalars().all()
        if excess_times:
            since, is_truncated = excess_times[0] + timedelta(microseconds=1), True
        editable = [property_.property_number for property_ in scope.properties if property_.may_edit]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:  # mode 0700
            path = Path(folder) / "snapshot"
            with _SnapshotWriter(path, scope.properties) as writer:
                event_count = writer.fill(EVENTS, connection, _bounded(events_statement(editable), event, scope, since))
                session_count = writer.fill(SESSIONS, connection, _bounded(sessions_statement(), session, scope, since))
            file_descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # the file lives on after it is unlinked
        info = SnapshotInfo(event_count, session_count, now, scope.timezone, since if is_truncated else None)
        return _CachedSnapshot(file_descriptor, info, current_position)


class _SnapshotWriter:
    """Writes the DuckDB file of a snapshot; the file is not shared until it is closed."""

    def __init__(self, path: Path, properties: Sequence[SnapshotProperty]) -> None:
        options: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "threads": 1, "temp_directory": f"{path}.tmp"}
        self._connection = duckdb.connect(str(path), config=options)
        columns = ", ".join(f"{column.name} {column.type}" for column in PROPERTIES.columns)
        self._connection.execute(f"CREATE TABLE properties (number INTEGER, {columns})")
        names = [property_.name for property_ in properties]
        rows = [
            [
                property_.property_number,
                property_.name if names.count(property_.name) == 1 else f"{property_.name} ({str(property_.id)[:8]})",
                property_.id,
                property_.timezone,
                property_.may_edit,
            ]
            for property_ in properties
        ]
        self._connection.executemany("INSERT INTO properties VALUES (?, ?, ?, ?, ?)", rows)

    def __enter__(self) -> _SnapshotWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ALTER TABLE properties DROP COLUMN number")
        self._connection.close()

    def fill(self, view: SqlView, connection: Connection, statement: Select[Any]) -> int:
        """Creates the view's table from the statement's rows and returns their number."""
        self._connection.register("warehouse_rows", batches(connection, statement))
        columns = ", ".join(
            "properties.property"
            if column.name == "property"
            else f"TRY_CAST(warehouse_rows.{column.name} AS {column.type}) AS {column.name}"
            for column in view.columns
        )
        create_statement = (
            f"CREATE TABLE {view.name} AS SELECT {columns} FROM warehouse_rows "
            "JOIN properties ON number = warehouse_rows.property"
        )
        self._connection.execute(create_statement)
        self._connection.unregister("warehouse_rows")
        [(count,)] = self._connection.execute(f"SELECT count(*) FROM {view.name}").fetchall()
        return int(count)


def _bounded(statement: Select[Any], table: Any, scope: SnapshotScope, since: datetime | None) -> Select[Any]:
    """Restricts a statement to the scope's properties and to the time from `since`."""
    time_column: ColumnElement[Any] = table.c.created_at if table is event else table.c.started_at
    statement = statement.where(table.c.property.in_([property_.property_number for property_ in scope.properties]))
    return statement if since is None else statement.where(time_column >= since)
