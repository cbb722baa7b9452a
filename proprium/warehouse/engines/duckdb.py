"""The DuckDB engine: one warehouse in one file, locked down; rows move in and out in bulk through Arrow.

Implements `engine.Engine`, whose docstrings hold here.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper
from sqlalchemy import Column, Connection, Select, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import BigInteger, Boolean, DateTime, Integer, SmallInteger

from proprium.errors import BadQuery, OperatorError, QueryTooLarge, UserFacingError, WarehouseBusy
from proprium.warehouse.engine import ENGINE_OPTION, Damage, WarehouseUnreadable
from proprium.warehouse.query_timeout import check_current_deadline

log = logging.getLogger(__name__)

MAX_READERS = 32
MAX_IDLE_READERS = 4
BATCH_ROWS = 16_384
COPY_ROWS = 122_880
"""Most rows that a copy writes in one statement: a row group of the engine, some 0.6 s on two busy cores."""

_FULL_DISK = ("no space", "disk", "could not write", "failed to create")
_LOCKED = ("could not set lock", "conflicting lock")
"""Parts of the error of a file that another process has open. "lock" alone is also in "block" and in folders' names."""
_DAMAGE = (
    "corrupt", "checksum", "not a valid duckdb", "could not read enough bytes", "failed to deserialize",
    "deserialization error", "serialization error", "failed to load metadata", "failure while replaying wal",
)  # fmt: skip
_DAMAGE_ERRORS = (
    duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException,
    duckdb.InvalidInputException,
)  # fmt: skip
"""Errors that never quote values of rows, so that no sender's text can look like damage. Some kinds of damage have no
class of their own and are plain `duckdb.Error`."""


