"""The DuckDB engine: opens, locks down and copies a warehouse file; moves rows in and out in bulk through Arrow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper
from sqlalchemy import Column, Connection, Engine, Select, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import BigInteger, Boolean, DateTime, Integer, SmallInteger

from proprium.errors import BadQuery, OperatorError, QueryTooLarge, UserFacingError, WarehouseBusy
from proprium.warehouse.query_timeout import current_deadline

MAX_READERS = 32
MAX_IDLE_READERS = 4
BATCH_ROWS = 16_384
COPY_ROWS = 122_880
"""Most rows that a copy writes in one statement: a row group of the engine, some 0.6 s on two busy cores."""


class WarehouseUnreadable(Exception):
    """The file cannot be read by this version; the warehouse deletes it and rebuilds."""


ENGINE_ERRORS = (DBAPIError, duckdb.Error)
"""Errors of a failed statement, whether run through SQLAlchemy or directly."""


_FULL_DISK = ("no space", "disk", "could not write", "failed to create")


def reader_problem(error: Exception) -> UserFacingError | None:
    """Maps an engine error to a user-facing one; None for a defect, which is logged."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause).lower()
    if isinstance(cause, duckdb.OutOfMemoryException):
        return QueryTooLarge(
            "This query needs more memory than the server may use. Choose a shorter period or fewer filters."
        )
    if isinstance(cause, duckdb.IOException) and any(part in text for part in _FULL_DISK):
        return QueryTooLarge(
            "The server's disk is full. Choose a shorter period or fewer filters, or free up disk space."
        )
    if "expression depth" in text or "recursion" in text:
        return BadQuery("These filters are nested too deeply. Use fewer filters.")
    if isinstance(cause, duckdb.InterruptException):
        return WarehouseBusy("The query was interrupted by maintenance of the warehouse. Try again in a moment.")
    return None


class DuckDBStore:
    """An open DuckDB file with a connection pool.

    Every connection is a cursor of one database instance: DuckDB locks the file against a second instance.
    """

    def __init__(self, path: Path, copy_path: Path, memory: str, threads: int | None = None) -> None:
        self.path = path
        self._copy_path = copy_path
        self._root_connection = _open(path, copy_path, memory, threads or min(4, os.cpu_count() or 1))
        self.engine: Engine = create_engine(
            "duckdb://",
            creator=lambda: ConnectionWrapper(self._root_connection.cursor()),
            poolclass=QueuePool,
            pool_size=MAX_IDLE_READERS,
            max_overflow=MAX_READERS - MAX_IDLE_READERS,
            pool_timeout=30,
            hide_parameters=True,  # keeps thousands of values, and visitors' data, out of logged errors
        )
        event.listen(self.engine, "before_cursor_execute", _check_deadline)

    def checkpoint(self) -> None:
        """Writes the write-ahead log into the file, and frees the blocks of deleted rows."""
        self._root_connection.execute("CHECKPOINT")

    def copy(self, tables: Sequence[Table], on_batch_done: Callable[[], None]) -> None:
        """Copies one snapshot of these tables to a new file at `copy_path`.

        The first column of a table must be an integer, by which rows are copied in batches. `on_batch_done` is called
        after each batch; it may write to this file. On an error no copy is left.
        """
        delete_files(self._copy_path)
        with self._root_connection.cursor() as cursor:
            cursor.execute("DETACH DATABASE IF EXISTS copy")
            try:
                cursor.execute(f"ATTACH '{_quoted(self._copy_path)}' AS copy")
                [(name,)] = cursor.execute("SELECT current_database()").fetchall()
                cursor.execute(f'COPY FROM DATABASE "{name}" TO copy (SCHEMA)')
                cursor.begin()
                for table in tables:
                    _copy_table(cursor, table.name, table.columns[0].name, on_batch_done)
                cursor.commit()
                cursor.execute("CHECKPOINT copy")
                cursor.execute("DETACH copy")
            except BaseException:
                _detach_failed_copy(cursor)
                delete_files(self._copy_path)
                raise

    def interrupt(self, connection: Connection) -> None:
        """Interrupts the connection's running statement, which raises an error."""
        native_connection(connection).interrupt()

    def disconnect(self, connection: Connection) -> None:
        """Invalidates a connection that is still in use.

        The file stays open as long as one of its connections.
        """
        connection.invalidate()

    def close(self) -> None:
        """Closes all connections; DuckDB writes its write-ahead log into the file."""
        self.engine.dispose()
        self._root_connection.close()


def _check_deadline(*_: Any) -> None:
    """Checks the query deadline before each statement: an interrupt ends only a running one."""
    if deadline := current_deadline():
        deadline.check()


