"""Property rules cache: the collection rules of all properties, kept in memory for the collector.

The cache reads the whole property table when another connection has committed. Known properties are up to date within
CHECK_INTERVAL_S; a lookup of an unknown property checks at once, within a budget.
"""

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

CHECK_INTERVAL_S = 0.5
"""Seconds between two checks for new commits when the property is known."""

MAX_READ_SHARE = 0.05
"""Maximum share of time spent reading the table for unknown properties.

An unknown property may have been created just now, so that a miss reloads the table; a flood of unknown IDs must not
keep the process busy with it."""

FAST_READ_S = 0.0025
"""Table reads faster than this are not limited by MAX_READ_SHARE."""

_property_table: Any = Property.__table__  # type: ignore[attr-defined]
_RULE_COLUMNS = (
    _property_table.c.id,
    _property_table.c.number,
    _property_table.c.timezone,
    _property_table.c.hostnames,
    _property_table.c.is_cookieless,
    _property_table.c.discards_bots,
    _property_table.c.keeps_click_text,
    _property_table.c.query_keys,
    _property_table.c.excluded_addresses,
    _property_table.c.counts_automated,
)


class PropertyRulesCache:
    """Cache of property rules by ID. Thread-safe.

    It is called on the event loop for every hit, so that lookups never wait for another thread's reload.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._checked_at_s = clock()
        self._unknown_check_interval_s = 0.0
        self._commit_watcher = database.watch_commits()
        self._by_id: dict[UUID, PropertyRules] = {}
        self._by_number: dict[int, PropertyRules] = {}
        self._counts_automated: dict[int, bool | None] = {}
        self.refresh()

    def find(self, property_id: UUID) -> PropertyRules | None:
        """Returns the rules of a property, or None if it does not exist."""
        self._refresh_if_due(CHECK_INTERVAL_S)
        if (rules := self._by_id.get(property_id)) is None:
            self._refresh_if_due(self._unknown_check_interval_s)
            rules = self._by_id.get(property_id)
        return rules

    def counts_automated_by_property(self) -> dict[int, bool | None]:
        """Maps property numbers to whether automated browsers count as visitors.

        None means the default of the instance.
        """
        self._refresh_if_due(CHECK_INTERVAL_S)
        return self._counts_automated

    def property_numbers(self) -> frozenset[int]:
        """Returns the numbers of all existing properties."""
        self._refresh_if_due(CHECK_INTERVAL_S)
        return frozenset(self._by_number)

    def refresh(self) -> None:
        """Reloads the table unconditionally."""
        with self._lock:
            self._commit_watcher.has_new_commits()
            self._reload()

    def close(self) -> None:
        self._commit_watcher.close()

    def _refresh_if_due(self, interval_s: float) -> None:
        if self._clock() - self._checked_at_s < interval_s or not self._lock.acquire(blocking=False):
            return  # another thread is reloading: the cached rules are recent enough
        try:
            if self._commit_watcher.has_new_commits():
                self._reload()
            self._checked_at_s = self._clock()
        finally:
            self._lock.release()

    def _reload(self) -> None:
        started_s = self._clock()
        with self._database.engine.connect() as connection:
            rows = connection.execute(select(*_RULE_COLUMNS)).all()
        rules = [
            PropertyRules(
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
            for row in rows
        ]
        # New dicts replace the old ones as a whole, so that readers without the lock see a consistent state.
        self._by_id = {property_rules.id: property_rules for property_rules in rules}
        self._by_number = {property_rules.number: property_rules for property_rules in rules}
        self._counts_automated = {row.number: row.counts_automated for row in rows}
        self._checked_at_s = self._clock()
        self._unknown_check_interval_s = max(0.0, (self._checked_at_s - started_s - FAST_READ_S) / MAX_READ_SHARE)
