"""Visitor keys: random daily keys of cookieless visitor hashes, per property and local day; then destroyed."""

from __future__ import annotations

import logging
import secrets
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select

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
        if key is not None:
            return key
        primary_key = (property_number, day.isoformat())
        with self._database.session() as session:
            row = session.get(VisitorKey, primary_key)
        if row is None:
            with self._database.write_transaction() as session:
                row = session.get(VisitorKey, primary_key)  # another process may have created it meanwhile
                if row is None:
                    row = VisitorKey(property=property_number, day=day.isoformat(), key=secrets.token_bytes(KEY_BYTES))
                    session.add(row)
        oldest_day = day - timedelta(days=MAX_CACHED_DAYS)
        for cache_key in [cache_key for cache_key in self._keys if cache_key[1] < oldest_day]:
            del self._keys[cache_key]
        self._keys[property_number, day] = row.key
        return row.key

    def destroy_expired(self, now: datetime) -> int:
        """Deletes the keys of days whose next local day has ended; returns their number.

        Also truncates the WAL, which may hold them.
        """
        destroyed_count = 0
        with self._database.write_transaction() as session:
            timezones = {property_.number: property_.timezone for property_ in session.scalars(select(Property))}
            numbers = session.scalars(select(VisitorKey.property).distinct()).all()  # type: ignore[call-overload]
            for property_number in numbers:
                timezone = ZoneInfo(timezones.get(property_number, "UTC"))
                # The oldest day whose key is still needed.
                yesterday = now.astimezone(timezone).date() - timedelta(days=1)
                is_old = (VisitorKey.property == property_number, VisitorKey.day < yesterday.isoformat())
                result = session.execute(delete(VisitorKey).where(*is_old))  # type: ignore[arg-type]
                destroyed_count += result.rowcount  # type: ignore[attr-defined]
        self._keys.clear()
        if destroyed_count and not self._database.truncate_wal():
            log.warning(
                "expired visitor keys may remain in the WAL, which is in use; the hourly checkpoint removes them"
            )
        return destroyed_count
