"""Facts of the instance by name."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlmodel import Session

from proprium.storage.database import Database
from proprium.storage.tables import Setting

GENERATION = "generation"


def get(database: Database, name: str, default: Any = None) -> Any:
    with database.session() as session:
        return read(session, name, default)


def put(database: Database, name: str, value: Any) -> None:
    """Writes `value`, which is anything that JSON can hold."""
    with database.write_transaction() as session:
        write(session, name, value)


def remove(database: Database, name: str) -> None:
    with database.write_transaction() as session:
        erase(session, name)


def generation(database: Database) -> str:
    """Names this history of events: another one means that the warehouse belongs to another past."""
    return str(get_or_create(database, GENERATION, lambda: uuid4().hex))


def get_or_create(database: Database, name: str, factory: Any) -> Any:
    """The value under `name`; made and kept when there is none, by one process only."""
    if (value := get(database, name)) is not None:
        return value
    with database.write_transaction() as session:
        if (value := read(session, name)) is None:
            value = factory()
            write(session, name, value)
    return value


def read(session: Session, name: str, default: Any = None) -> Any:
    """The same inside a transaction of the caller's."""
    row = session.get(Setting, name)
    return default if row is None else row.value


def write(session: Session, name: str, value: Any) -> None:
    session.merge(Setting(name=name, value=value))


def erase(session: Session, name: str) -> None:
    if (row := session.get(Setting, name)) is not None:
        session.delete(row)