class DuckDBEngine:
    """A DuckDB file with a connection pool.

    Every connection is a cursor of one database instance: DuckDB locks the file against a second instance.
    """

    bytes_per_event = 150
    statement_errors: tuple[type[Exception], ...] = (DBAPIError, duckdb.Error)
    _root_connection: duckdb.DuckDBPyConnection  # set by `open`

    def __init__(self, path: Path, memory: str = "512MB", threads: int | None = None) -> None:
        self.path = path
        self._memory = memory
        self._threads = threads
        self.sql_engine = create_engine(
            "duckdb://",
            creator=lambda: ConnectionWrapper(self._root_connection.cursor()),
            poolclass=QueuePool,
            pool_size=MAX_IDLE_READERS,
            max_overflow=MAX_READERS - MAX_IDLE_READERS,
            pool_timeout=30,
            hide_parameters=True,  # keeps thousands of values, and visitors' data, out of logged errors
            execution_options={ENGINE_OPTION: self},
        )
        event.listen(self.sql_engine, "before_cursor_execute", check_current_deadline)

    @property
    def rebuild_path(self) -> Path:
        """Path of the file that a rebuild or copy writes before it replaces this one."""
        return self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def location(self) -> str:
        return str(self.path.parent)

    def exists(self) -> bool:
        return self.path.exists()

    def open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        options: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._memory,
            "threads": str(self._threads or min(4, os.cpu_count() or 1)),
            "temp_directory": f"{self.path}.tmp",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        for path in _files_of(self.path):
            if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
                raise WarehouseUnreadable(f"{path} is not a file")
        try:
            self._root_connection = duckdb.connect(str(self.path), config=options)
        except Exception as problem:  # a damaged file raises many types of errors
            if any(part in str(problem).lower() for part in _LOCKED):
                raise OperatorError(
                    f"{self.path} is open in another process: only one `proprium serve` can run on a data folder."
                    " Stop the other process first."
                ) from None
            raise WarehouseUnreadable(f"{self.path}: {problem}") from problem
        try:
            self._configure()
        except BaseException as problem:
            self._root_connection.close()
            if isinstance(problem, duckdb.Error):
                raise WarehouseUnreadable(f"{self.path}: {problem}") from problem
            raise

    def _configure(self) -> None:
        """Locks the open database down, and deletes what a killed process left."""
        os.chmod(self.path, 0o600)
        _delete(Path(f"{self.path}.tmp"))
        self._root_connection.execute("SET GLOBAL TimeZone = 'UTC'")
        copies = ", ".join(f"'{_quoted(name)}'" for name in _files_of(self.rebuild_path))
        self._root_connection.execute(f"SET allowed_paths = [{copies}]")
        # No other file can be read or written by SQL.
        self._root_connection.execute("SET enable_external_access = false")
        self._root_connection.execute("SET lock_configuration = true")
        # Left by a rebuild that was killed. Only after the file's lock is held: another process may be writing it.
        _delete_files(self.rebuild_path)

    def close(self) -> None:
        self.sql_engine.dispose()
        self._root_connection.close()  # writes the write-ahead log into the file

    def erase(self) -> None:
        _delete_files(self.path)

    def read(self) -> Connection:
        return self.sql_engine.connect()

    def write(self) -> AbstractContextManager[Connection]:
        return self.sql_engine.begin()

    def stage(self, connection: Connection, table: Table, columns: Mapping[str, Any]) -> AbstractContextManager[None]:
        return stage_arrow(connection, table, columns)

    def batches(self, connection: Connection, statement: Select[Any]) -> Any:
        return arrow_batches(connection, statement)

    def interrupt(self, connection: Connection) -> None:
        native_connection(connection).interrupt()

    def disconnect(self, connection: Connection) -> None:
        connection.invalidate()  # the file stays open as long as one of its connections

    def checkpoint(self) -> None:
        self._root_connection.execute("CHECKPOINT")

    def create_rebuild_target(self) -> DuckDBEngine:
        _delete_files(self.rebuild_path)
        return DuckDBEngine(self.rebuild_path, self._memory, self._threads)

    def copy(self, tables: Sequence[Table], on_batch_done: Callable[[], None]) -> DuckDBEngine:
        target = self.create_rebuild_target()
        with self._root_connection.cursor() as cursor:
            cursor.execute("DETACH DATABASE IF EXISTS copy")
            try:
                cursor.execute(f"ATTACH '{_quoted(target.path)}' AS copy")
                [(name,)] = cursor.execute("SELECT current_database()").fetchall()
                cursor.execute(f'COPY FROM DATABASE "{name}" TO copy (SCHEMA)')
                cursor.begin()
                for table in tables:
                    _copy_table(cursor, table.name, table.columns[0].name, on_batch_done)
                cursor.commit()
                cursor.execute("CHECKPOINT copy")
                cursor.execute("DETACH copy")
            except BaseException:
                for statement in ("ROLLBACK", "DETACH DATABASE IF EXISTS copy"):
                    with suppress(duckdb.Error):  # the next copy detaches again before it starts
                        cursor.execute(statement)
                target.erase()
                raise
        return target

    def replace_with(self, target: DuckDBEngine) -> None:
        target.close()
        self.close()
        # The old write-ahead log must be gone before the rename, or the engine replays it into the new file.
        Path(f"{self.path}.wal").unlink(missing_ok=True)
        os.replace(target.path, self.path)

    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in _files_of(self.path) if file.is_file())

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path.parent).free

    def damage(self, error: BaseException) -> Damage | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        text = str(cause).lower()
        has_damage_class = isinstance(cause, _DAMAGE_ERRORS) or type(cause) in {duckdb.Error, duckdb.DatabaseError}
        if isinstance(cause, duckdb.HTTPException) or not has_damage_class or "temporary file" in text:
            return None
        if any(part in text for part in _DAMAGE):
            return Damage.CERTAIN
        is_doubtful = isinstance(cause, duckdb.IOException | duckdb.InternalException | duckdb.FatalException)
        return Damage.POSSIBLE if is_doubtful and not any(part in text for part in _FULL_DISK) else None

    def verify(self, tables: Sequence[Table]) -> None:
        with self._root_connection.cursor() as cursor:
            for table in tables:
                # The hash needs the values; a count or a maximum would be answered from statistics.
                columns = ", ".join(f'"{column.name}"' for column in table.columns)
                cursor.execute(f'SELECT bit_xor(hash({columns})) FROM "{table.name}"').fetchall()

    def user_facing_error(self, error: Exception) -> UserFacingError | None:
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


