"""A second engine of the warehouse: DuckDB in memory, without a file, a path or a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper
from sqlalchemy import Connection, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from proprium.errors import UserFacingError, WarehouseBusy
from proprium.warehouse.engine import ENGINE_OPTION, Damage
from proprium.warehouse.engines.duckdb import arrow_batches, native_connection, stage_arrow
from proprium.warehouse.query_timeout import check_current_deadline


class MemoryEngine:
    """As a database server does, it keeps its rows while it is closed: they live as long as this object."""

    name, location = "memory", "the memory of the tests"
    bytes_per_event = 100
    statement_errors: tuple[type[Exception], ...] = (DBAPIError, duckdb.Error)
    stage, batches = staticmethod(stage_arrow), staticmethod(arrow_batches)

    def __init__(self) -> None:
        self._server = duckdb.connect(":memory:")
        self._root_connection: duckdb.DuckDBPyConnection | None = None
        self.sql_engine = create_engine(
            "duckdb://",
            creator=lambda: ConnectionWrapper(self._root_connection.cursor()),  # type: ignore[union-attr]
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=28,
            execution_options={ENGINE_OPTION: self},
        )
        event.listen(self.sql_engine, "before_cursor_execute", check_current_deadline)

    def exists(self) -> bool:
        return bool(self._server.execute("SELECT 1 FROM duckdb_tables()").fetchall())

    def open(self) -> None:
        self._server.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root_connection = self._server.cursor()

    def close(self) -> None:
        self.sql_engine.dispose()
        if self._root_connection is not None:
            self._root_connection.close()

    def erase(self) -> None:
        self._server.close()
        self._server = duckdb.connect(":memory:")

    def read(self) -> Connection:
        return self.sql_engine.connect()

    def write(self) -> AbstractContextManager[Connection]:
        return self.sql_engine.begin()

    def interrupt(self, connection: Connection) -> None:
        native_connection(connection).interrupt()

    def disconnect(self, connection: Connection) -> None:
        connection.invalidate()

    def checkpoint(self) -> None:
        """There is no log."""

    def create_rebuild_target(self) -> MemoryEngine:
        return MemoryEngine()

    def copy(self, tables: Sequence[Table], on_batch_done: Callable[[], None]) -> MemoryEngine:
        target = MemoryEngine()
        with self._server.cursor() as source:
            source.begin()
            for table in tables:
                rows = source.sql(f'SELECT * FROM "{table.name}"').to_arrow_table()
                target._server.execute(str(CreateTable(table).compile(self.sql_engine)))
                target._server.register("rows_of_source", rows)
                target._server.execute(f'INSERT INTO "{table.name}" SELECT * FROM rows_of_source')
                target._server.unregister("rows_of_source")
                on_batch_done()
            source.rollback()
        return target

    def replace_with(self, target: MemoryEngine) -> None:
        target.close()
        self.close()
        self._server.close()
        self._server = target._server

    def size_bytes(self) -> int:
        [(count,)] = self._server.execute("SELECT sum(estimated_size) FROM duckdb_tables()").fetchall()
        return int(count or 0) * self.bytes_per_event

    def free_bytes(self) -> int:
        return 1 << 40

    def damage(self, error: BaseException) -> Damage | None:
        """No disk, no damage."""
        return None

    def verify(self, tables: Sequence[Table]) -> None:
        for table in tables:
            self._server.sql(f'SELECT * FROM "{table.name}"').fetchall()

    def user_facing_error(self, error: Exception) -> UserFacingError | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        return WarehouseBusy("Interrupted.") if isinstance(cause, duckdb.InterruptException) else None
