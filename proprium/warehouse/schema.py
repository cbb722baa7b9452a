"""The warehouse's schema: its tables, for every engine. A change here causes a rebuild, never a migration."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, SmallInteger, String, Table, Text

from proprium.storage.stored_columns import WarehouseScope, columns_in

VERSION = 7
"""Schema version. Increment it with every change of this module or of the rows that the projector writes: a
warehouse with another version, or other columns, is rebuilt."""

metadata = MetaData()


_DERIVED_CONTEXT = {
    "referrer": (
        "source",  # readable name of the referrer or utm_source; NULL: direct
        "channel",
    ),
    "city": ("browser", "browser_version", "platform", "platform_version", "device", "screen"),  # "1920×1080"
}
"""Columns that the projection derives, after the stored column that they follow. NULL: unknown, or none."""


def _context_columns() -> Iterator[Column[object]]:
    """Yields the columns that a session copies from its hits (projection.session_context), named alike in both."""
    for column in columns_in(WarehouseScope.SESSION):
        yield Column(column.name, column.type)
        for name in _DERIVED_CONTEXT.get(column.name, ()):
            yield Column(name, String)


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
    Column("context_bits", SmallInteger, nullable=False),  # projection.session_context: what its session may copy
    Column("is_bot", Boolean, nullable=False),
    Column("is_automated", Boolean, nullable=False),  # by an automated browser: a bot, unless the property counts it
    Column("bot_name", String),
    Column("bot_category", String),  # bots only
    Column("is_custom", Boolean, nullable=False),
    Column("is_view", Boolean, nullable=False),  # a page_view that counts: not a bot's, not a duplicate view
    Column("view_id", BigInteger),  # hash of the client's view_id
    Column("page", String),
    Column("own_page", String),  # the page's own path where `page` is the pattern that groups it; else NULL
    *(Column(column.name, column.type) for column in columns_in(WarehouseScope.EVENT)),
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
"""Events excluded from all metrics by a property's rules; stored only to be counted by reason."""

compaction = Table(
    "compaction",
    metadata,
    Column("is_pending", Boolean, nullable=False),  # bytes of deleted rows may remain
)
"""One row, set in the transaction of each deletion, so that it survives a restart. No row: an older warehouse, where a
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
