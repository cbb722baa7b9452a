"""What the collector must know of each property, answered from memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from collector.ports import PropertyRules
from proprium.storage.database import Database
from proprium.storage.tables import Property

FRESH_S = 0.5
"""A known property's rules are looked at again this often, if anything was committed meanwhile."""

BUSY_SHARE = 0.05
"""An unknown property may have been made this very moment, so that the table is looked at for it; but somebody who
asks for nothing else must not keep us reading for more than about this share of the time."""

QUICK_S = 0.0025
"""A table that is read faster than this is never waited for."""

_property: Any = Property.__table__  # type: ignore[attr-defined]
_RULES = (
    *(_property.c.id, _property.c.number, _property.c.timezone, _property.c.hostnames, _property.c.is_cookieless),
    *(_property.c.discards_bots, _property.c.keeps_click_text, _property.c.query_keys),
    *(_property.c.excluded_addresses, _property.c.counts_automated),
)


class Directory:
    """Answers on the event loop, for every hit. Threads share it."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = clock()
        self._unknown_fresh_s = 0.0
        self._watch = database.watch()
        self._by_id: dict[UUID, PropertyRules] = {}
        self._by_number: dict[int, PropertyRules] = {}
        self._counts_automated: dict[int, bool | None] = {}
        self.refresh()

    def find(self, property_id: UUID) -> PropertyRules | None:
        self._look_again(FRESH_S)
        if (found := self._by_id.get(property_id)) is None:
            self._look_again(self._unknown_fresh_s)
            found = self._by_id.get(property_id)
        return found

    def counts_automated(self) -> dict[int, bool | None]:
        """By number: whether automated browsers count like people; None: as the instance has it."""
        self._look_again(FRESH_S)
        return self._counts_automated

    def numbers(self) -> frozenset[int]:
        """Of all properties there are."""
        self._look_again(FRESH_S)
        return frozenset(self._by_number)

    def refresh(self) -> None:
        """Reads the table, whatever was read before."""
        with self._lock:
            self._watch.has_moved()
            self._read()

    def close(self) -> None:
        self._watch.close()

    def _look_again(self, after_s: float) -> None:
        if self._clock() - self._looked_at < after_s or not self._lock.acquire(blocking=False):
            return  # another thread is just reading; what is there is good enough
        try:
            if self._watch.has_moved():
                self._read()
            self._looked_at = self._clock()
        finally:
            self._lock.release()

    def _read(self) -> None:
        began = self._clock()
        with self._database.engine.connect() as connection:
            rows = connection.execute(select(*_RULES)).all()
        rules = [_rules(row) for row in rows]
        # Whole new dicts, so that a reader without the lock sees one state or the other.
        self._by_id = {known.id: known for known in rules}
        self._by_number = {known.number: known for known in rules}
        self._counts_automated = {row.number: row.counts_automated for row in rows}
        self._looked_at = self._clock()
        self._unknown_fresh_s = max(0.0, (self._looked_at - began - QUICK_S) / BUSY_SHARE)


def _rules(row: Any) -> PropertyRules:
    return PropertyRules(
        id=row.id,
        number=row.number,
        timezone=row.timezone,
        hostnames=tuple(row.hostnames),
        is_cookieless=row.is_cookieless,
        discards_bots=row.discards_bots,
        keeps_click_text=row.keeps_click_text,
        query_keys=tuple(row.query_keys),
        excluded_addresses=tuple(row.excluded_addresses),
    )
