"""Adds goals, segments and metric rules of a property."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # SQLite adds a column that must have a value only with a default; the models say the same.
    for name, kind, default in (
        ("goals", sa.JSON(), "[]"),
        ("segments", sa.JSON(), "[]"),
        ("path_patterns", sa.JSON(), "[]"),
        ("session_gap_min", sa.Integer(), "30"),
        ("bounce_s", sa.Integer(), "10"),
        ("live_min", sa.Integer(), "5"),
    ):
        op.add_column("property", sa.Column(name, kind, nullable=False, server_default=default))
