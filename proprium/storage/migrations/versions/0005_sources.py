"""Adds the names of click ids, and a property's ignored referrers; existing events and properties have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

LAST_PART = "CASE WHEN e.sent & 131072 THEN"  # of the key user_agent, the last one of revision 0001
CLICK_ID_PART = "CASE WHEN e.sent & 262144 THEN '\"click_id\":' || json_quote(e.click_id) || ',' ELSE '' END || "


def upgrade() -> None:
    op.add_column("event", sa.Column("click_id", sa.String(), nullable=True))
    # SQLite adds a column that must have a value only with a default; the model says the same.
    op.add_column("property", sa.Column("ignored_referrers", sa.JSON(), nullable=False, server_default="[]"))
    # The view stored_event reads every key of data that has a column.
    view = op.get_bind().scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'stored_event'"))
    op.execute("DROP VIEW stored_event")
    op.get_bind().exec_driver_sql(view.replace(LAST_PART, CLICK_ID_PART + LAST_PART))
