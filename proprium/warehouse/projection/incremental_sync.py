"""One warehouse on its way after storage: what is new goes into it, a transaction a share, with the place reached."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from itertools import chain, islice

from sqlalchemy import Connection, delete, insert, select, update

from proprium.storage.change_feed import Tail
from proprium.storage.event_codec import moment
from proprium.storage.event_columns import Columns
from proprium.storage.tables import Change, ChangeKind
from proprium.warehouse import schema
from proprium.warehouse.projection.deletions import DELETIONS, delete_property
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.projection.rules import RulesSource, fingerprint
from proprium.warehouse.warehouse import Warehouse

AT_ONCE = 5_000
"""Events in one transaction, so that readers see them soon."""

IN_BULK = 40_960
SHARES_IN_BULK = 6
"""Where nobody waits for them, a transaction takes so many shares of so many events: two row groups of the engine
(2 × 122,880), which writes whole ones once and what is left over twice. Memory holds the objects of one share."""


def nothing() -> None:
    """What is done between two shares where nobody asks for more."""


@dataclass(frozen=True)
class Position:
    """How far a warehouse has come, in which history, and how its rows are made: the columns of schema.position."""

    schema_version: int
    rules: str
    generation: str
    event_seq: int
    change_seq: int


class Follower:
    """Not thread-safe: the projector takes turns."""

    def __init__(self, tail: Tail, warehouse: Warehouse, rules: RulesSource) -> None:
        self.warehouse = warehouse
        self._tail = tail
        self._rules = rules
        self._projection = Projection()
        self._remembers = False
        self.is_behind = True  # more was there than the last `take` took; what came since does not count
        self.position = self._read_position() or self._begin()
        self.needs_compaction = self._read_needs_compaction()
        """Rows were deleted, and the file may still hold their bytes."""

    def fits(self) -> bool:
        """False when the warehouse is of another past than storage, or its rows were made by other rules."""
        at = self.position
        same = (at.schema_version, at.rules, at.generation) == self._todays()
        return same and (self._has_changes() or at.event_seq <= self._tail.last_event_seq())

    def take(self, at_once: int = AT_ONCE, shares: int = 1, between: Callable[[], None] = nothing) -> frozenset[int]:
        """Takes the next changes and events, in one transaction; whom they are about.

        `between` is called after each share of the events.
        """
        changes = self._tail.changes_after(self.position.change_seq)
        last_change = (changes[-1].seq if changes else self.position.change_seq) or 0
        self.is_behind = bool(changes)
        coming = self._shares(at_once, shares, last_change)
        first = list(islice(coming, 1))
        return self._write(changes, chain(first, coming), between) if changes or first else frozenset()

    def take_in_bulk(self, between: Callable[[], None] = nothing) -> frozenset[int]:
        """The same for a long way."""
        return self.take(IN_BULK, SHARES_IN_BULK, between)

    def moved_to(self, warehouse: Warehouse) -> Follower:
        """The same place, after the file was swapped in there."""
        self.warehouse = warehouse
        return self

    def properties(self) -> frozenset[int]:
        """All that the warehouse holds anything of."""
        with self.warehouse.read() as connection:
            return frozenset(connection.scalars(select(schema.event.c.property).distinct()))

    def _shares(self, at_once: int, most: int, last_change: int) -> Iterator[Columns]:
        """None from after a change that was not read yet: it would delete them."""
        after = self.position.event_seq
        for _ in range(most):
            events = self._tail.columns_after(after, at_once)
            if self._tail.last_change_seq() > last_change:
                self.is_behind = True
                return
            if events:
                yield events
            if len(events) < at_once:
                return
            after = events["seq"][-1]
        self.is_behind = True

    def _write(
        self, changes: Sequence[Change], shares: Iterable[Columns], between: Callable[[], None]
    ) -> frozenset[int]:
        self._projection.rules, event_seq = self._rules(), self.position.event_seq
        earliest: dict[int, int] = {}
        deletes = any(change.kind != ChangeKind.RULES_CHANGED for change in changes)
        try:
            with self.warehouse.write() as connection, _uncollected():
                for change in changes:
                    self._follow(connection, change)
                self._remember(connection)
                for events in shares:
                    self._projection.add(connection, events)
                    self.warehouse.filled_to = event_seq = events["seq"][-1]
                    _note_earliest(earliest, events)
                    between()
                position = self._moved(changes, event_seq)
                connection.execute(update(schema.position).values(_columns(position)))
                if deletes:
                    note_compaction(connection, is_pending=True)
        except BaseException:
            self._remembers = False  # what memory holds was rolled back
            raise
        self.position = position
        self.needs_compaction = self.needs_compaction or deletes
        return self._tell(changes, earliest)

    def _tell(self, changes: Sequence[Change], earliest: Mapping[int, int]) -> frozenset[int]:
        """Whom it was about; the warehouse's memo hears from which time on their answers may be others now."""
        about = {change.property for change in changes}
        if None in about:
            self.warehouse.memo.forget()
            return self.properties()
        changed = frozenset(number for number in about if number is not None)
        for number in changed:
            self.warehouse.memo.touch(number, None)
        for number, at in earliest.items():
            self.warehouse.memo.touch(number, moment(at))
        return changed | frozenset(earliest)

    def _follow(self, connection: Connection, change: Change) -> None:
        if change.kind == ChangeKind.RULES_CHANGED or not _is_named(change):
            self._make_anew(connection, change)
        else:
            DELETIONS[ChangeKind(change.kind)](connection, self._projection, change)
        self._remembers = False

    def _make_anew(self, connection: Connection, change: Change) -> None:
        """All rows of a property, by the rules of now."""
        delete_property(connection, self._projection, change)
        after, last = 0, self.position.event_seq
        while events := self._tail.columns_of_property(change.property or 0, after, last, IN_BULK):
            self._projection.add(connection, events)
            after = events["seq"][-1]

    def _remember(self, connection: Connection) -> None:
        if not self._remembers:
            self._projection.remember(connection)
            self._remembers = True

    def _moved(self, changes: Sequence[Change], event_seq: int) -> Position:
        at = self.position
        if changes:  # the newest events may be gone: a place after them would look like another past
            event_seq = min(event_seq, self._tail.last_event_seq())
        return replace(at, event_seq=event_seq, change_seq=(changes[-1].seq if changes else None) or at.change_seq)

    def _has_changes(self) -> bool:
        return self._tail.last_change_seq() > self.position.change_seq

    def _todays(self) -> tuple[int, str, str]:
        return schema.VERSION, fingerprint(self._rules()), self._tail.generation()

    def _read_position(self) -> Position | None:
        with self.warehouse.read(even_outdated=True) as connection:
            row = connection.execute(select(*(schema.position.c[field.name] for field in fields(Position)))).first()
        return Position(*row) if row else None

    def _read_needs_compaction(self) -> bool:
        with self.warehouse.read(even_outdated=True) as connection:
            return connection.scalar(select(schema.compaction.c.is_pending)) is not False

    def _begin(self) -> Position:
        """What was deleted before now is in no event that will be read."""
        position = Position(*self._todays(), event_seq=0, change_seq=self._tail.last_change_seq())
        with self.warehouse.write() as connection:
            connection.execute(insert(schema.position).values(_columns(position)))
            note_compaction(connection, is_pending=False)
        return position


def note_compaction(connection: Connection, *, is_pending: bool) -> None:
    """Sets whether the file is to be written again without what was deleted."""
    connection.execute(delete(schema.compaction))
    connection.execute(insert(schema.compaction).values(is_pending=is_pending))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows by the hundred thousand and nothing that refers to itself: looking for that takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _note_earliest(earliest: dict[int, int], events: Columns) -> None:
    for number, at in zip(events["property"], events["created_at"], strict=True):
        if number not in earliest or at < earliest[number]:
            earliest[number] = at


def _is_named(change: Change) -> bool:
    """False for events that are deleted by their id, which the warehouse does not keep, and where it was forgotten
    whose rows went."""
    names = {ChangeKind.EVENTS_DELETED: "seqs", ChangeKind.VISITOR_ERASED: "visitor"}
    return (name := names.get(ChangeKind(change.kind))) is None or name in change.detail


def _columns(position: Position) -> dict[str, int | str]:
    return dict(zip((field.name for field in fields(Position)), astuple(position), strict=True))
