"""Cuts what one person may see out of the warehouse into a file that has no name, and keeps it for a moment."""

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
from proprium.sql_console.results import Held
from proprium.sql_console.views import EVENTS, PROPERTIES, SESSIONS, Field, View, events_of, sessions_of
from proprium.warehouse.schema import event, position, session
from proprium.warehouse.warehouse import Warehouse, batches

MOST_EVENTS = 500_000
"""The newest ones of a period. They cost some 40 bytes of disk and 6 µs of CPU each."""
FRESH = timedelta(seconds=10)
"""A snapshot that is younger is taken again, whatever has happened meanwhile."""
KEPT = timedelta(seconds=45)
"""One on which nothing has happened, for so long: what is deleted is off the disk within a minute."""
MOST_KEPT = 8
MEMORY = "256MB"  # while a snapshot is made


@dataclass(frozen=True)
class Chosen:
    """A property whose rows are wanted. Without `may_edit`, what visitors sent beside the known keys is left out."""

    number: int
    id: UUID
    name: str
    timezone: str
    may_edit: bool


@dataclass(frozen=True)
class Scope:
    """What a snapshot is cut from: some properties, and so many days up to today (None: all there are)."""

    properties: tuple[Chosen, ...]
    days: int | None = 30

    @property
    def timezone(self) -> str:
        """That of the properties, if they have only one."""
        zones = {chosen.timezone for chosen in self.properties}
        return zones.pop() if len(zones) == 1 else "UTC"

    def start(self, now: datetime) -> datetime | None:
        """Midnight there, so that the first day is a whole one, and today the last."""
        if self.days is None:
            return None
        first = now.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=self.days - 1)
        return datetime.combine(first, time(), ZoneInfo(self.timezone))


@dataclass(frozen=True)
class _Cut:
    file: int
    held: Held
    position: tuple[Any, ...]

    def is_good(self, now: datetime, current: tuple[Any, ...]) -> bool:
        age = now - self.held.taken_at
        return age < FRESH or (age < KEPT and self.position == current)


class Snapshots:
    """One cut at a time; the last few are kept."""

    def __init__(self, warehouse: Warehouse, *, most_events: int = MOST_EVENTS, clock: Clock = utc_now) -> None:
        self._warehouse, self._most_events, self._clock = warehouse, most_events, clock
        # Beside the warehouse, which one process has open: what a killed one left there is nobody else's.
        self._folder = warehouse.path.with_name("sql.tmp")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._kept: dict[Scope, _Cut] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def open(self, scope: Scope) -> tuple[int, Held]:
        """A file descriptor that the caller closes, and what is in it."""
        with self._lock:
            self._drop(self._old())
            with self._warehouse.read() as connection:
                current = tuple(connection.execute(select(position)).all())
                kept = self._kept.get(scope)
                if kept is None or not kept.is_good(self._clock(), current):
                    kept = self._replace(scope, self._cut(connection, scope, current))
            return os.dup(kept.file), kept.held

    def close(self) -> None:
        with self._lock:
            self._drop(list(self._kept))
            if self._timer is not None:
                self._timer.cancel()

    def _replace(self, scope: Scope, cut: _Cut) -> _Cut:
        self._drop([scope] if scope in self._kept else list(self._kept)[: max(0, len(self._kept) + 1 - MOST_KEPT)])
        self._kept[scope] = cut
        self._forget_later()
        return cut

    def _forget_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        oldest = min((cut.held.taken_at for cut in self._kept.values()), default=None)
        if oldest is None:
            return
        left_s = (oldest + KEPT - self._clock()).total_seconds()
        self._timer = threading.Timer(max(0.0, left_s) + 1, self._forget)
        self._timer.daemon = True
        self._timer.start()

    def _forget(self) -> None:
        """What somebody asked to be erased is not to live on in a file that nobody uses."""
        with self._lock:
            self._drop(self._old())
            self._forget_later()

    def _old(self) -> list[Scope]:
        now = self._clock()
        return [scope for scope, cut in self._kept.items() if now - cut.held.taken_at > KEPT]

    def _drop(self, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            os.close(self._kept.pop(scope).file)

    def _cut(self, connection: Connection, scope: Scope, current: tuple[Any, ...]) -> _Cut:
        now = self._clock()
        since, is_short = self._since(connection, scope, now)
        editable = [chosen.number for chosen in scope.properties if chosen.may_edit]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:  # only this user may look into it
            path = Path(folder) / "snapshot"
            with _Writer(path, scope.properties) as writer:
                events = writer.fill(EVENTS, connection, _bounded(events_of(editable), event, scope, since))
                sessions = writer.fill(SESSIONS, connection, _bounded(sessions_of(), session, scope, since))
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # lives on without a name
        held = Held(events, sessions, now, scope.timezone, since if is_short else None)
        return _Cut(file, held, current)

    def _since(self, connection: Connection, scope: Scope, now: datetime) -> tuple[datetime | None, bool]:
        """Where the snapshot begins, and whether that is later than what was asked for."""
        asked = scope.start(now)
        newest = _bounded(select(event.c.created_at), event, scope, asked).order_by(event.c.created_at.desc())
        over = connection.execute(newest.offset(self._most_events).limit(1)).scalars().all()
        return (over[0] + timedelta(microseconds=1), True) if over else (asked, False)


class _Writer:
    """A DuckDB file of its own, written in this process while nobody reads it."""

    def __init__(self, path: Path, properties: Sequence[Chosen]) -> None:
        options: dict[str, Any] = {"memory_limit": MEMORY, "threads": 1, "temp_directory": f"{path}.tmp"}
        self._file = duckdb.connect(str(path), config=options)
        self._file.execute(f"CREATE TABLE properties (number INTEGER, {_columns(PROPERTIES)})")
        rows = [[p.number, name, p.id, p.timezone, p.may_edit] for p, name in _named(properties)]
        self._file.executemany("INSERT INTO properties VALUES (?, ?, ?, ?, ?)", rows)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.execute("ALTER TABLE properties DROP COLUMN number")
        self._file.close()

    def fill(self, view: View, connection: Connection, question: Select[Any]) -> int:
        """Makes the table from the answer; how many rows it has."""
        self._file.register("answer", batches(connection, question))
        columns = ", ".join(_cast(field) for field in view.fields)
        made = f"CREATE TABLE {view.name} AS SELECT {columns} FROM answer JOIN properties ON number = answer.property"
        self._file.execute(made)
        self._file.unregister("answer")
        [(count,)] = self._file.execute(f"SELECT count(*) FROM {view.name}").fetchall()
        return int(count)


def _cast(field: Field) -> str:
    if field.name == "property":
        return "properties.property"
    return f"TRY_CAST(answer.{field.name} AS {field.type}) AS {field.name}"


def _columns(view: View) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in view.fields)


def _named(properties: Sequence[Chosen]) -> list[tuple[Chosen, str]]:
    """Two of one name can be told apart."""
    names = [chosen.name for chosen in properties]
    return [(p, p.name if names.count(p.name) == 1 else f"{p.name} ({str(p.id)[:8]})") for p in properties]


def _bounded(question: Select[Any], table: Any, scope: Scope, since: datetime | None) -> Select[Any]:
    """Only the chosen properties' rows, whatever else is asked."""
    at: ColumnElement[Any] = table.c.created_at if table is event else table.c.started_at
    question = question.where(table.c.property.in_([chosen.number for chosen in scope.properties]))
    return question if since is None else question.where(at >= since)
