"""User-Agents, each text stored once, and gone when no event has it any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlmodel import Session

from collector.user_agent import classify
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import EventRow, UserAgentRow

MOST_IN_MEMORY = 20_000
ROWS_AT_ONCE = 100_000
TEXTS_AT_ONCE = 500

SWEEPS = "user_agent_sweeps"
"""How many transactions have deleted texts: a number in memory from before the last of them may be nobody's."""

_FIND = "SELECT id FROM user_agent WHERE text = ?"
_KEEP = (
    "INSERT INTO user_agent (text, browser, platform, device, is_bot, bot_name) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_SWEEPS = f"SELECT value FROM setting WHERE name = '{SWEEPS}'"

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_user_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]


class UserAgentNumbers:
    """The number of each text, made where there is none, inside the writer's own transaction."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._fresh: list[str] = []
        self._sweeps: Any = None

    def begun(self, cursor: Any) -> None:
        """The transaction holds the write lock: what is known from now on stays until it ends."""
        sweeps = cursor.execute(_SWEEPS).fetchone()
        if sweeps != self._sweeps:
            self._numbers.clear()
            self._sweeps = sweeps

    def number(self, cursor: Any, text: str) -> int | None:
        """None for a sender that did not say who it is."""
        if not text:
            return None
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = _find_or_keep(cursor, text)
            self._fresh.append(text)
        return number

    def committed(self) -> None:
        self._fresh.clear()
        if len(self._numbers) > MOST_IN_MEMORY:
            self._numbers.clear()

    def rolled_back(self) -> None:
        """Forgets the numbers that were never committed."""
        for text in self._fresh:
            self._numbers.pop(text, None)
        self._fresh.clear()


def sweep_user_agents(database: Database) -> int:
    """Deletes the texts that no event has; how many. Events may be stored meanwhile, by any process."""
    looked_until, unused = _unused(database)
    deleted = 0
    for start in range(0, len(unused), TEXTS_AT_ONCE):
        some = unused[start : start + TEXTS_AT_ONCE]
        with database.writing() as session:
            later = select(_event.c.user_agent).where(_event.c.seq > looked_until).distinct()
            gone = set(some) - set(session.scalars(later))
            deleted += _delete(session, gone)
    return deleted


def _unused(database: Database) -> tuple[int, list[int]]:
    """Until which event was looked, and the numbers that none has had; without the highest one when it is blank."""
    with database.engine.connect() as connection:
        last = connection.scalar(select(func.max(_event.c.seq))) or 0
        numbers = connection.execute(select(_user_agent.c.id, _user_agent.c.text).order_by(_user_agent.c.id)).all()
    unused = {number for number, text in numbers if text or number != numbers[-1].id}
    for used in _used(database, last):
        unused -= used
        if not unused:
            break
    return last, sorted(unused)


def _used(database: Database, last: int) -> Iterator[set[int]]:
    """In shares: no snapshot is held for long, which would keep the log from shrinking."""
    for start in range(0, last + 1, ROWS_AT_ONCE):
        share = _event.c.seq.between(start, start + ROWS_AT_ONCE - 1)
        with database.engine.connect() as connection:
            yield set(connection.scalars(select(_event.c.user_agent).where(share).distinct()))


def _delete(session: Session, numbers: set[int]) -> int:
    """The highest number stays, with a blank text: SQLite would give it out again, to another text."""
    if not numbers:
        return 0
    instance_settings.write(session, SWEEPS, instance_settings.read(session, SWEEPS, 0) + 1)
    highest = session.scalar(select(func.max(_user_agent.c.id)))
    session.execute(delete(_user_agent).where(_user_agent.c.id.in_(numbers - {highest})))
    if highest in numbers:
        blank = dict.fromkeys(("text", "browser", "platform", "device", "bot_name"), "")
        session.execute(update(_user_agent).where(_user_agent.c.id == highest).values(blank))
    return len(numbers)


def _find_or_keep(cursor: Any, text: str) -> int:
    if (row := cursor.execute(_FIND, (text,)).fetchone()) is None:
        agent = classify(text)
        names = (agent.browser or "", agent.platform or "", agent.device or "")
        cursor.execute(_KEEP, (text, *names, agent.is_bot, agent.bot_name or ""))
        row = cursor.execute(_FIND, (text,)).fetchone()
    return int(row[0])