def _copy_table(cursor: duckdb.DuckDBPyConnection, table: str, key: str, on_batch_done: Callable[[], None]) -> None:
    [(lowest, highest)] = cursor.execute(f'SELECT min("{key}"), max("{key}") FROM "{table}"').fetchall()
    if lowest is None:
        return
    rows = f'INSERT INTO copy."{table}" SELECT * FROM "{table}" WHERE "{key}" BETWEEN ? AND ?'
    for start in range(lowest, highest + 1, COPY_ROWS):
        cursor.execute(rows, [start, start + COPY_ROWS - 1])
        on_batch_done()


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")


def _delete_files(path: Path) -> None:
    """Deletes a database file, its write-ahead logs and its temporary folder, where they exist."""
    for file in reversed(_files_of(path)):
        _delete(file)
    _delete(Path(f"{path}.tmp"))


def _delete(path: Path) -> None:
    """Deletes a file, a link or a folder, whatever it is; a folder that is not empty is renamed.

    Only the engine's own folder of temporary files is deleted with its contents. Raises OperatorError.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif path.suffix == ".tmp":
            shutil.rmtree(path, ignore_errors=True)
        elif any(path.iterdir()):
            names = (path.with_name(f"{path.name}.moved-{number}") for number in count(1))
            aside = next(name for name in names if not name.exists())
            path.rename(aside)
            log.warning("a folder in the place of the warehouse was renamed", extra={"path": str(aside)})
        else:
            path.rmdir()
    except OSError as problem:
        raise OperatorError(
            f"{path} cannot be replaced: {problem.strerror}. Delete it: the warehouse is rebuilt from storage."
        ) from problem


def _files_of(path: Path) -> list[Path]:
    """Lists a database file, first, and its possible write-ahead logs."""
    return [Path(f"{path}{ending}") for ending in ("", ".wal", ".wal.checkpoint", ".wal.recovery")]


def native_connection(connection: Connection) -> Any:
    """Returns the DuckDB connection behind a SQLAlchemy one."""
    return connection.connection.driver_connection


@contextmanager
def stage_arrow(connection: Connection, table: Table, columns: Mapping[str, Any]) -> Iterator[None]:
    """Registers columns as an Arrow table, which DuckDB reads in place; see `Engine.stage`."""
    import pyarrow

    arrow_columns: dict[str, Any] = {}
    arrow_codes_by_id: dict[int, Any] = {}  # many columns share their codes
    for column in table.columns:
        values, arrow_type = columns[column.name], _arrow_type(column)
        if hasattr(values, "codes"):
            if id(values.codes) not in arrow_codes_by_id:
                arrow_codes_by_id[id(values.codes)] = pyarrow.array(values.codes, type=pyarrow.int32())
            arrow_columns[column.name] = pyarrow.DictionaryArray.from_arrays(
                arrow_codes_by_id[id(values.codes)], pyarrow.array(values.dictionary, type=arrow_type)
            )
        else:
            arrow_columns[column.name] = pyarrow.array(values, type=arrow_type)
    arrow_table = pyarrow.table(arrow_columns)
    duckdb_connection = native_connection(connection)
    duckdb_connection.register(table.name, arrow_table)
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # an aborted transaction refuses it: the block's own error is to be seen
            duckdb_connection.unregister(table.name)
        raise
    duckdb_connection.unregister(table.name)


def arrow_batches(connection: Connection, statement: Select[Any]) -> Any:
    """Streams a query's result in Arrow batches of at most BATCH_ROWS rows, so that memory holds few at once."""
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
