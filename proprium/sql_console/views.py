"""Schema of the SQL console: the tables events, sessions and properties.

Each column has a name, a type, a meaning and its source in the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    Select,
    SmallInteger,
    String,
    case,
    null,
    select,
    type_coerce,
)

from proprium.storage.stored_columns import STORED_COLUMNS, WarehouseScope, columns_in
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


_DERIVED_MEANINGS = {
    "source": "Name of the referrer or utm_source; NULL: direct",
    "channel": "Direct, Organic Search, Referral, Email …",
    "browser": "Chrome, Safari, Firefox …",
    "browser_version": "Major version of the browser",
    "platform": "Operating system: Windows, iOS, Linux …",
    "platform_version": "Version of the operating system",
    "device": "Desktop, Mobile, Tablet",
    "screen": "Screen size: 1920×1080",
}
_STORED_COLUMNS = {column.name: column for column in STORED_COLUMNS if column.scope is not None and column.meaning}
_TYPE_NAMES = {
    String: "VARCHAR",
    SmallInteger: "SMALLINT",
    Integer: "INTEGER",
    BigInteger: "BIGINT",
    Boolean: "BOOLEAN",
}
_PROPERTY_COLUMN = SqlColumn("property", "VARCHAR", "Name of the property")


def _seconds(milliseconds: ColumnElement[Any]) -> ColumnElement[float]:
    return type_coerce(milliseconds / 1000.0, Double)


def _stored_columns(names: Iterable[str], *, is_private: bool = False) -> Iterator[SqlColumn]:
    """Yields those columns that storage describes or the projection derives, with their meaning."""
    for name in names:
        if (column := _STORED_COLUMNS.get(name)) is None:
            if not is_private and name in _DERIVED_MEANINGS:
                yield SqlColumn(name, "VARCHAR", _DERIVED_MEANINGS[name])
        elif column.is_private is is_private:
            yield SqlColumn(name, _TYPE_NAMES[column.type], column.meaning, is_private=is_private)


_EVENT_COLUMNS = [column.name for column in columns_in(WarehouseScope.EVENT)]

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
        *_stored_columns(_EVENT_COLUMNS),
        SqlColumn("is_view", "BOOLEAN", "Counted page view: not by a bot, not a duplicate"),
        SqlColumn("is_custom", "BOOLEAN", "Custom event"),
        SqlColumn("is_bot", "BOOLEAN", "Hit by a bot; exclude with WHERE NOT is_bot"),
        SqlColumn("is_automated", "BOOLEAN", "By an automated browser: a bot, unless the property counts these"),
        SqlColumn("bot_name", "VARCHAR", "Googlebot, GPTBot …"),
        SqlColumn("bot_category", "VARCHAR", "search engine, AI crawler or agent, HTTP library …"),
        *_stored_columns(CONTEXT_COLUMNS),
        SqlColumn("engaged_s", "DOUBLE", "Engaged time in seconds, of a page_leave", _seconds(event.c.engaged_ms)),
        SqlColumn("scroll_depth", "SMALLINT", "Scroll depth in percent of the page"),
        *_stored_columns(_EVENT_COLUMNS, is_private=True),
        SqlColumn("data", "JSON", "Custom event data: data->>'plan'", is_private=True),
    ),
)
SESSIONS = SqlView(
    "sessions",
    "Sessions of humans; source and UTM are those of the first page view, device and location of the first hit that"
    " has them",
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
        *_stored_columns(CONTEXT_COLUMNS),
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
