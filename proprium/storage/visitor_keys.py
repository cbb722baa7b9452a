"""Visitor keys: random daily keys of cookieless visitor hashes, per property and local day; then destroyed."""

from __future__ import annotations

import logging
import secrets
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlmodel import Session

from proprium.storage.database import Database
from proprium.storage.tables import Property, VisitorKey

log = logging.getLogger(__name__)

KEY_BYTES = 32
MAX_CACHED_DAYS = 3
"""Today and yesterday, in any time zone."""


class VisitorKeys:
    """Cache and source of visitor keys for the collector; all processes get the same key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[tuple[int, date], bytes] = {}

    def key(self, property_number: int, day: date) -> bytes:
        """Returns the key of a property's local day, loading or creating it if it is not cached."""
        key = self._keys.get((property_number, day))
        if key is None:
            key = self._load_or_create_key(property_number, day)
            self._evict_before(day - timedelta(days=MAX_CACHED_DAYS))
            self._keys[property_number, day] = key
        return key

    def destroy_expired(self, now: datetime) -> int:
        """Deletes the keys of days whose next local day has ended; returns their number.

        Also truncates the WAL, which may hold them.
        """
        with self._database.write_transaction() as session:
            destroyed_count = sum(
                _destroy_before(session, property_number, oldest_day)
                for property_number, oldest_day in _oldest_days_needed(session, now).items()
            )
        self._keys.clear()
        if destroyed_count and not self._database.truncate_wal():
            log.warning(
                "expired visitor keys may remain in the WAL, which is in use; the hourly checkpoint removes them"
            )
        return destroyed_count

    def _load_or_create_key(self, property_number: int, day: date) -> bytes:
        with self._database.session() as session:
            if (row := session.get(VisitorKey, (property_number, day.isoformat()))) is not None:
                return row.key
        with self._database.write_transaction() as session:  # another process may have created it meanwhile
            row = session.get(VisitorKey, (property_number, day.isoformat()))
            if row is None:
                row = VisitorKey(property=property_number, day=day.isoformat(), key=secrets.token_bytes(KEY_BYTES))
                session.add(row)
            return row.key

    def _evict_before(self, day: date) -> None:
        for cache_key in [cache_key for cache_key in self._keys if cache_key[1] < day]:
            del self._keys[cache_key]


def _oldest_days_needed(session: Session, now: datetime) -> dict[int, date]:
    """Maps each property with keys to the oldest local day whose key is still needed: yesterday."""
    timezone_by_property_number = {
        property_.number: property_.timezone for property_ in session.scalars(select(Property))
    }
    property_numbers = session.scalars(select(VisitorKey.property).distinct())  # type: ignore[call-overload]
    return {
        property_number: now.astimezone(ZoneInfo(timezone_by_property_number.get(property_number, "UTC"))).date()
        - timedelta(days=1)
        for property_number in property_numbers
    }


def _destroy_before(session: Session, property_number: int, oldest_day: date) -> int:
    is_old = (VisitorKey.property == property_number, VisitorKey.day < oldest_day.isoformat())
    statement = delete(VisitorKey).where(*is_old)  # type: ignore[arg-type]
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
