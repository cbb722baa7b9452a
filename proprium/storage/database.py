"""SQLite database: connections, transactions, the write-ahead log (WAL) and detection of commits.

Only this module and the few that use its cursor depend on SQLite.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlmodel import Session

from proprium.errors import OperatorError

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
"""Lock timeout: how long a writer waits for the transaction of another one."""

WAL_CHECKPOINT_PAGES = 4_000
"""Checkpoint interval of the WAL, 16 MB: each commit then writes less than with SQLite's default of 4 MB."""

MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024
"""Size to which the WAL is truncated after a checkpoint; a long deletion makes it larger."""

MAX_CHECKED_BYTES = 256 * 1024 * 1024
"""Largest file that is checked as a whole at the start: half a second."""

WRITE_LOCK_OPTION = "proprium_takes_write_lock"
"""Execution option of connections whose transactions take the write lock at their start."""


class Database:
    """The storage database. Any number of processes and threads may each have one on the same file."""

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        try:
            url_parts = make_url(url)
        except ArgumentError:
            raise OperatorError(f"PROPRIUM_DATABASE_URL is {url!r}: expected sqlite:///path/to/file.") from None
        if url_parts.get_backend_name() != "sqlite" or not url_parts.database or url_parts.database == ":memory:":
            redacted_url = url_parts.render_as_string(hide_password=True)
            raise OperatorError(f"PROPRIUM_DATABASE_URL is {redacted_url}: expected sqlite:///path/to/file.")
        self.url, self.path = url, Path(url_parts.database)
        self._busy_timeout_s = busy_timeout_s
        self.damage: str | None = None
        """SQLite's words for damage that a statement met since the start; None: none did."""
        self._raises_damage = False  # inside `operator_errors`, whose exception reports the damage
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Mode 0600, as the file holds accounts and keys; SQLite gives the WAL the same mode.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        except OSError as problem:
            raise OperatorError(f"{self.path} cannot be opened: {problem.strerror}.") from None
        self.engine: Engine = create_engine(url, pool_size=10, max_overflow=20)
        event.listen(self.engine, "connect", self._configure_connection)
        event.listen(self.engine, "begin", _begin)
        event.listen(self.engine, "handle_error", lambda context: self.note_error(context.original_exception))
        # A transaction that reads first and writes later fails at once if another process committed in between,
        # regardless of the timeout. Every writer therefore takes the lock at its start.
        self.write_engine: Engine = self.engine.execution_options(**{WRITE_LOCK_OPTION: True})

    @property
    def name(self) -> str:
        """The database in messages to operators."""
        return str(self.path)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Opens a session for reading, on one consistent snapshot. Rows stay usable after it is closed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write_transaction(self) -> Iterator[Session]:
        """Opens a transaction that holds the write lock from its start.

        It commits at the end of the block and rolls back on an exception.
        """
        with Session(self.write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def watch_commits(self) -> CommitWatcher:
        """Returns a watcher that detects commits of other connections."""
        return CommitWatcher(self.engine)

    def truncate_wal(self) -> bool:
        """Checkpoints the write-ahead log and truncates it.

        Returns False while a reader uses the log: try again later.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy

    @property
    def driver(self) -> Any:
        """Returns the DBAPI module below SQLAlchemy, whose cursor the hot paths use."""
        return self.engine.dialect.dbapi

    def ping(self) -> None:
        """Reads one row. Raises the driver's error if the file cannot be read."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM property LIMIT 1")

    def note_error(self, error: BaseException) -> None:
        """Notes the damage that an error of the driver shows, for readiness, and logs the first one with the way out.

        Statements of SQLAlchemy note theirs by themselves.
        """
        if self.damage is None and is_damage(error):
            self.damage = _damage_text(error)
            if not self._raises_damage:
                log.error("storage is damaged", extra={"error": self.damage_message(error)})

    @contextmanager
    def noted_errors(self) -> Iterator[None]:
        """Lets errors of the driver's own cursor pass, after noting the damage that they show."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.note_error(error)
            raise

    def damage_message(self, error: BaseException) -> str:
        """Returns a sentence for operators: what is damaged, and the way out."""
        return (
            f"{self.name} is damaged: {_damage_text(error)}. Stop the server and keep a copy of the file; then put the"
            f" newest backup ({self.path.name}.….bak) in its place, or save what can be read with"
            f" `sqlite3 {self.path.name} .recover | sqlite3 recovered.sqlite3`."
        )

    @contextmanager
    def operator_errors(self) -> Iterator[None]:
        """Turns errors of the driver in the block into OperatorError, for the start of a server and for commands."""
        self._raises_damage = True
        try:
            yield
        except (DatabaseError, sqlite3.DatabaseError, UnicodeDecodeError) as problem:
            cause = problem.orig if isinstance(problem, DatabaseError) else problem
            if not isinstance(cause, (sqlite3.Error, UnicodeDecodeError)):
                raise
            message = self.damage_message(cause) if is_damage(cause) else f"{self.name} cannot be used: {cause}."
            raise OperatorError(message) from problem
        finally:
            self._raises_damage = False

    def check(self, max_bytes: int = MAX_CHECKED_BYTES) -> None:
        """Checks the structure of the whole file, unless it is larger; 0.2 s for 100 MB. Raises OperatorError."""
        if self.path.stat().st_size > max_bytes:
            return
        with self.operator_errors(), self.engine.connect() as connection:
            finding = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if finding != "ok":
            raise OperatorError(self.damage_message(sqlite3.DatabaseError(" ".join(str(finding).split()))))

    def close(self) -> None:
        self.engine.dispose()

    def _configure_connection(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: _begin does, for DDL as well
        for pragma in (
            f"busy_timeout={int(self._busy_timeout_s * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged event survives a power cut
            "foreign_keys=ON",
            "secure_delete=ON",  # deleted data, above all visitor keys, is overwritten
            f"wal_autocheckpoint={WAL_CHECKPOINT_PAGES}",
            f"journal_size_limit={MAX_IDLE_WAL_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")


class CommitWatcher:
    """Detects commits of all other connections, also of other processes; a check takes some microseconds."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._cursor = self._connection.connection.cursor()
        self._last_version = self._data_version()

    def has_new_commits(self) -> bool:
        """Returns True if there was a commit since the last call."""
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
    """Opens a transaction like `Database.write_transaction` on a cursor of the driver.

    For the path that appends events, where SQLAlchemy's own costs too much.
    """
    cursor.execute("BEGIN IMMEDIATE")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        cursor.connection.rollback()  # does nothing if SQLite has rolled back itself, as on a full disk
        raise


def is_damage(error: BaseException) -> bool:
    """Returns whether an error of the driver comes from a damaged file, or from one that is no database.

    Where the schema is damaged, SQLite's own message quotes it, and the driver fails to decode the message.
    """
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # extended codes have the cause in the higher bits
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _damage_text(error: BaseException) -> str:
    return "its schema is malformed" if isinstance(error, UnicodeDecodeError) else str(error)


def _begin(connection: Connection) -> None:
    takes_write_lock = connection.get_execution_options().get(WRITE_LOCK_OPTION)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if takes_write_lock else "BEGIN")
