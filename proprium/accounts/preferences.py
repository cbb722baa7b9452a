"""Preferences of an account: theme of the pages and own time zone."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from proprium.properties import validation
from proprium.storage.database import Database
from proprium.storage.tables import User


class Theme(StrEnum):
    AUTO = "auto"  # as the system has it
    LIGHT = "light"
    DARK = "dark"


def set_theme(database: Database, user_id: UUID, theme: str) -> None:
    """Stores the theme that a user chose; does nothing for a text that is none."""
    if theme in set(Theme):
        with database.write_transaction() as session:
            session.execute(update(User).where(col(User.id) == user_id).values(theme=theme))


def set_timezone(database: Database, user_id: UUID, timezone: str) -> None:
    """Stores a user's time zone, for their new properties; "" for none. Raises UserFacingError for an unknown zone."""
    zone = validation.timezone(timezone) if timezone else None
    with database.write_transaction() as session:
        session.execute(update(User).where(col(User.id) == user_id).values(timezone=zone))
