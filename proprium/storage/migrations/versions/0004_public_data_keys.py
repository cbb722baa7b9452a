"""Adds public data keys of a property; existing properties have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # SQLite adds a column that must have a value only with a default; the model says the same.
    op.add_column("property", sa.Column("public_data_keys", sa.JSON(), nullable=False, server_default="[]"))
