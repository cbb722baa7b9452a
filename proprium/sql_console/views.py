"""The tables that a statement can ask, column by column: name, type, what it means, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Double, Select, case, null, select, type_coerce

from proprium.warehouse import dialect
from proprium.warehouse.schema import SENDER, event, session


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    meaning: str
    source: ColumnElement[Any] | None = None  # None: a column of the warehouse with this name
    is_private: bool = False  # NULL in a property that one may only look at


@dataclass(frozen=True)
class View:
    name: str
    meaning: str
    fields: tuple[Field, ...]


_SENDER_MEANS = {
    "hostname": "Host of the page",
    "referrer": "Host that led here; NULL: none",
    "source": "Readable name of the referrer or utm_source; NULL: direct",
    "channel": "Direct, Organic Search, Referral, Email …",
    "utm_source": "Of the link that led here",
    "utm_medium": "Of the link that led here",
    "utm_campaign": "Of the link that led here",
    "utm_term": "Of the link that led here",
    "utm_content": "Of the link that led here",
    "country": "Two letters: DE",
    "region": "ISO 3166-2: DE-HE",
    "city": "By name",
    "browser": "Chrome, Safari, Firefox …",
    "browser_version": "Its major version",
    "platform": "Windows, iOS, Linux …",
    "platform_version": "Its version",
    "device": "Desktop, Mobile, Tablet",
    "screen": "1920×1080",
    "language": "en-US",
}
_PROPERTY = Field("property", "VARCHAR", "Name of the property")


def _seconds(milliseconds: ColumnElement[Any]) -> ColumnElement[float]:
    return type_coerce(milliseconds / 1000.0, Double)


def _of_sender() -> tuple[Field, ...]:
    return tuple(Field(name, "VARCHAR", _SENDER_MEANS[name]) for name in SENDER if name in _SENDER_MEANS)


EVENTS = View(
    "events",
    "Every hit: page views, clicks, custom events",
    (
        _PROPERTY,
        Field("created_at", "TIMESTAMPTZ", "When it happened"),
        Field("event", "VARCHAR", "page_view, click, scroll, page_leave, session_start or your own"),
        Field("visitor", "BIGINT", "Who; NULL: a server that speaks for nobody"),
        Field("session", "BIGINT", "Which visit; joins sessions.session"),
        Field("page", "VARCHAR", "Path: /pricing"),
        Field("title", "VARCHAR", "Of the page"),
        Field("is_view", "BOOLEAN", "A page view that counts: no bot's, no double one"),
        Field("is_custom", "BOOLEAN", "An event of your own"),
        Field("is_bot", "BOOLEAN", "Leave them out: WHERE NOT is_bot"),
        Field("bot_name", "VARCHAR", "Googlebot, GPTBot …"),
        Field("bot_category", "VARCHAR", "search engine, AI crawler …"),
        *_of_sender(),
        Field("engaged_s", "DOUBLE", "Seconds in front of the page, of a page_leave", _seconds(event.c.engaged_ms)),
        Field("scroll_depth", "SMALLINT", "Percent of the page that was seen"),
        Field("user_id", "VARCHAR", "As your site sent it", is_private=True),
        Field("data", "JSON", "Everything else that was sent: data->>'plan'", is_private=True),
    ),
)
SESSIONS = View(
    "sessions",
    "Visits of people; source, device and place are those of the first hit",
    (
        _PROPERTY,
        Field("session", "BIGINT", "Its number"),
        Field("visitor", "BIGINT", "Who"),
        Field("started_at", "TIMESTAMPTZ", "First hit"),
        Field("ended_at", "TIMESTAMPTZ", "Last activity"),
        Field(
            "duration_s",
            "DOUBLE",
            "Seconds from first to last",
            dialect.seconds_between(session.c.started_at, session.c.ended_at),
        ),
        Field("hits", "INTEGER", "Events of any kind"),
        Field("views", "INTEGER", "Page views"),
        Field("custom_events", "INTEGER", "Events of your own"),
        Field("link_clicks", "INTEGER", "Clicks on links"),
        Field("engaged_s", "DOUBLE", "Seconds in front of pages", _seconds(session.c.engaged_ms)),
        Field("is_bounce", "BOOLEAN", "Left without doing anything"),
        Field("entry_page", "VARCHAR", "The first one"),
        Field("exit_page", "VARCHAR", "The last one"),
        *_of_sender(),
    ),
)
PROPERTIES = View(
    "properties",
    "What was chosen above",
    (
        Field("property", "VARCHAR", "Its name; joins the others"),
        Field("id", "UUID", "As in its address"),
        Field("timezone", "VARCHAR", "Where its days begin"),
        Field("is_yours", "BOOLEAN", "False: you may only look, so that user_id and data are empty"),
    ),
)
VIEWS = (EVENTS, SESSIONS, PROPERTIES)


def events_of(editable: Sequence[int]) -> Select[Any]:
    """The columns of EVENTS, unbounded; the property as its number."""
    is_theirs = event.c.property.in_(editable)
    return select(*(_column(field, event, is_theirs) for field in EVENTS.fields))


def sessions_of() -> Select[Any]:
    return select(*(_column(field, session) for field in SESSIONS.fields))


def _column(field: Field, table: Any, may_see: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    source = table.c[field.name] if field.source is None else field.source
    if field.is_private and may_see is not None:
        source = case((may_see, source), else_=null())
    return source.label(field.name)
