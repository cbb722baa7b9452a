"""Adds a property's rules about addresses of one page; existing properties keep counting them apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # SQLite adds a column that must have a value only with a default; the model says the same.
    for name in ("merges_trailing_slashes", "merges_index_pages"):
        op.add_column("property", sa.Column(name, sa.Boolean(), nullable=False, server_default="0"))
