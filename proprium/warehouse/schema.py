"""The warehouse's tables, for every engine. A change here is followed by a rebuild, never by a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, SmallInteger, String, Table, Text

VERSION = 5
"""Counted up with every change of this file or of what the projector writes: another number means a rebuild."""

metadata = MetaData()


def _context_columns() -> list[Column[object]]:
    """What a session takes from its first hit, under the same names as the hit's own."""
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
    Column("seq", BigInteger, nullable=False),  # storage's
    Column("property", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("event", String, nullable=False),
    Column("visitor", BigInteger),  # the session's, so bridged over midnight; NULL: a server-side sender
    Column("own_visitor", BigInteger),  # storage's, where `visitor` is another: yesterday's of the session, or NULL
    Column("previous_visitor", BigInteger),
    Column("session", BigInteger),  # the seq of its first hit; NULL: no visitor, or a bot
    Column("is_bot", Boolean, nullable=False),
    Column("bot_name", String),
    Column("bot_category", String),  # of a bot only
    Column("is_custom", Boolean, nullable=False),
    Column("is_view", Boolean, nullable=False),  # a page_view that counts: bots and double views are out
    Column("view_id", BigInteger),  # hash of the sender's
    Column("page", String),
    Column("title", String),
    Column("user_id", String),  # the sender's; costs 4 bytes an event
    *_context_columns(),
    Column("engaged_ms", BigInteger),  # of a page_leave
    Column("scroll_depth", SmallInteger),
    Column("read_ms", Integer),  # of a view that has a view_id: what was told of it later; NULL: nothing was
    Column("read_depth", SmallInteger),  # percent; the same
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
    Column("engaged_ms", BigInteger, nullable=False),  # of its page_leaves
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
    Column("seq", BigInteger, nullable=False),  # storage's
    Column("property", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("visitor", BigInteger),
    Column("reason", String, nullable=False),  # of exclusions.Exclusions
)
"""What a property's rules keep out of all numbers, to be counted and for nothing else."""

compaction = Table(
    "compaction",
    metadata,
    Column("is_pending", Boolean, nullable=False),  # rows were deleted whose bytes may still stand in the file
)
"""Written with each deletion, so that a restart knows of it. No row: the file is from before this was noted."""

position = Table(
    "position",
    metadata,
    Column("schema_version", Integer, nullable=False),  # read before anything else is
    Column("rules", String, nullable=False),  # fingerprint of everything that decides how a row is made
    Column("generation", String, nullable=False),  # storage's
    Column("event_seq", BigInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
)
