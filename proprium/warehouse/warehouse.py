"""The open warehouse: snapshot reads, one writer, and contents that a rebuild can swap.

Many readers at a time, each with a consistent snapshot. Writes are serialised by a lock. How rows are stored is the
engine's business.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, Inspector, Table, insert, inspect, select
from sqlalchemy.exc import TimeoutError

from proprium.errors import OperatorError, WarehouseBusy, WarehouseRebuilding
from proprium.warehouse import schema
from proprium.warehouse.engine import Damage, Engine, WarehouseUnreadable
from proprium.warehouse.engines.factory import Location, engine_at
from proprium.warehouse.query_cache import QueryCache
from proprium.warehouse.query_timeout import QueryDeadline, current_deadline, with_deadline
from proprium.warehouse.swap_lock import SwapLock, SwapLockClosed

log = logging.getLogger(__name__)

SWAP_DRAIN_TIMEOUT_S = 30.0
"""Drain timeout of a swap: running queries may take this long to finish, then they are interrupted."""
CLOSE_DRAIN_TIMEOUT_S = 5.0
"""Drain timeout of `close`."""
MISSING_ROWS = "its rows are missing"


class Warehouse:
    """An open engine with its write lock, swap lock and query cache.

    Contents that cannot be read are never a reason not to open: they are erased, or stay unread, until a rebuild.
    Raises OperatorError when another process has it open.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._write_lock = threading.RLock()
        self._swap_lock = SwapLock()
        self._reader_connections: set[Connection] = set()
        self.query_cache = QueryCache()
        self.progress_seq = 0
        """Highest event seq of storage that the sync has written, committed or not."""
        self._rebuild_target: Warehouse | None = None
        self._rebuild_end_seq = 0
        self._outdated_seq: int | None = None
        self._contents_number = 0  # grows whenever other contents are opened: damage of older ones is of no interest
        self.damage: str | None = None
        """Why the contents cannot be read, in an operator's words; None: nothing is known to be wrong with them."""
        self.is_suspect = False
        """An error may have come from damage: `verify` finds out."""
        self.on_damage: Callable[[], None] = lambda: None
        """Called in any thread when damage is found or suspected."""
        self._open_or_reset()

    def rebuild_percent(self) -> int | None:
        """Progress of the rebuild in percent (0–99), or None when the warehouse can be read.

        Not None only when the contents are damaged, and on a schema mismatch: another version wrote the tables, and
        their columns are not those of today.
        """
        if self._outdated_seq is None and self.damage is None:
            return None
        progress_seq = self._rebuild_target.progress_seq if self._rebuild_target else 0
        return min(99, 100 * progress_seq // max(1, self._outdated_seq or 0, self._rebuild_end_seq))

    def mark_damaged(self, reason: str) -> None:
        """Ends all reading until the contents are rebuilt; `reason` is for operators."""
        if self.damage is None:
            log.warning("the warehouse cannot be read; rebuilding it from storage", extra={"error": reason})
            self.damage = reason
            self.on_damage()

    @contextmanager
    def read(self, *, allow_outdated: bool = False) -> Iterator[Connection]:
        """Opens a read connection for the current thread, with a consistent snapshot.

        Raises WarehouseBusy when there are too many readers, and when the warehouse is closed; WarehouseRebuilding
        on a schema mismatch and when the contents are damaged, unless `allow_outdated`, and always when the block finds
        out that they are; QueryTimeout when the thread's query deadline has expired or was cancelled; QueryTooLarge
        when memory or disk space is exhausted.
        """
        if not allow_outdated and (percent := self.rebuild_percent()) is not None:
            raise WarehouseRebuilding(percent)
        deadline, contents_number = current_deadline() or QueryDeadline(), self._contents_number
        try:
            with (
                self._swap_lock.read(SWAP_DRAIN_TIMEOUT_S),
                self.engine.read() as connection,
                with_deadline(deadline),
                deadline.enforce(partial(self.engine.interrupt, connection)),
            ):
                self._reader_connections.add(connection)
                try:
                    yield connection
                finally:
                    self._reader_connections.discard(connection)
        except (SwapLockClosed, TimeoutError):
            raise WarehouseBusy("The warehouse is busy. Try again in a moment.") from None
        except self.engine.statement_errors as error:
            deadline.check()
            if self._note_damage(error, contents_number):
                raise WarehouseRebuilding(self.rebuild_percent() or 0) from error
            if (problem := self.engine.user_facing_error(error)) is None:
                raise
            log.warning("warehouse query failed", extra={"error": _first_line(error)})
            raise problem from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Opens a write transaction, rolled back on any error. One writer at a time."""
        with self._write_lock, self._noted_damage(), self.engine.write() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Moves logged writes into their final place."""
        with self._write_lock, self._noted_damage():
            self.engine.checkpoint()

    def verify(self) -> bool:
        """Returns whether all rows can be read, and marks the contents as damaged where not; seconds per gigabyte."""
        self.is_suspect = False
        try:
            self.engine.verify(schema.metadata.sorted_tables)
        except self.engine.statement_errors as problem:
            self.mark_damaged(_first_line(problem))
        return self.damage is None

    def erase_damaged(self) -> None:
        """Erases damaged contents before their rebuild, for the disk space; they stay marked."""
        with self._exclusive(SWAP_DRAIN_TIMEOUT_S):
            self.engine.close()
            self.engine.erase()
            self._open_empty()
            self.query_cache.clear()

    def create_rebuild_target(self, end_seq: int = 0) -> Warehouse:
        """Creates an empty warehouse beside this one; pass it to `swap` or `discard`.

        `end_seq` is the event seq of storage at which the rebuild will be complete, for its progress.
        """
        self._rebuild_end_seq = end_seq
        self._rebuild_target = Warehouse(self.engine.create_rebuild_target())
        return self._rebuild_target

    def copy(self, on_batch_done: Callable[[], None]) -> Warehouse:
        """Copies a snapshot of all rows to a new warehouse, without the bytes of deleted rows.

        Pass the copy to `swap` or `discard`. `on_batch_done` is called about once a second; it may write to this
        warehouse.
        """
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.compaction]
        with self._noted_damage():
            rebuild_target = Warehouse(self.engine.copy(tables, on_batch_done))
        with rebuild_target.write() as connection:
            connection.execute(insert(schema.compaction).values(is_pending=False))
        self._rebuild_target = rebuild_target
        return rebuild_target

    def swap(self, rebuild_target: Warehouse) -> None:
        """Replaces the contents by the rebuild target's, and clears the query cache.

        Running queries finish on the old contents within SWAP_DRAIN_TIMEOUT_S; new ones wait for the swap.
        """
        with self._exclusive(SWAP_DRAIN_TIMEOUT_S):
            rebuild_target.close()
            self.engine.replace_with(rebuild_target.engine)
            self.damage, self.is_suspect = None, False
            self._open_or_reset()
            self._rebuild_target = None
            self.query_cache.clear()

    def discard(self, rebuild_target: Warehouse) -> None:
        """Closes and deletes the target of a failed rebuild; the next one starts over."""
        self._rebuild_target = None
        rebuild_target.close()
        rebuild_target.engine.erase()

    def reopen(self) -> None:
        """Reopens the engine after an error from which it does not recover; the query cache is cleared."""
        with self._exclusive(0):
            self.engine.close()
            self._open_or_reset()
            self.query_cache.clear()

    def close(self) -> None:
        """Closes the warehouse for good, after running queries have finished or CLOSE_DRAIN_TIMEOUT_S."""
        with self._exclusive(CLOSE_DRAIN_TIMEOUT_S, is_permanent=True):
            self.engine.close()

    def _open_or_reset(self) -> None:
        try:
            self._open()
        except OperatorError:
            raise
        except Exception as problem:  # a damaged file raises many types of errors
            log.warning(
                "the warehouse cannot be read; deleting it and rebuilding it from storage",
                extra={"error": _first_line(problem)},
            )
            self.engine.erase()
            self._open_empty()
            self.damage = _first_line(problem)

    def _open_empty(self) -> None:
        try:
            self._open()
        except OperatorError:
            raise
        except Exception as problem:
            raise OperatorError(
                f"The warehouse cannot be created in {self.engine.location}: {_first_line(problem)}"
            ) from problem

    def _open(self) -> None:
        self._contents_number += 1
        self.engine.open()
        try:
            with self.engine.write() as connection:
                self._outdated_seq = _outdated_seq(connection)
                schema.metadata.create_all(connection)
        except BaseException:
            self.engine.close()
            raise

    @contextmanager
    def _noted_damage(self) -> Iterator[None]:
        """Lets errors of the block pass, after noting the damage that they show."""
        contents_number = self._contents_number
        try:
            yield
        except self.engine.statement_errors as error:
            self._note_damage(error, contents_number)
            raise

    def _note_damage(self, error: Exception, contents_number: int) -> bool:
        """Notes what an error tells of damage; returns True when that is certain.

        `contents_number` is of the contents in which the error occurred.
        """
        damage = self.engine.damage(error)
        if damage is None or contents_number != self._contents_number:
            return False
        if damage is Damage.CERTAIN:
            self.mark_damaged(_first_line(error))
        elif not self.is_suspect:
            log.warning("the warehouse may be damaged; checking it", extra={"error": _first_line(error)})
            self.is_suspect = True
            self.on_damage()
        return damage is Damage.CERTAIN

    @contextmanager
    def _exclusive(self, drain_timeout_s: float, *, is_permanent: bool = False) -> Iterator[None]:
        """Excludes writers and readers; readers that outlast the drain timeout are interrupted and disconnected."""
        with (
            self._write_lock,
            self._swap_lock.exclusive(drain_timeout_s, self.interrupt_readers, is_permanent=is_permanent),
        ):
            for connection in list(self._reader_connections):
                self.engine.disconnect(connection)
            yield

    def interrupt_readers(self) -> None:
        """Interrupts all running queries, which end with WarehouseBusy."""
        for connection in list(self._reader_connections):
            self.engine.interrupt(connection)


