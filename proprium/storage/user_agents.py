"""User-Agents: each text is stored once, and deleted when no event refers to it any more."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update

from collector.user_agent import classify
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import EventRow, UserAgentRow

MAX_CACHED_TEXTS = 20_000
SCAN_BATCH_SIZE = 100_000
DELETE_BATCH_SIZE = 500

SWEEP_COUNT_SETTING = "user_agent_sweeps"
"""Setting with the number of deleting transactions: IDs that were cached before the last one may be invalid."""

_SELECT_ID = "SELECT id FROM user_agent WHERE text = ?"
_INSERT = (
    "INSERT INTO user_agent (text, browser, platform, device, is_bot, bot_name) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_SELECT_SWEEP_COUNT = f"SELECT value FROM setting WHERE name = '{SWEEP_COUNT_SETTING}'"

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_user_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]


class UserAgentIds:
    """Cache of User-Agent IDs by text; inserts new texts in the transaction of the writer."""

    def __init__(self) -> None:
        self._id_by_text: dict[str, int] = {}
        self._uncommitted_texts: list[str] = []
        self._sweep_row: Any = None

    def on_begin(self, cursor: Any) -> None:
        """Clears the cache if texts were deleted since the last transaction.

        The transaction holds the write lock, so that the cached IDs stay valid until it ends.
        """
        sweep_row = cursor.execute(_SELECT_SWEEP_COUNT).fetchone()
        if sweep_row != self._sweep_row:
            self._id_by_text.clear()
            self._sweep_row = sweep_row

    def get_or_create(self, cursor: Any, text: str) -> int | None:
        """Returns the ID of a text, inserting it if it is new; None for an empty text."""
        if not text:
            return None
        agent_id = self._id_by_text.get(text)
        if agent_id is None:
            if (row := cursor.execute(_SELECT_ID, (text,)).fetchone()) is None:
                agent = classify(text)
                names = (agent.browser or "", agent.platform or "", agent.device or "")
                cursor.execute(_INSERT, (text, *names, agent.is_bot, agent.bot_name or ""))
                row = cursor.execute(_SELECT_ID, (text,)).fetchone()
            agent_id = self._id_by_text[text] = int(row[0])
            self._uncommitted_texts.append(text)
        return agent_id

    def on_commit(self) -> None:
        self._uncommitted_texts.clear()
        if len(self._id_by_text) > MAX_CACHED_TEXTS:
            self._id_by_text.clear()

    def on_rollback(self) -> None:
        """Removes the IDs that were not committed from the cache."""
        for text in self._uncommitted_texts:
            self._id_by_text.pop(text, None)
        self._uncommitted_texts.clear()


def delete_unused_user_agents(database: Database) -> int:
    """Deletes the texts that no event refers to; returns their number.

    Events may be stored meanwhile, by any process: each batch is checked against them in its transaction.
    """
    scanned_seq, unused_ids = _find_unused_ids(database)
    deleted_count = 0
    for start in range(0, len(unused_ids), DELETE_BATCH_SIZE):
        batch = unused_ids[start : start + DELETE_BATCH_SIZE]
        with database.write_transaction() as session:
            later_ids = select(_event.c.user_agent).where(_event.c.seq > scanned_seq).distinct()
            deletable_ids = set(batch) - set(session.scalars(later_ids))
            if deletable_ids:
                sweep_count = instance_settings.read(session, SWEEP_COUNT_SETTING, 0)
                instance_settings.write(session, SWEEP_COUNT_SETTING, sweep_count + 1)
                highest_id = session.scalar(select(func.max(_user_agent.c.id)))
                session.execute(delete(_user_agent).where(_user_agent.c.id.in_(deletable_ids - {highest_id})))
                if highest_id in deletable_ids:  # blanked: SQLite would reuse its ID for another text
                    blank = dict.fromkeys(("text", "browser", "platform", "device", "bot_name"), "")
                    session.execute(update(_user_agent).where(_user_agent.c.id == highest_id).values(blank))
            deleted_count += len(deletable_ids)
    return deleted_count


def _find_unused_ids(database: Database) -> tuple[int, list[int]]:
    """Returns the `seq` of the last scanned event, and the IDs that no event up to it refers to.

    The highest ID is left out if its text is blank: it has been deleted before.
    """
    with database.engine.connect() as connection:
        last_seq = connection.scalar(select(func.max(_event.c.seq))) or 0
        agent_ids = connection.execute(select(_user_agent.c.id, _user_agent.c.text).order_by(_user_agent.c.id)).all()
    unused_ids = {number for number, text in agent_ids if text or number != agent_ids[-1].id}
    # In batches, so that no snapshot is held for long: it would keep the WAL from shrinking.
    for start in range(0, last_seq + 1, SCAN_BATCH_SIZE):
        is_in_batch = _event.c.seq.between(start, start + SCAN_BATCH_SIZE - 1)
        with database.engine.connect() as connection:
            unused_ids -= set(connection.scalars(select(_event.c.user_agent).where(is_in_batch).distinct()))
        if not unused_ids:
            break
    return last_seq, sorted(unused_ids)
