"""Change feed of storage: appended events and deletions in commit order, read by the projector.

Readers keep their own position, a `seq`. A reader can also wait for new commits, of this process or another one.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import func, select

from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.event_columns import SELECT_LIST, EventBatch, fetch_batch
from proprium.storage.tables import EventRow, StorageChange

POLL_INTERVAL_S = 0.1
"""Interval of polling for commits of other processes."""

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_change: Any = StorageChange.__table__  # type: ignore[attr-defined]

_SELECT_EVENTS = f"SELECT {SELECT_LIST} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
_SELECT_PROPERTY_EVENTS = (
    # The unary plus keeps SQLite off the index on (property, id): it would read and sort all of it for every batch.
    f"SELECT {SELECT_LIST} FROM event WHERE +property = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
_SELECT_AGENTS = "SELECT id, text FROM user_agent WHERE id IN ({})"

MAX_CACHED_AGENTS = 50_000
AGENT_BATCH_SIZE = 500


class ChangeFeed:
    """Reads events and changes after a `seq`; holds no position of its own. Thread-safe.

    Texts of User-Agents are cached, up to MAX_CACHED_AGENTS.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agent_texts: dict[int | None, str] = {None: ""}
        self._wake_event = threading.Event()
        self._lock = threading.Lock()
        self._commit_watcher = database.watch_commits()

    def batch_after(self, seq: int, limit: int) -> EventBatch:
        """Returns the next events in commit order, at most `limit`, as columns."""
        return self._read_batch(_SELECT_EVENTS, (seq, limit))

    def property_batch_after(self, property_number: int, seq: int, last_seq: int, limit: int) -> EventBatch:
        """Returns the next events of one property as columns, up to `last_seq`.

        Events of other properties in between are scanned too, at 0.2 s per million.
        """
        return self._read_batch(_SELECT_PROPERTY_EVENTS, (property_number, seq, last_seq, limit))

    def changes_after(self, seq: int, limit: int = 1_000) -> list[StorageChange]:
        """Returns the next deletions and rule changes in commit order."""
        with self._database.session() as session:
            return list(
                session.scalars(select(StorageChange).where(_change.c.seq > seq).order_by(_change.c.seq).limit(limit))
            )

    def last_event_seq(self) -> int:
        """Returns the `seq` of the latest event, 0 without events."""
        return self._scalar(select(func.max(_event.c.seq)))

    def last_change_seq(self) -> int:
        """Returns the `seq` of the latest change, 0 without changes."""
        return self._scalar(select(func.max(_change.c.seq)))

    def event_counts(self) -> dict[int, int]:
        """Counts the events of each property, by property number. Scans an index as long as the table."""
        statement = select(_event.c.property, func.count()).group_by(_event.c.property)
        with self._database.engine.connect() as connection:
            return {row.property: row[1] for row in connection.execute(statement)}

    def generation(self) -> str:
        """Returns the ID of this event history; it differs after a backup was restored."""
        return instance_settings.generation(self._database)

    def wake(self) -> None:
        """Wakes `wait`: this process has just committed events. Any thread may call it."""
        self._wake_event.set()

    def wait(self, timeout_s: float) -> bool:
        """Waits for a commit of this or another process; returns False after `timeout_s` without one.

        Returns at once if there was a commit since the last call. True may be spurious: there may be nothing new.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            remaining_s = deadline_s - time.monotonic()
            was_woken = self._wake_event.wait(max(0.0, min(remaining_s, POLL_INTERVAL_S)))
            self._wake_event.clear()
            if self._commit_watcher.has_new_commits() or was_woken:
                return True
            if remaining_s <= POLL_INTERVAL_S:
                return False

    def close(self) -> None:
        self._commit_watcher.close()

    def _read_batch(self, statement: str, values: tuple[int, ...]) -> EventBatch:
        with self._database.noted_errors(), self._database.engine.connect() as connection:
            cursor: Any = connection.connection.cursor()
            batch = fetch_batch(cursor.execute(statement, values))
            agent_ids = batch.dictionaries["user_agent"]
            with self._lock:
                if len(self._agent_texts) > MAX_CACHED_AGENTS:
                    self._agent_texts = {None: ""}
                agent_texts = self._agent_texts
                missing_ids = list(set(agent_ids) - agent_texts.keys())
                for start in range(0, len(missing_ids), AGENT_BATCH_SIZE):
                    ids = missing_ids[start : start + AGENT_BATCH_SIZE]
                    agent_texts.update(cursor.execute(_SELECT_AGENTS.format(",".join("?" * len(ids))), ids).fetchall())
        texts = [agent_texts.get(agent_id, "") for agent_id in agent_ids]
        return replace(batch, dictionaries={**batch.dictionaries, "user_agent": texts})

    def _scalar(self, statement: Any) -> int:
        with self._database.engine.connect() as connection:
            return cast(int, connection.scalar(statement) or 0)
