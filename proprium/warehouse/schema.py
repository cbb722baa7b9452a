"""The warehouse's schema: its tables, for every engine. A change here causes a rebuild, never a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, SmallInteger, String, Table, Text

VERSION = 5
"""Schema version. Increment it with every change of this file or of the rows that the projector writes: a file with
another version is rebuilt."""

metadata = MetaData()


def _context_columns() -> list[Column[object]]:
    """Returns the columns that a session copies from its first hit, named alike in both."""
    return [
        Column("identity", SmallInteger),  # collector.event.Identity
        Column("hostname", String),
        Column("referrer", String),  # bare host; NULL: none
        Column("source", String),  # readable name of the referrer or utm_source; NULL: direct
        Column("channel", String),
        Column("utm_source", String),
        Column("utm_medium", String),
        Column("utm_campaign", String),
        Column("utm_term", String),
        Column("utm_content", String),
        Column("country", String),
        Column("region", String),
        Column("city", String),
        Column("browser", String),
        Column("browser_version", String),
        Column("platform", String),
        Column("platform_version", String),
        Column("device", String),
        Column("screen", String),  # "1920×1080"
        Column("language", String),
    ]


CONTEXT_COLUMNS = tuple(column.name for column in _context_columns())

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, nullable=False),  # the event's seq in storage
    Column("property", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("event", String, nullable=False),
    Column("visitor", BigInteger),  # the session's visitor, the same across midnight; NULL: a server-side sender
    Column("own_visitor", BigInteger),  # storage's visitor where `visitor` differs (another day's, or NULL); else NULL
    Column("previous_visitor", BigInteger),
    Column("session", BigInteger),  # the seq of its first hit; NULL: no visitor, or a bot
    Column("is_bot", Boolean, nullable=False),
    Column("bot_name", String),
    Column("bot_category", String),  # bots only
    Column("is_custom", Boolean, nullable=False),
    Column("is_view", Boolean, nullable=False),  # a page_view that counts: not a bot's, not a duplicate view
    Column("view_id", BigInteger),  # hash of the client's view_id
    Column("page", String),
    Column("title", String),
    Column("user_id", String),  # as sent by the client; costs 4 bytes an event
    *_context_columns(),
    Column("engaged_ms", BigInteger),  # page_leave only
    Column("scroll_depth", SmallInteger),
    Column("read_ms", Integer),  # views with a view_id: time on page from later events; NULL: none were received
    Column("read_depth", SmallInteger),  # views with a view_id: scroll depth in percent; NULL as above
    Column("data", Text),  # JSON of the keys that have no column; NULL: none
)

session = Table(
    "session",
    metadata,
    Column("session", BigInteger, nullable=False),
    Column("property", Integer, nullable=False),
    Column("visitor", BigInteger, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),  # first hit; decides the period
    Column("ended_at", DateTime(timezone=True), nullable=False),  # last activity
    Column("hits", Integer, nullable=False),
    Column("views", Integer, nullable=False),
    Column("custom_events", Integer, nullable=False),
    Column("link_clicks", Integer, nullable=False),
    Column("engaged_ms", BigInteger, nullable=False),  # sum over its page_leave events
    Column("is_bounce", Boolean, nullable=False),
    Column("entry_page", String),
    Column("exit_page", String),
    Column("exit_view", BigInteger),  # seq of the last view
    Column("is_new", Boolean, nullable=False),  # has a session_start
    *_context_columns(),
)

left_out = Table(
    "left_out",
    metadata,
    Column("seq", BigInteger, nullable=False),  # the event's seq in storage
    Column("property", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("visitor", BigInteger),
    Column("reason", String, nullable=False),  # a result of Exclusions.reason
)
"""Events excluded from all metrics by a property's rules; kept only to be counted by reason."""

compaction = Table(
    "compaction",
    metadata,
    Column("is_pending", Boolean, nullable=False),  # the file may still contain the bytes of deleted rows
)
"""One row, set in the transaction of each deletion, so that it survives a restart. No row: an older file, where a
compaction counts as pending."""

position = Table(
    "position",
    metadata,
    Column("schema_version", Integer, nullable=False),  # checked before any other table is read
    Column("rules", String, nullable=False),  # fingerprint of the code and rules by which rows are made
    Column("generation", String, nullable=False),  # id of the storage database; differs after a restore
    Column("event_seq", BigInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
)
