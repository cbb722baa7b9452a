"""Instance settings: a key-value store of JSON values in storage."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlmodel import Session

from proprium.storage.database import Database
from proprium.storage.tables import Setting

GENERATION = "generation"


def get(database: Database, name: str, default: Any = None) -> Any:
    """Returns a setting, or `default` if it is not set."""
    with database.session() as session:
        return read(session, name, default)


def put(database: Database, name: str, value: Any) -> None:
    """Stores a setting; `value` is any JSON value."""
    with database.write_transaction() as session:
        write(session, name, value)


def remove(database: Database, name: str) -> None:
    """Deletes a setting, if it is set."""
    with database.write_transaction() as session:
        erase(session, name)


def generation(database: Database) -> str:
    """Returns the ID of this event history (epoch), creating it at the first call.

    A warehouse with another ID was built from another history and is rebuilt.
    """
    return str(get_or_create(database, GENERATION, lambda: uuid4().hex))


def get_or_create(database: Database, name: str, factory: Any) -> Any:
    """Returns a setting, storing the value of `factory` if it is not set.

    All processes get the same value: it is created in a write transaction.
    """
    if (value := get(database, name)) is not None:
        return value
    with database.write_transaction() as session:
        if (value := read(session, name)) is None:
            value = factory()
            write(session, name, value)
    return value


def read(session: Session, name: str, default: Any = None) -> Any:
    """Returns a setting in the caller's transaction, or `default` if it is not set."""
    row = session.get(Setting, name)
    return default if row is None else row.value


def write(session: Session, name: str, value: Any) -> None:
    """Stores a setting in the caller's transaction."""
    session.merge(Setting(name=name, value=value))


def erase(session: Session, name: str) -> None:
    """Deletes a setting in the caller's transaction, if it is set."""
    if (row := session.get(Setting, name)) is not None:
        session.delete(row)
