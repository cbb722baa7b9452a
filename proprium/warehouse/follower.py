"""One warehouse on its way after storage: what is new goes into it, a transaction a share, with the place reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from proprium.storage.codec import moment
from proprium.storage.tables import Change, ChangeKind
from proprium.storage.tail import Tail, TailRow
from proprium.warehouse import schema
from proprium.warehouse.changes import DELETIONS, delete_property
from proprium.warehouse.connect import Warehouse
from proprium.warehouse.projection import Projection
from proprium.warehouse.rules import Rules, RulesSource, fingerprint

AT_ONCE = 5_000
"""Events in one transaction."""


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

    def fits(self) -> bool:
        """False when the warehouse is of another past than storage, or its rows were made by other rules."""
        at = self.position
        same = (at.schema_version, at.rules, at.generation) == self._todays()
        return same and (self._has_changes() or at.event_seq <= self._tail.last_event_seq())

    def take(self, at_once: int = AT_ONCE) -> tuple[int, frozenset[int]]:
        """Takes the next changes and events: how many steps that were, 0 at the end; and whom they are about."""
        changes = self._tail.changes_after(self.position.change_seq)
        events = self._tail.events_after(self.position.event_seq, at_once)
        last_change = changes[-1].seq if changes else self.position.change_seq
        is_late = self._tail.last_change_seq() > (last_change or 0)
        if is_late:
            events = []  # some may be from after a change that was not read yet: it would delete them
        if changes or events:
            self._write(changes, events)
        self.is_behind = is_late or bool(changes) or len(events) == at_once
        return len(changes) + len(events) + is_late, self._properties(changes, events)

    def moved_to(self, warehouse: Warehouse) -> Follower:
        """The same place, after the file was swapped in there."""
        self.warehouse = warehouse
        return self

    def properties(self) -> frozenset[int]:
        """All that the warehouse holds anything of."""
        with self.warehouse.read() as connection:
            return frozenset(connection.scalars(select(schema.event.c.property).distinct()))

    def _write(self, changes: Sequence[Change], events: Sequence[TailRow]) -> None:
        rules = self._rules()
        try:
            with self.warehouse.write() as connection:
                for change in changes:
                    self._follow(connection, change, rules)
                self._remember(connection)
                self._projection.add(connection, events, rules)
                position = self._moved(changes, events)
                connection.execute(update(schema.position).values(_columns(position)))
        except BaseException:
            self._remembers = False  # what memory holds was rolled back
            raise
        self.position = position
        self._touch(changes, events)

    def _touch(self, changes: Sequence[Change], events: Sequence[TailRow]) -> None:
        """Tells the warehouse's memo what may be another answer now."""
        earliest: dict[int, datetime | None] = {}
        for event in events:
            known = earliest.get(event.property)
            at = moment(event.created_at)
            earliest[event.property] = at if known is None else min(known, at)
        if any(change.property is None for change in changes):
            self.warehouse.memo.forget()
        earliest |= {change.property: None for change in changes if change.property is not None}
        for number, since in earliest.items():
            self.warehouse.memo.touch(number, since)

    def _follow(self, connection: Connection, change: Change, rules: Rules) -> None:
        if change.kind == ChangeKind.RULES_CHANGED or not _is_named(change):
            self._make_anew(connection, change, rules)
        else:
            DELETIONS[ChangeKind(change.kind)](connection, self._projection, change)
        self._remembers = False

    def _make_anew(self, connection: Connection, change: Change, rules: Rules) -> None:
        """All rows of a property, by the rules of now."""
        delete_property(connection, self._projection, change)
        after, last = 0, self.position.event_seq
        while events := self._tail.events_of_property(change.property or 0, after, last, AT_ONCE):
            self._projection.add(connection, events, rules)
            after = events[-1].seq

    def _remember(self, connection: Connection) -> None:
        if not self._remembers:
            self._projection.remember(connection)
            self._remembers = True

    def _moved(self, changes: Sequence[Change], events: Sequence[TailRow]) -> Position:
        at = self.position
        event_seq = events[-1].seq if events else at.event_seq
        if changes:  # the newest events may be gone: a place after them would look like another past
            event_seq = min(event_seq, self._tail.last_event_seq())
        return replace(at, event_seq=event_seq, change_seq=(changes[-1].seq if changes else None) or at.change_seq)

    def _properties(self, changes: Sequence[Change], events: Sequence[TailRow]) -> frozenset[int]:
        of_changes = {change.property for change in changes}
        if None in of_changes:
            return self.properties()
        return frozenset({event.property for event in events} | {number for number in of_changes if number})

    def _has_changes(self) -> bool:
        return self._tail.last_change_seq() > self.position.change_seq

    def _todays(self) -> tuple[int, str, str]:
        return schema.VERSION, fingerprint(self._rules()), self._tail.generation()

    def _read_position(self) -> Position | None:
        with self.warehouse.read() as connection:
            row = connection.execute(select(*(schema.position.c[field.name] for field in fields(Position)))).first()
        return Position(*row) if row else None

    def _begin(self) -> Position:
        """What was deleted before now is in no event that will be read."""
        position = Position(*self._todays(), event_seq=0, change_seq=self._tail.last_change_seq())
        with self.warehouse.write() as connection:
            connection.execute(insert(schema.position).values(_columns(position)))
        return position


def _is_named(change: Change) -> bool:
    """False for events that are deleted by their id, which the warehouse does not keep."""
    return change.kind != ChangeKind.EVENTS_DELETED or "seqs" in change.detail


def _columns(position: Position) -> dict[str, int | str]:
    return dict(zip((field.name for field in fields(Position)), astuple(position), strict=True))
