"""Storage as the projector reads it: what was appended and what was deleted, in order, cheaply."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import func, select

from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.event_columns import SELECTED, Columns, TailRow, columns_of
from proprium.storage.tables import Change, EventRow

POLL_S = 0.1
"""How often commits of other processes are looked for."""

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_change: Any = Change.__table__  # type: ignore[attr-defined]


_EVENTS = f"SELECT {SELECTED} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
_EVENTS_OF_PROPERTY = (
    # The sign keeps SQLite off the index of (property, id): it would read and sort all of it for every share.
    f"SELECT {SELECTED} FROM event WHERE +property = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
_AGENTS = "SELECT id, text FROM user_agent WHERE id IN ({})"

AGENTS_IN_MEMORY = 50_000
NUMBERS_AT_ONCE = 500


class Tail:
    """A reader's place is its own: every call says after which `seq`. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agents: dict[int | None, str] = {None: ""}
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._watch = database.watch()

    def events_after(self, seq: int, limit: int = 5_000) -> list[TailRow]:
        """The next events in the order of their commit, at most `limit`."""
        return self.columns_after(seq, limit).rows()

    def columns_after(self, seq: int, limit: int) -> Columns:
        """The same, side by side."""
        return self._read(_EVENTS, (seq, limit))

    def columns_of_property(self, number: int, seq: int, last_seq: int, limit: int) -> Columns:
        """The same of one property, up to `last_seq`; what lies between costs 0.2 s a million events."""
        return self._read(_EVENTS_OF_PROPERTY, (number, seq, last_seq, limit))

    def changes_after(self, seq: int, limit: int = 1_000) -> list[Change]:
        """The next deletions and changed rules in the order of their commit."""
        with self._database.session() as session:
            return list(session.scalars(select(Change).where(_change.c.seq > seq).order_by(_change.c.seq).limit(limit)))

    def last_event_seq(self) -> int:
        """0 when there is none."""
        return self._number(select(func.max(_event.c.seq)))

    def last_change_seq(self) -> int:
        return self._number(select(func.max(_change.c.seq)))

    def counts(self) -> dict[int, int]:
        """Events of each property by its number; reads an index as long as the table."""
        question = select(_event.c.property, func.count()).group_by(_event.c.property)
        with self._database.engine.connect() as connection:
            return {row.property: row[1] for row in connection.execute(question)}

    def count_after(self, seq: int) -> int:
        """Events that are later than a place."""
        return self._number(select(func.count()).select_from(_event).where(_event.c.seq > seq))

    def generation(self) -> str:
        """Names this history: another one after a restored backup."""
        return instance_settings.generation(self._database)

    def wake(self) -> None:
        """Says that this process has just committed events. Any thread may call it."""
        self._woken.set()

    def wait(self, timeout_s: float) -> bool:
        """Until something was committed, here or by another process: True. False when nothing was in `timeout_s`.

        At once when it was committed since the last wait. A True may turn out to be nothing new.
        """
        ends = time.monotonic() + timeout_s
        while True:
            left = ends - time.monotonic()
            woken = self._woken.wait(max(0.0, min(left, POLL_S)))
            self._woken.clear()
            if self._watch.has_moved() or woken:
                return True
            if left <= POLL_S:
                return False

    def close(self) -> None:
        self._watch.close()

    def _read(self, statement: str, values: tuple[int, ...]) -> Columns:
        with self._database.engine.connect() as connection:
            cursor: Any = connection.connection.cursor()
            columns = columns_of(cursor.execute(statement, values))
            numbers = columns.shared["user_agent"]
            agents = self._agents_of(cursor, set(numbers))
        texts = [agents.get(number, "") for number in numbers]
        return replace(columns, shared={**columns.shared, "user_agent": texts})

    def _agents_of(self, cursor: Any, numbers: set[int | None]) -> dict[int | None, str]:
        with self._lock:
            if len(self._agents) > AGENTS_IN_MEMORY:
                self._agents = {None: ""}
            missing = list(numbers - self._agents.keys())
            for start in range(0, len(missing), NUMBERS_AT_ONCE):
                some = missing[start : start + NUMBERS_AT_ONCE]
                self._agents.update(cursor.execute(_AGENTS.format(",".join("?" * len(some))), some).fetchall())
            return self._agents

    def _number(self, question: Any) -> int:
        with self._database.engine.connect() as connection:
            return cast(int, connection.scalar(question) or 0)
