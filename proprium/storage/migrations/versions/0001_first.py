"""Initial schema: accounts, properties, events and the change log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

# Key of data → column, in the order of the bits of `sent`.
KNOWN = {
    "user_id": "e.user_id",
    "view_id": "e.view_id",
    "url": "e.page",
    "title": "e.title",
    "hostname": "e.hostname",
    "referrer": "e.referrer",
    "screen_width": "e.screen_width",
    "screen_height": "e.screen_height",
    "language": "e.language",
    "utm_source": "e.utm_source",
    "utm_medium": "e.utm_medium",
    "utm_campaign": "e.utm_campaign",
    "utm_term": "e.utm_term",
    "utm_content": "e.utm_content",
    "time_on_page": "e.time_on_page",
    "scroll_depth": "e.scroll_depth",
    "automated": "json(CASE WHEN e.automated THEN 'true' ELSE 'false' END)",
    "user_agent": "coalesce(a.text, '')",
}
PARTS = " || ".join(
    f"CASE WHEN e.sent & {1 << bit} THEN '\"{key}\":' || json_quote({value}) || ',' ELSE '' END"
    for bit, (key, value) in enumerate(KNOWN.items())
)
UUID_TEXT = " || '-' || ".join(
    f"substr(lower(hex(e.id)), {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
)
STORED_EVENT = f"""
CREATE VIEW stored_event AS
SELECT e.seq,
       {UUID_TEXT} AS id,
       e.property,
       e.event,
       strftime('%Y-%m-%dT%H:%M:%S', e.created_at / 1000000, 'unixepoch')
         || printf('.%06dZ', e.created_at % 1000000) AS created_at,
       CASE WHEN e.rest IS NULL
            THEN '{{' || rtrim({PARTS}, ',') || '}}'
            ELSE '{{' || {PARTS} || substr(e.rest, 2) END AS data,
       coalesce(a.platform, '') AS platform,
       coalesce(a.browser, '') AS browser,
       coalesce(a.device, '') AS device,
       coalesce(e.country, '') AS country,
       coalesce(e.region, '') AS region,
       coalesce(e.city, '') AS city,
       coalesce(a.is_bot, 0) OR coalesce(e.automated, 0) AS is_bot,
       coalesce(a.bot_name, '') AS bot_name
  FROM event AS e LEFT JOIN user_agent AS a ON a.id = e.user_agent
"""


def upgrade() -> None:
    accounts()
    properties()
    events()
    op.execute(STORED_EVENT)
    op.create_table(
        "setting",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )


def accounts() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("email", name="uq_user_email"),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_session"),
        sa.UniqueConstraint("token_hash", name="uq_login_session_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_login_session_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_login_session_user_id", "login_session", ["user_id"])


def properties() -> None:
    op.create_table(
        "property",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("hostnames", sa.JSON(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("is_protected", sa.Boolean(), nullable=False),
        sa.Column("is_cookieless", sa.Boolean(), nullable=False),
        sa.Column("discards_bots", sa.Boolean(), nullable=False),
        sa.Column("keeps_click_text", sa.Boolean(), nullable=False),
        sa.Column("counts_automated", sa.Boolean(), nullable=True),
        sa.Column("query_keys", sa.JSON(), nullable=False),
        sa.Column("excluded_addresses", sa.JSON(), nullable=False),
        sa.Column("excluded_countries", sa.JSON(), nullable=False),
        sa.Column("excluded_paths", sa.JSON(), nullable=False),
        sa.Column("excluded_user_agents", sa.JSON(), nullable=False),
        sa.Column("custom_cards", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_property"),
        sa.UniqueConstraint("id", name="uq_property_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="fk_property_owner_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_property_owner_id", "property", ["owner_id"])
    op.create_table(
        "refused",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("property", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=True),
        sa.Column("hostname", sa.String(), nullable=True),
        sa.Column("browser", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_refused"),
        sa.ForeignKeyConstraint(["property"], ["property.number"], name="fk_refused_property", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_refused_property", "refused", ["property"])
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("property_id", sa.Uuid(), nullable=True),
        sa.Column("may_write", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("token_hash", name="uq_api_key_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_api_key_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["property_id"], ["property.id"], name="fk_api_key_property_id", ondelete="CASCADE"),
    )
    op.create_index("ix_api_key_user_id", "api_key", ["user_id"])
    op.create_index("ix_api_key_property_id", "api_key", ["property_id"])
    op.create_table(
        "visitor_key",
        sa.Column("property", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("property", "day", name="pk_visitor_key"),
    )
    op.create_index("ix_visitor_key_day", "visitor_key", ["day"])


def events() -> None:
    op.create_table(
        "user_agent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("is_bot", sa.Boolean(), nullable=False),
        sa.Column("bot_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_agent"),
        sa.UniqueConstraint("text", name="uq_user_agent_text"),
    )
    op.create_table(
        "event",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("property", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.Integer(), nullable=False),
        sa.Column("visitor", sa.BigInteger(), nullable=True),
        sa.Column("previous_visitor", sa.BigInteger(), nullable=True),
        sa.Column("user_agent", sa.Integer(), nullable=True),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String()) for name in ("user_id", "view_id", "page", "title", "hostname", "referrer")),
        sa.Column("screen_width", sa.Integer(), nullable=True),
        sa.Column("screen_height", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.String()) for name in ("language", "utm_source", "utm_medium", "utm_campaign")),
        *(sa.Column(name, sa.String()) for name in ("utm_term", "utm_content")),
        sa.Column("time_on_page", sa.BigInteger(), nullable=True),
        sa.Column("scroll_depth", sa.Integer(), nullable=True),
        sa.Column("automated", sa.Boolean(), nullable=True),
        *(sa.Column(name, sa.String()) for name in ("country", "region", "city")),
        sa.Column("rest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
        sa.UniqueConstraint("property", "id", name="uq_event_property_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("property", sa.Integer(), nullable=True),
        sa.Column("before", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_change"),
        sqlite_autoincrement=True,
    )
