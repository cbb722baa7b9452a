"""The engine protocol: everything the warehouse needs of a columnar database, and no more.

A module of `engines` implements it for one database; `engines.factory` chooses one. Connections and statements are
SQLAlchemy's; expressions in which databases differ are in `dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Any, Protocol, Self, cast

from sqlalchemy import Connection, Select, Table

from proprium.errors import UserFacingError

ENGINE_OPTION = "proprium_engine"
"""Execution option in which each connection carries its Engine, for `stage` and `batches`."""


class WarehouseUnreadable(Exception):
    """The database cannot be read by this version; the warehouse erases and rebuilds it."""


class Damage(Enum):
    """What an error tells of the state of the database's contents."""

    CERTAIN = auto()
    """They cannot be read: only a rebuild helps."""
    POSSIBLE = auto()
    """An internal error or a failed read: reading all rows (`verify`) shows whether they are damaged."""


class Engine(Protocol):
    """One database that holds one warehouse. It is created closed; `open` and `close` may alternate.

    Each statement of a reader must observe the thread's query deadline (`query_timeout.check_current_deadline`).
    """

    bytes_per_event: int
    """Estimated size of an event, for the check of free space before a rebuild."""
    statement_errors: tuple[type[Exception], ...]
    """Errors of a failed statement, whether run through SQLAlchemy or directly."""

    @property
    def name(self) -> str:
        """Name of the database in messages to operators."""

    @property
    def location(self) -> str:
        """Where the database lies, in messages to operators: a folder or a server."""

    def exists(self) -> bool:
        """Returns whether the database has been created; does not open it."""

    def open(self) -> None:
        """Opens the database, creating it where needed, and discards what a killed rebuild left.

        Raises OperatorError when another process has it open, WarehouseUnreadable when it must be erased.
        """

    def close(self) -> None:
        """Closes all connections; committed rows are durable."""

    def erase(self) -> None:
        """Deletes the closed database with all of its contents, whatever state it is in.

        Raises OperatorError when something stands in its place that cannot be removed.
        """

    def read(self) -> AbstractContextManager[Connection]:
        """Opens a connection with a consistent snapshot.

        Raises sqlalchemy.exc.TimeoutError when there are too many readers.
        """

    def write(self) -> AbstractContextManager[Connection]:
        """Opens a transaction, rolled back on any error. The warehouse opens one at a time."""

    def stage(self, connection: Connection, table: Table, columns: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Makes in-memory columns readable as `table` on this connection, inside the block.

        All columns have equal length. A column is a sequence of values, or dictionary-encoded: an object with
        `dictionary` (distinct values) and `codes` (each row's index into it; None: NULL). Times are integer
        microseconds.
        """

    def batches(self, connection: Connection, statement: Select[Any]) -> Any:
        """Runs a query and streams its result as a pyarrow.RecordBatchReader of small batches."""

    def interrupt(self, connection: Connection) -> None:
        """Interrupts the connection's running statement, which raises one of `statement_errors`."""

    def disconnect(self, connection: Connection) -> None:
        """Invalidates a connection that is still in use, so that it cannot hold the database open."""

    def checkpoint(self) -> None:
        """Moves logged writes into their final place, and frees the space of deleted rows."""

    def create_rebuild_target(self) -> Self:
        """Returns a closed, empty database beside this one, for `replace_with`."""

    def copy(self, tables: Sequence[Table], on_batch_done: Callable[[], None]) -> Self:
        """Returns a closed copy of one snapshot: the schema, and the rows of these tables without deleted ones' bytes.

        The first column of a table must be an integer, by which rows are copied in batches of about a second.
        `on_batch_done` is called after each batch; it may write to this database. On an error no copy is left.
        """

    def replace_with(self, target: Self) -> None:
        """Takes over the contents of a rebuild target or copy, which no longer exists afterwards.

        Atomic: a crash leaves the old contents or the new ones. Both are closed.
        """

    def size_bytes(self) -> int:
        """Returns the size of the database."""

    def free_bytes(self) -> int:
        """Returns the free space for a rebuild target or a copy."""

    def damage(self, error: BaseException) -> Damage | None:
        """Tells damaged contents from other causes of an error; None: the contents are not to blame."""

    def verify(self, tables: Sequence[Table]) -> None:
        """Reads every value of these tables. Raises one of `statement_errors` when that fails."""

    def user_facing_error(self, error: Exception) -> UserFacingError | None:
        """Maps an error of a query to a user-facing one; None for a defect, which is logged."""


def stage(connection: Connection, table: Table, columns: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Stages columns by the connection's engine; see `Engine.stage`."""
    return _engine_of(connection).stage(connection, table, columns)


def batches(connection: Connection, statement: Select[Any]) -> Any:
    """Streams a query's result by the connection's engine; see `Engine.batches`."""
    return _engine_of(connection).batches(connection, statement)


def _engine_of(connection: Connection) -> Engine:
    return cast(Engine, connection.get_execution_options()[ENGINE_OPTION])
