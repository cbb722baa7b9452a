"""Adds saved SQL queries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "saved_query",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_query"),
        sa.UniqueConstraint("user_id", "name", name="uq_saved_query_user_id_name"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_saved_query_user_id", ondelete="CASCADE"),
    )
