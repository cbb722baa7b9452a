"""The random keys behind visitors without a cookie: one for each property and local day, then destroyed."""

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
DAYS_IN_MEMORY = 3
"""Today and yesterday, in whichever time zone."""


class VisitorKeys:
    """The source of keys for the collector: the same key in every process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[tuple[int, date], bytes] = {}

    def key(self, property_number: int, day: date) -> bytes:
        """The key of a property's local day; asked from the database, or made, the first time."""
        found = self._keys.get((property_number, day))
        if found is None:
            found = self._agree_on_key(property_number, day)
            self._forget_before(day - timedelta(days=DAYS_IN_MEMORY))
            self._keys[property_number, day] = found
        return found

    def destroy_old(self, now: datetime) -> int:
        """Destroys the keys of days whose next local day has ended, and the log that may hold them; how many."""
        with self._database.writing() as session:
            destroyed = sum(_destroy(session, number, last) for number, last in _last_days(session, now).items())
        self._keys.clear()
        if destroyed and not self._database.forget_log():
            log.warning("the log of storage could not be emptied after keys were destroyed: it is read at this moment")
        return destroyed

    def _agree_on_key(self, number: int, day: date) -> bytes:
        with self._database.session() as session:
            if (found := session.get(VisitorKey, (number, day.isoformat()))) is not None:
                return found.key
        with self._database.writing() as session:  # looked up again: another process may have been faster
            found = session.get(VisitorKey, (number, day.isoformat()))
            if found is None:
                found = VisitorKey(property=number, day=day.isoformat(), key=secrets.token_bytes(KEY_BYTES))
                session.add(found)
            return found.key

    def _forget_before(self, day: date) -> None:
        for known in [known for known in self._keys if known[1] < day]:
            del self._keys[known]


def _last_days(session: Session, now: datetime) -> dict[int, date]:
    """The oldest local day of each property with keys that may still be needed: yesterday."""
    zones = {known.number: known.timezone for known in session.scalars(select(Property))}
    with_keys = session.scalars(select(VisitorKey.property).distinct())  # type: ignore[call-overload]
    return {
        number: now.astimezone(ZoneInfo(zones.get(number, "UTC"))).date() - timedelta(days=1) for number in with_keys
    }


def _destroy(session: Session, number: int, last: date) -> int:
    statement = delete(VisitorKey).where(VisitorKey.property == number, VisitorKey.day < last.isoformat())  # type: ignore[arg-type]
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
