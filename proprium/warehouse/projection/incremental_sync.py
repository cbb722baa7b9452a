"""Incremental sync and backfill: applies new events and changes of storage to one warehouse.

Every transaction also writes the position reached in storage, so that a crash loses or doubles nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from itertools import chain, islice

from sqlalchemy import Connection, delete, insert, select, update

from proprium.storage.change_feed import ChangeFeed
from proprium.storage.event_codec import from_timestamp_us
from proprium.storage.event_columns import EventBatch
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.projection.deletions import DELETION_HANDLERS, delete_property
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.projection.rules import RulesSource, fingerprint
from proprium.warehouse.warehouse import Warehouse

BATCH_SIZE = 5_000
"""Most events in one transaction of the incremental sync; small, so that readers see new events soon."""

BACKFILL_BATCH_SIZE = 40_960
MAX_BACKFILL_BATCHES = 6
"""A backfill transaction has 6 batches of 40,960 events: two row groups of the engine (2 × 122,880), which writes full
row groups once and a partial one twice. Memory holds the objects of one batch."""


def no_op() -> None:
    """Does nothing: the default of `on_batch_done`."""


@dataclass(frozen=True)
class Position:
    """The position of a warehouse in storage: the row of schema.position.

    With the schema version, rules fingerprint and generation by which the rows were made.
    """

    schema_version: int
    rules: str
    generation: str
    event_seq: int
    change_seq: int


class IncrementalSync:
    """Applies storage's change feed to one warehouse, a transaction at a time. Not thread-safe."""

    def __init__(self, change_feed: ChangeFeed, warehouse: Warehouse, rules_source: RulesSource) -> None:
        self.warehouse = warehouse
        self._change_feed = change_feed
        self._rules_source = rules_source
        self._projection = Projection()
        self._is_loaded = False
        self.is_behind = True  # the last `apply_next` left events or changes; later ones do not count
        with warehouse.read(allow_outdated=True) as connection:
            row = connection.execute(select(*(schema.position.c[field.name] for field in fields(Position)))).first()
        if row:
            self.position = Position(*row)
        else:  # an empty warehouse: changes before now deleted events that can no longer be read
            key, change_seq = self._current_compatibility_key(), change_feed.last_change_seq()
            self.position = Position(*key, event_seq=0, change_seq=change_seq)
            with warehouse.write() as connection:
                connection.execute(insert(schema.position).values(_position_columns(self.position)))
                note_compaction(connection, is_pending=False)
        with warehouse.read(allow_outdated=True) as connection:
            self.needs_compaction = connection.scalar(select(schema.compaction.c.is_pending)) is not False
        """True when the warehouse may still contain the bytes of deleted rows."""

    def is_compatible(self) -> bool:
        """Returns whether the warehouse can be synced incrementally; False: it needs a rebuild.

        False when schema version, rules or storage's generation differ, or when the warehouse is ahead of storage.
        """
        position = self.position
        is_same_history = (
            position.schema_version,
            position.rules,
            position.generation,
        ) == self._current_compatibility_key()
        if not is_same_history or self.warehouse.rebuild_percent() is not None:
            return False
        has_pending_changes = self._change_feed.last_change_seq() > position.change_seq
        return has_pending_changes or position.event_seq <= self._change_feed.last_event_seq()

    def apply_next(
        self, batch_size: int = BATCH_SIZE, max_batches: int = 1, on_batch_done: Callable[[], None] = no_op
    ) -> frozenset[int]:
        """Applies the next changes and events in one transaction.

        Returns the numbers of the changed properties. `on_batch_done` is called after each batch of events; an error
        that it raises rolls the transaction back.
        """
        changes = self._change_feed.changes_after(self.position.change_seq)
        last_change_seq = (changes[-1].seq if changes else self.position.change_seq) or 0
        self.is_behind = bool(changes)
        batches = self._batches(batch_size, max_batches, last_change_seq)
        first_batch = list(islice(batches, 1))
        return (
            self._write(changes, chain(first_batch, batches), on_batch_done) if changes or first_batch else frozenset()
        )

    def backfill(self, on_batch_done: Callable[[], None] = no_op) -> frozenset[int]:
        """Does the same as `apply_next` in large batches, for a long lag or a rebuild."""
        return self.apply_next(BACKFILL_BATCH_SIZE, MAX_BACKFILL_BATCHES, on_batch_done)

    def rebind(self, warehouse: Warehouse) -> IncrementalSync:
        """Continues from the same position in `warehouse`, into which this sync's rows were swapped."""
        self.warehouse = warehouse
        return self

    def property_numbers(self) -> frozenset[int]:
        """Reads the numbers of all properties that have events in the warehouse."""
        with self.warehouse.read() as connection:
            return frozenset(connection.scalars(select(schema.event.c.property).distinct()))

    def _batches(self, batch_size: int, max_batches: int, last_change_seq: int) -> Iterator[EventBatch]:
        """Yields batches of new events, and stops at a change that is not applied yet.

        Events after a deletion must not be written before it: it would delete them.
        """
        after_seq = self.position.event_seq
        for _ in range(max_batches):
            batch = self._change_feed.batch_after(after_seq, batch_size)
            if self._change_feed.last_change_seq() > last_change_seq:
                self.is_behind = True
                return
            if batch:
                yield batch
            if len(batch) < batch_size:
                return
            after_seq = batch["seq"][-1]
        self.is_behind = True

    def _write(
        self, changes: Sequence[StorageChange], batches: Iterable[EventBatch], on_batch_done: Callable[[], None]
    ) -> frozenset[int]:
        self._projection.rules, event_seq = self._rules_source(), self.position.event_seq
        earliest_us_by_property: dict[int, int] = {}
        deletes = any(change.kind != ChangeKind.RULES_CHANGED for change in changes)
        try:
            with self.warehouse.write() as connection, _paused_gc():
                for change in changes:
                    self._apply_change(connection, change)
                if not self._is_loaded:
                    self._projection.load(connection)
                    self._is_loaded = True
                for batch in batches:
                    self._projection.add(connection, batch)
                    self.warehouse.progress_seq = event_seq = batch["seq"][-1]
                    for number, timestamp_us in zip(batch["property"], batch["created_at"], strict=True):
                        if number not in earliest_us_by_property or timestamp_us < earliest_us_by_property[number]:
                            earliest_us_by_property[number] = timestamp_us
                    on_batch_done()
                if changes:  # the newest events may be deleted: a position after them would be another generation's
                    event_seq = min(event_seq, self._change_feed.last_event_seq())
                change_seq = (changes[-1].seq if changes else None) or self.position.change_seq
                position = replace(self.position, event_seq=event_seq, change_seq=change_seq)
                connection.execute(update(schema.position).values(_position_columns(position)))
                if deletes:
                    note_compaction(connection, is_pending=True)
        except BaseException:
            self._is_loaded = False  # the state in memory includes rows that were rolled back
            raise
        self.position = position
        self.needs_compaction = self.needs_compaction or deletes
        return self._invalidate_cache(changes, earliest_us_by_property)

    def _invalidate_cache(
        self, changes: Sequence[StorageChange], earliest_us_by_property: Mapping[int, int]
    ) -> frozenset[int]:
        """Invalidates the query cache for the properties in the transaction, and returns their numbers.

        New events invalidate from their earliest time on; changes invalidate everything of their property.
        """
        numbers_in_changes = {change.property for change in changes}
        if None in numbers_in_changes:  # a change of all properties
            self.warehouse.query_cache.clear()
            return self.property_numbers()
        changed_properties = frozenset(number for number in numbers_in_changes if number is not None)
        for property_number in changed_properties:
            self.warehouse.query_cache.invalidate(property_number, None)
        for property_number, earliest_us in earliest_us_by_property.items():
            self.warehouse.query_cache.invalidate(property_number, from_timestamp_us(earliest_us))
        return changed_properties | frozenset(earliest_us_by_property)

    def _apply_change(self, connection: Connection, change: StorageChange) -> None:
        """Applies a deletion to the rows that it names by seq or visitor; else reprojects the property.

        Reprojecting reads the property's events up to the current position; later ones follow as new events. It is for
        a changed rule, for events deleted by id, which the warehouse does not hold, and for an erasure whose details
        storage has blanked since.
        """
        kind = ChangeKind(change.kind)
        detail_key = {ChangeKind.EVENTS_DELETED: "seqs", ChangeKind.VISITOR_ERASED: "visitor"}.get(kind)
        if kind == ChangeKind.RULES_CHANGED or (detail_key is not None and detail_key not in change.detail):
            delete_property(connection, self._projection, change)
            property_number, after_seq, last_seq = change.property or 0, 0, self.position.event_seq
            while batch := self._change_feed.property_batch_after(
                property_number, after_seq, last_seq, BACKFILL_BATCH_SIZE
            ):
                self._projection.add(connection, batch)
                after_seq = batch["seq"][-1]
        else:
            DELETION_HANDLERS[kind](connection, self._projection, change)
        self._is_loaded = False

    def _current_compatibility_key(self) -> tuple[int, str, str]:
        return schema.VERSION, fingerprint(self._rules_source()), self._change_feed.generation()


def note_compaction(connection: Connection, *, is_pending: bool) -> None:
    """Records in the warehouse whether it needs a compaction."""
    connection.execute(delete(schema.compaction))
    connection.execute(insert(schema.compaction).values(is_pending=is_pending))


@contextmanager
def _paused_gc() -> Iterator[None]:
    """Disables the cyclic garbage collector, which takes a fifth of the time here.

    A batch makes hundreds of thousands of objects without reference cycles.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _position_columns(position: Position) -> dict[str, int | str]:
    return dict(zip((field.name for field in fields(Position)), astuple(position), strict=True))
