"""Schema of the SQL console: the tables events, sessions and properties.

Each column has a name, a type, a meaning and its source in the warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Double, Select, case, null, select, type_coerce

from proprium.warehouse import dialect
from proprium.warehouse.schema import CONTEXT_COLUMNS, event, session


@dataclass(frozen=True)
class SqlColumn:
    name: str
    type: str
    meaning: str
    source: ColumnElement[Any] | None = None  # None: a column of the warehouse with this name
    is_private: bool = False  # NULL for properties that the user may not edit


@dataclass(frozen=True)
class SqlView:
    name: str
    meaning: str
    columns: tuple[SqlColumn, ...]


_CONTEXT_MEANINGS = {
    "hostname": "Hostname of the page",
    "referrer": "Hostname of the referring page; NULL: none",
    "source": "Name of the referrer or utm_source; NULL: direct",
    "channel": "Direct, Organic Search, Referral, Email …",
    "utm_source": "UTM source of the link that led here",
    "utm_medium": "UTM medium of the link that led here",
    "utm_campaign": "UTM campaign of the link that led here",
    "utm_term": "UTM term of the link that led here",
    "utm_content": "UTM content of the link that led here",
    "country": "ISO 3166-1 alpha-2: DE",
    "region": "ISO 3166-2: DE-HE",
    "city": "Name of the city",
    "browser": "Chrome, Safari, Firefox …",
    "browser_version": "Major version of the browser",
    "platform": "Operating system: Windows, iOS, Linux …",
    "platform_version": "Version of the operating system",
    "device": "Desktop, Mobile, Tablet",
    "screen": "Screen size: 1920×1080",
    "language": "Browser language: en-US",
}
_PROPERTY_COLUMN = SqlColumn("property", "VARCHAR", "Name of the property")


def _seconds(milliseconds: ColumnElement[Any]) -> ColumnElement[float]:
    return type_coerce(milliseconds / 1000.0, Double)


def _context_columns() -> tuple[SqlColumn, ...]:
    return tuple(
        SqlColumn(name, "VARCHAR", _CONTEXT_MEANINGS[name]) for name in CONTEXT_COLUMNS if name in _CONTEXT_MEANINGS
    )


EVENTS = SqlView(
    "events",
    "All hits: page views, clicks, custom events …",
    (
        _PROPERTY_COLUMN,
        SqlColumn("created_at", "TIMESTAMPTZ", "When it happened"),
        SqlColumn("event", "VARCHAR", "page_view, click, scroll, page_leave, session_start or a custom event"),
        SqlColumn("visitor", "BIGINT", "Visitor id; NULL: server-side event without a visitor"),
        SqlColumn("session", "BIGINT", "Session id; joins sessions.session"),
        SqlColumn("page", "VARCHAR", "Path of the page: /pricing"),
        SqlColumn("title", "VARCHAR", "Title of the page"),
        SqlColumn("is_view", "BOOLEAN", "Counted page view: not by a bot, not a duplicate"),
        SqlColumn("is_custom", "BOOLEAN", "Custom event"),
        SqlColumn("is_bot", "BOOLEAN", "Hit by a bot; exclude with WHERE NOT is_bot"),
        SqlColumn("bot_name", "VARCHAR", "Googlebot, GPTBot …"),
        SqlColumn("bot_category", "VARCHAR", "search engine, AI crawler …"),
        *_context_columns(),
        SqlColumn("engaged_s", "DOUBLE", "Engaged time in seconds, of a page_leave", _seconds(event.c.engaged_ms)),
        SqlColumn("scroll_depth", "SMALLINT", "Scroll depth in percent of the page"),
        SqlColumn("user_id", "VARCHAR", "User id as sent by your site", is_private=True),
        SqlColumn("data", "JSON", "Custom event data: data->>'plan'", is_private=True),
    ),
)
SESSIONS = SqlView(
    "sessions",
    "Sessions of humans; source, device and location are those of the first hit",
    (
        _PROPERTY_COLUMN,
        SqlColumn("session", "BIGINT", "Session id"),
        SqlColumn("visitor", "BIGINT", "Visitor id"),
        SqlColumn("started_at", "TIMESTAMPTZ", "Time of the first hit"),
        SqlColumn("ended_at", "TIMESTAMPTZ", "Time of the last activity"),
        SqlColumn(
            "duration_s",
            "DOUBLE",
            "Seconds from started_at to ended_at",
            dialect.seconds_between(session.c.started_at, session.c.ended_at),
        ),
        SqlColumn("hits", "INTEGER", "Number of all events"),
        SqlColumn("views", "INTEGER", "Number of page views"),
        SqlColumn("custom_events", "INTEGER", "Number of custom events"),
        SqlColumn("link_clicks", "INTEGER", "Number of clicks on links"),
        SqlColumn("engaged_s", "DOUBLE", "Engaged time in seconds", _seconds(session.c.engaged_ms)),
        SqlColumn("is_bounce", "BOOLEAN", "One page view without engagement"),
        SqlColumn("entry_page", "VARCHAR", "First page viewed"),
        SqlColumn("exit_page", "VARCHAR", "Last page viewed"),
        *_context_columns(),
    ),
)
PROPERTIES = SqlView(
    "properties",
    "The selected properties",
    (
        SqlColumn("property", "VARCHAR", "Name; joins the other tables"),
        SqlColumn("id", "UUID", "Id, as in the dashboard's URL"),
        SqlColumn("timezone", "VARCHAR", "Time zone of the property"),
        SqlColumn("is_yours", "BOOLEAN", "False: you cannot edit it, so user_id and data are NULL"),
    ),
)
VIEWS = (EVENTS, SESSIONS, PROPERTIES)


def events_statement(editable: Sequence[int]) -> Select[Any]:
    """Selects the columns of EVENTS without restrictions; the property is its number."""
    is_editable = event.c.property.in_(editable)
    return select(*(_column_expression(column, event, is_editable) for column in EVENTS.columns))


def sessions_statement() -> Select[Any]:
    """Selects the columns of SESSIONS without restrictions; the property is its number."""
    return select(*(_column_expression(column, session) for column in SESSIONS.columns))


def _column_expression(
    column: SqlColumn, table: Any, is_visible: ColumnElement[bool] | None = None
) -> ColumnElement[Any]:
    source = table.c[column.name] if column.source is None else column.source
    if column.is_private and is_visible is not None:
        source = case((is_visible, source), else_=null())
    return source.label(column.name)
