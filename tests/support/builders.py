"""Builders of ordinary objects: a test states only the values that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from collector.event import Event, Hit, Identity
from collector.visitor import visitor_of
from proprium.accounts.users import create_user
from proprium.properties.service import create_property
from proprium.storage.database import Database
from proprium.storage.event_codec import KNOWN_KEYS
from proprium.storage.tables import Property, Role, User

DAY = date(2026, 11, 2)
"""A Monday: the day of every event that names only a time."""

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.1 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CURL = "curl/8.11.0"

PASSWORD = "correct horse battery"

_OF_DATA = {column: key for key, column in KNOWN_KEYS.items() if key != "user_agent"}


def an_event(
    visitor: str | None = "ada",
    at: str | datetime = "09:00",
    page: str | None = "/",
    event: str = "page_view",
    *,
    property: int = 1,
    day: date = DAY,
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """An event as the collector keeps it; `at` is a time of DAY in UTC, "2026-11-03 09:00:30", or a datetime.

    `fields` are those of Event. `data` adds what else was sent, to what the known fields make.
    """
    fields = {"user_agent": CHROME, "hostname": "example.com", "user_id": visitor, "page": page, **fields}
    sent = {_OF_DATA[name]: value for name, value in fields.items() if name in _OF_DATA and value is not None}
    known = {
        "id": uuid4(),
        "property": property,
        "event": event,
        "created_at": moment(at, day),
        "data": {**sent, **(data or {})},
        "identity": Identity.COOKIE if visitor else Identity.NONE,
        "visitor": visitor_of(visitor) if visitor else None,
    }
    return Event(**{**known, **fields})


def a_hit(
    property_id: UUID | None = None,
    event: str = "page_view",
    *,
    at: str | datetime = "09:00",
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Hit:
    """A hit as it was parsed: by Chrome, from an address of the documentation block."""
    known = {
        "property_id": property_id or uuid4(),
        "event": event,
        "data": {"url": "/", "user_id": "ada", "hostname": "example.com"} if data is None else dict(data),
        "id": uuid4(),
        "received_at": moment(at),
        "address": "192.0.2.7",
        "user_agent": CHROME,
    }
    return Hit(**{**known, **fields})


def a_property(database: Database, name: str = "Example", owner: User | None = None, **settings: Any) -> Property:
    return create_property(database, name, owner.id if owner else None, **settings)


def a_user(database: Database, email: str = "ada@example.com", role: Role = Role.MEMBER, **known: Any) -> User:
    """With the password PASSWORD, if no other is named."""
    return create_user(
        database,
        email,
        known.get("name", "Ada"),
        known.get("password", PASSWORD),
        role,
        may_create=known.get("may_create", True),
    )


def moment(at: str | datetime, day: date = DAY) -> datetime:
    """UTC, aware: from "09:00", "09:00:30.5", "2026-11-03 09:00", a day alone, or a datetime."""
    if isinstance(at, datetime):
        return at
    if at[:4].isdigit():
        return datetime.fromisoformat(at).replace(tzinfo=UTC)
    hours, minutes, seconds = (*at.split(":"), "0")[:3]
    return datetime.combine(day, time(), UTC) + timedelta(
        hours=int(hours), minutes=int(minutes), seconds=float(seconds)
    )
