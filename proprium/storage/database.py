"""The one database: how it is opened, read and written; nothing else knows that it is SQLite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session

from proprium.errors import OperatorError

BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another process's commit before it gives up."""

WAL_CHECKPOINT_PAGES = 4_000
"""The log is folded into the file every 16 MB: each commit then writes less than with SQLite's 4 MB."""

MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024
"""What a long deletion left of the log is given back to the disk."""

_TAKES_WRITE_LOCK = "proprium_takes_the_lock"


class Database:
    """Storage. Any number of processes and threads may hold one each on the same file."""

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.url = url
        self.path = _path_from_url(url)
        self._busy_timeout_s = busy_timeout_s
        _create_private_file(self.path)
        self.engine: Engine = create_engine(url, pool_size=10, max_overflow=20)
        event.listen(self.engine, "connect", self._configure_connection)
        event.listen(self.engine, "begin", _begin)
        # A transaction that reads first and writes later fails at once when another process committed in between,
        # whatever the timeout: so every writer takes the lock at its start.
        self.write_engine: Engine = self.engine.execution_options(**{_TAKES_WRITE_LOCK: True})

    @contextmanager
    def session(self) -> Iterator[Session]:
        """For reading: one consistent snapshot. Rows stay usable after it has closed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write_transaction(self) -> Iterator[Session]:
        """One transaction that holds the write lock from its start and commits at its end, or not at all."""
        with Session(self.write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def watch_commits(self) -> CommitWatcher:
        """Tells whether another connection has committed since it was last asked."""
        return CommitWatcher(self.engine)

    def truncate_wal(self) -> bool:
        """Folds the write-ahead log into the file and empties it; False while a reader holds it: try again later."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy

    @property
    def driver(self) -> Any:
        """The DBAPI module below SQLAlchemy, whose cursor the hot paths use."""
        return self.engine.dialect.dbapi

    def ping(self) -> None:
        """Raises the driver's own error when the file cannot be read."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM property LIMIT 1")

    def close(self) -> None:
        self.engine.dispose()

    def _configure_connection(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own: _begin does, for DDL as well
        for pragma in (
            f"busy_timeout={int(self._busy_timeout_s * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged event survives a power cut
            "foreign_keys=ON",
            "secure_delete=ON",  # what was deleted is overwritten: visitor keys above all
            f"wal_autocheckpoint={WAL_CHECKPOINT_PAGES}",
            f"journal_size_limit={MAX_IDLE_WAL_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")


class CommitWatcher:
    """Notices commits of every other connection, also those of other processes, for some microseconds a look."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._cursor = self._connection.connection.cursor()
        self._last_version = self._data_version()

    def has_new_commits(self) -> bool:
        """True once after each commit, or run of commits, since it was last asked."""
        version = self._data_version()
        has_changed = version != self._last_version
        self._last_version = version
        return has_changed

    def close(self) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        self._cursor.execute("PRAGMA data_version")
        (version,) = self._cursor.fetchone()  # type: ignore[misc]
        return int(version)


@contextmanager
def transaction(cursor: Any) -> Iterator[None]:
    """The same as `Database.writing` on a cursor of the driver, for the one path where SQLAlchemy's costs too much."""
    cursor.execute("BEGIN IMMEDIATE")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        cursor.connection.rollback()  # nothing where SQLite has done so already, on a full disk
        raise


def _begin(connection: Connection) -> None:
    takes_write_lock = connection.get_execution_options().get(_TAKES_WRITE_LOCK)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if takes_write_lock else "BEGIN")


def _path_from_url(url: str) -> Path:
    try:
        parts = make_url(url)
    except ArgumentError:
        raise OperatorError(f"PROPRIUM_DATABASE_URL is {url!r}: expected sqlite:///path/to/file.") from None
    if parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:":
        redacted_url = parts.render_as_string(hide_password=True)
        raise OperatorError(f"PROPRIUM_DATABASE_URL is {redacted_url}: expected sqlite:///path/to/file.")
    return Path(parts.database)


def _create_private_file(path: Path) -> None:
    """Nobody but this user reads accounts and keys; SQLite gives its log the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    except OSError as problem:
        raise OperatorError(f"{path} cannot be opened: {problem.strerror}.") from None
