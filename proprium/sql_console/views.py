"""The tables that a statement can ask, column by column: name, type, what it means, and where it comes from."""

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
    is_private: bool = False  # NULL in a property that one may only look at


@dataclass(frozen=True)
class SqlView:
    name: str
    meaning: str
    columns: tuple[SqlColumn, ...]


_CONTEXT_MEANINGS = {
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
_PROPERTY_COLUMN = SqlColumn("property", "VARCHAR", "Name of the property")


def _seconds(milliseconds: ColumnElement[Any]) -> ColumnElement[float]:
    return type_coerce(milliseconds / 1000.0, Double)


def _context_columns() -> tuple[SqlColumn, ...]:
    return tuple(
        SqlColumn(name, "VARCHAR", _CONTEXT_MEANINGS[name]) for name in CONTEXT_COLUMNS if name in _CONTEXT_MEANINGS
    )


EVENTS = SqlView(
    "events",
    "Every hit: page views, clicks, custom events",
    (
        _PROPERTY_COLUMN,
        SqlColumn("created_at", "TIMESTAMPTZ", "When it happened"),
        SqlColumn("event", "VARCHAR", "page_view, click, scroll, page_leave, session_start or your own"),
        SqlColumn("visitor", "BIGINT", "Who; NULL: a server that speaks for nobody"),
        SqlColumn("session", "BIGINT", "Which visit; joins sessions.session"),
        SqlColumn("page", "VARCHAR", "Path: /pricing"),
        SqlColumn("title", "VARCHAR", "Of the page"),
        SqlColumn("is_view", "BOOLEAN", "A page view that counts: no bot's, no double one"),
        SqlColumn("is_custom", "BOOLEAN", "An event of your own"),
        SqlColumn("is_bot", "BOOLEAN", "Leave them out: WHERE NOT is_bot"),
        SqlColumn("bot_name", "VARCHAR", "Googlebot, GPTBot …"),
        SqlColumn("bot_category", "VARCHAR", "search engine, AI crawler …"),
        *_context_columns(),
        SqlColumn("engaged_s", "DOUBLE", "Seconds in front of the page, of a page_leave", _seconds(event.c.engaged_ms)),
        SqlColumn("scroll_depth", "SMALLINT", "Percent of the page that was seen"),
        SqlColumn("user_id", "VARCHAR", "As your site sent it", is_private=True),
        SqlColumn("data", "JSON", "Everything else that was sent: data->>'plan'", is_private=True),
    ),
)
SESSIONS = SqlView(
    "sessions",
    "Visits of people; source, device and place are those of the first hit",
    (
        _PROPERTY_COLUMN,
        SqlColumn("session", "BIGINT", "Its number"),
        SqlColumn("visitor", "BIGINT", "Who"),
        SqlColumn("started_at", "TIMESTAMPTZ", "First hit"),
        SqlColumn("ended_at", "TIMESTAMPTZ", "Last activity"),
        SqlColumn(
            "duration_s",
            "DOUBLE",
            "Seconds from first to last",
            dialect.seconds_between(session.c.started_at, session.c.ended_at),
        ),
        SqlColumn("hits", "INTEGER", "Events of any kind"),
        SqlColumn("views", "INTEGER", "Page views"),
        SqlColumn("custom_events", "INTEGER", "Events of your own"),
        SqlColumn("link_clicks", "INTEGER", "Clicks on links"),
        SqlColumn("engaged_s", "DOUBLE", "Seconds in front of pages", _seconds(session.c.engaged_ms)),
        SqlColumn("is_bounce", "BOOLEAN", "Left without doing anything"),
        SqlColumn("entry_page", "VARCHAR", "The first one"),
        SqlColumn("exit_page", "VARCHAR", "The last one"),
        *_context_columns(),
    ),
)
PROPERTIES = SqlView(
    "properties",
    "What was chosen above",
    (
        SqlColumn("property", "VARCHAR", "Its name; joins the others"),
        SqlColumn("id", "UUID", "As in its address"),
        SqlColumn("timezone", "VARCHAR", "Where its days begin"),
        SqlColumn("is_yours", "BOOLEAN", "False: you may only look, so that user_id and data are empty"),
    ),
)
VIEWS = (EVENTS, SESSIONS, PROPERTIES)


def events_statement(editable: Sequence[int]) -> Select[Any]:
    """The columns of EVENTS, unbounded; the property as its number."""
    is_editable = event.c.property.in_(editable)
    return select(*(_column_expression(column, event, is_editable) for column in EVENTS.columns))


def sessions_statement() -> Select[Any]:
    return select(*(_column_expression(column, session) for column in SESSIONS.columns))


def _column_expression(column: SqlColumn, table: Any, may_see: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    source = table.c[column.name] if column.source is None else column.source
    if column.is_private and may_see is not None:
        source = case((may_see, source), else_=null())
    return source.label(column.name)