def _outdated_seq(connection: Connection) -> int | None:
    """Reads the event seq that tables of another schema version, or with other columns, have reached.

    None for a new database or one of this version. Raises WarehouseUnreadable when the position cannot be read, or does
    not belong to the rows: an empty one beside events would let them be written twice.
    """
    position, inspector = schema.position, inspect(connection)
    table_names = set(inspector.get_table_names())
    own_tables = [table for table in schema.metadata.sorted_tables if table.name in table_names]
    if not own_tables:
        return None
    if position not in own_tables:
        raise WarehouseUnreadable("table `position` is missing")
    if not _has_same_columns(inspector, position):
        raise WarehouseUnreadable("table `position` has the columns of another version of Proprium")
    rows = connection.execute(select(position)).all()
    if len(rows) > 1 or any(value is None for row in rows for value in row):
        raise WarehouseUnreadable("table `position` does not have one complete row")
    if not rows:
        if any(connection.execute(select(table).limit(1)).first() for table in own_tables):
            raise WarehouseUnreadable("table `position` is empty beside other rows")
        return None
    is_outdated = (
        rows[0].schema_version != schema.VERSION
        or len(own_tables) < len(schema.metadata.sorted_tables)
        or not all(_has_same_columns(inspector, table) for table in own_tables)
    )
    return int(rows[0].event_seq) if is_outdated else None


def _has_same_columns(inspector: Inspector, table: Table) -> bool:
    return {column["name"] for column in inspector.get_columns(table.name)} == set(table.c.keys())


def _first_line(error: BaseException) -> str:
    """Returns the first line of an error's message: the engine adds stack traces."""
    first_line, *_ = str(getattr(error, "orig", error)).splitlines() or [type(error).__name__]
    return first_line


def open_warehouse(location: Location, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Opens or creates the warehouse at a location. Raises OperatorError when another process has it open."""
    return Warehouse(engine_at(location, memory, threads))


def warehouse_exists(location: Location) -> bool:
    """Returns whether a warehouse has been created at a location; does not open it."""
    return engine_at(location).exists()