def _copy_table(cursor: duckdb.DuckDBPyConnection, table: str, key: str, on_batch_done: Callable[[], None]) -> None:
    [(lowest, highest)] = cursor.execute(f'SELECT min("{key}"), max("{key}") FROM "{table}"').fetchall()
    if lowest is None:
        return
    rows = f'INSERT INTO copy."{table}" SELECT * FROM "{table}" WHERE "{key}" BETWEEN ? AND ?'
    for start in range(lowest, highest + 1, COPY_ROWS):
        cursor.execute(rows, [start, start + COPY_ROWS - 1])
        on_batch_done()


def _detach_failed_copy(cursor: duckdb.DuckDBPyConnection) -> None:
    """Rolls back and detaches a failed copy.

    Errors are ignored: the next copy detaches again before it starts.
    """
    for statement in ("ROLLBACK", "DETACH DATABASE IF EXISTS copy"):
        with suppress(duckdb.Error):
            cursor.execute(statement)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")


def _open(path: Path, copy_path: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": str(threads),
        "temp_directory": f"{path}.tmp",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        root_connection = duckdb.connect(str(path), config=options)
    except duckdb.Error as problem:
        if "lock" in str(problem).lower():
            raise OperatorError(
                f"{path} is open in another process: only one `proprium serve` can run on a data folder."
                " Stop the other process first."
            ) from None
        raise WarehouseUnreadable(f"{path}: {problem}") from problem
    os.chmod(path, 0o600)
    shutil.rmtree(f"{path}.tmp", ignore_errors=True)  # left by a process that was killed
    root_connection.execute("SET GLOBAL TimeZone = 'UTC'")
    copies = ", ".join(f"'{_quoted(name)}'" for name in _files_of(copy_path))
    root_connection.execute(f"SET allowed_paths = [{copies}]")
    root_connection.execute("SET enable_external_access = false")  # no other file can be read or written by SQL
    root_connection.execute("SET lock_configuration = true")
    return root_connection


def delete_files(path: Path) -> None:
    """Deletes a database file, its write-ahead logs and its temporary folder, where they exist."""
    for file in reversed(_files_of(path)):
        file.unlink(missing_ok=True)
    shutil.rmtree(f"{path}.tmp", ignore_errors=True)


def _files_of(path: Path) -> list[Path]:
    """Lists a database file, first, and its possible write-ahead logs."""
    return [Path(f"{path}{ending}") for ending in ("", ".wal", ".wal.checkpoint", ".wal.recovery")]


def native_connection(connection: Connection) -> Any:
    """Returns the DuckDB connection behind a SQLAlchemy one."""
    return connection.connection.driver_connection


@contextmanager
def stage(connection: Connection, table: Table, columns: Mapping[str, Any]) -> Iterator[None]:
    """Registers in-memory columns as `table`, readable by this connection inside the block.

    All columns have equal length. A column is a sequence of values, or dictionary-encoded: an object with
    `dictionary` (distinct values) and `codes` (each row's index into it).
    """
    import pyarrow

    arrow_codes_by_id: dict[int, Any] = {}
    arrow_table = pyarrow.table(
        {column.name: _to_arrow(column, columns[column.name], arrow_codes_by_id) for column in table.columns}
    )
    duckdb_connection = native_connection(connection)
    duckdb_connection.register(table.name, arrow_table)
    try:
        yield
    finally:
        duckdb_connection.unregister(table.name)


def _to_arrow(column: Column[Any], values: Any, arrow_codes_by_id: dict[int, Any]) -> Any:
    """Converts a column to Arrow; `arrow_codes_by_id` caches converted codes, which many columns share."""
    import pyarrow

    if not hasattr(values, "codes"):
        return pyarrow.array(values, type=_arrow_type(column))
    if id(values.codes) not in arrow_codes_by_id:
        arrow_codes_by_id[id(values.codes)] = pyarrow.array(values.codes, type=pyarrow.int32())
    arrow_dictionary = pyarrow.array(values.dictionary, type=_arrow_type(column))
    return pyarrow.DictionaryArray.from_arrays(arrow_codes_by_id[id(values.codes)], arrow_dictionary)


def batches(connection: Connection, statement: Select[Any]) -> Any:
    """Runs a query and streams its result as a pyarrow.RecordBatchReader.

    A batch has at most BATCH_ROWS rows, so memory holds a few thousand rows at once.
    """
    compiled = statement.compile(connection, compile_kwargs={"render_postcompile": True})
    parameter_values = [compiled.params[name] for name in compiled.positiontup or ()]
    return native_connection(connection).sql(str(compiled), params=parameter_values or None).to_arrow_reader(BATCH_ROWS)


def _arrow_type(column: Column[Any]) -> Any:
    import pyarrow

    arrow_types: tuple[tuple[type, Any], ...] = (
        (SmallInteger, pyarrow.int16()),
        (BigInteger, pyarrow.int64()),
        (Integer, pyarrow.int32()),
        (Boolean, pyarrow.bool_()),
        (DateTime, pyarrow.timestamp("us", "UTC")),  # converted from integer microseconds
    )
    return next(
        (arrow_type for column_type, arrow_type in arrow_types if isinstance(column.type, column_type)),
        pyarrow.string(),
    )
