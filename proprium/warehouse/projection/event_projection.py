"""How events and changes of storage become rows and sessions, one warehouse transaction at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from proprium.storage.event_columns import Columns
from proprium.warehouse import schema
from proprium.warehouse.dialect import micros
from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.event_rows import hits_of, in_order, rows_of
from proprium.warehouse.projection.late_events import Recomputed, recompute
from proprium.warehouse.projection.open_sessions import Openings, kept_for
from proprium.warehouse.projection.page_engagement import Readings
from proprium.warehouse.projection.rules import Rules
from proprium.warehouse.projection.sessionizer import Hit, Key, Visit

MOST_REMEMBERED = 30_000
"""Open sessions in memory, over all properties: about 15 MB."""

_event, _session = schema.event, schema.session


class Projection:
    """Remembers what may go on in one warehouse; after a transaction that failed it must `forget` it."""

    def __init__(self) -> None:
        self._openings: dict[int, Openings] = {}
        self._readings = Readings()
        self.rules = Rules()
        """By which everything is made; to be set before it is."""

    def add(self, connection: Connection, events: Columns) -> None:
        """Events that are not in the warehouse yet, in the order of their seq; but what the rules leave out."""
        kept, left_out = self.rules.kept(events)
        bulk_writes.note_left_out(connection, left_out)
        if not kept:
            return
        rows = rows_of(in_order(kept), self.rules)
        hits: dict[int, list[Hit]] = defaultdict(list)
        for hit in hits_of(rows, self.rules.pace_of):
            hits[hit.number].append(hit)
        visits = [visit for number, of_one in hits.items() for visit in self._sessions(connection, number, of_one)]
        for of_one in hits.values():
            bulk_writes.put_in(rows, of_one)
        told = self._readings.put_in(rows)
        bulk_writes.add_rows(connection, rows, visits)
        self._readings.write(connection, told)
        self._forget_old(hits)

    def recompute(self, connection: Connection, windows: dict[Key, tuple[int, int]]) -> None:
        """After deletions: the sessions of what is left."""
        known = recompute(connection, windows, self.rules.pace_of)
        _write(connection, known)
        bulk_writes.write_visits(connection, known.visits)

    def reset(self, number: int) -> None:
        """The warehouse holds nothing of this property."""
        self._opened(number)
        self._readings.reset(number)

    def forget(self) -> None:
        self._openings.clear()
        self._readings.forget()

    def remember(self, connection: Connection) -> None:
        """Learns the open sessions from the warehouse, and where it stands."""
        self.forget()
        self._readings.remember(connection)
        newest = select(_session.c.property, micros(func.max(_session.c.ended_at))).group_by(_session.c.property)
        for number, at in connection.execute(newest).all():
            self._openings[number] = self._remembered(connection, number, at)

    def _sessions(self, connection: Connection, number: int, hits: list[Hit]) -> list[Visit]:
        """Those that are new or have grown. Hits are in the order of time."""
        openings = self._openings.get(number)
        if openings is None:
            openings = self._opened(number)
        unsure = _unsure(openings, hits)
        known = self._ask(connection, hits, unsure) if unsure else Recomputed()
        _write(connection, known)
        openings.learn(known)
        grown = [openings.add(hit) for hit in hits if hit.key not in unsure]
        return list(dict.fromkeys((*known.visits, *grown)))

    def _ask(self, connection: Connection, hits: list[Hit], unsure: set[Key]) -> Recomputed:
        """Sessions of those of whom memory does not know enough, and of everybody who has to do with them."""
        while True:
            late = [hit for hit in hits if hit.key in unsure]
            known = recompute(connection, _windows(late), self.rules.pace_of, late)
            if not (more := {hit.key for hit in hits if hit.key in known.keys} - unsure):
                return known
            unsure |= more
            for hit in hits:
                hit.visit, hit.is_view = None, False

    def _opened(self, number: int) -> Openings:
        opened = self._openings[number] = Openings(self.rules.pace_of(number))
        return opened

    def _remembered(self, connection: Connection, number: int, newest: int) -> Openings:
        pace = self.rules.pace_of(number)
        since = newest - kept_for(pace)
        own = func.coalesce(_event.c.own_visitor, _event.c.visitor)
        at = micros(_event.c.created_at)
        question = (
            select(own, func.min(at), func.max(at))
            .where(_event.c.property == number, _event.c.session.is_not(None), at >= since)
            .group_by(own)
            .limit(MOST_REMEMBERED + 1)
        )
        windows = {(number, visitor): (first, last) for visitor, first, last in connection.execute(question).all()}
        if len(windows) > MOST_REMEMBERED:
            return Openings(pace, complete_since=newest + 1)
        openings = Openings(pace, complete_since=since)
        known = recompute(connection, windows, self.rules.pace_of)
        for visit in known.visits:
            visit.is_written = True
        openings.learn(known)
        return openings

    def _forget_old(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._openings[number].forget_old()
        while (above := sum(map(len, self._openings.values())) - MOST_REMEMBERED) > 0:
            largest = max(self._openings.values(), key=len)
            largest.forget_old(most=max(0, len(largest) - above))


def _unsure(openings: Openings, hits: list[Hit]) -> set[Key]:
    """Visitors whose hits cannot simply be added; the first hit of each decides."""
    unsure: set[Key] = set()
    seen: set[Key] = set()
    for hit in hits:
        key = hit.key
        if key not in seen:
            seen.add(key)
            if not openings.is_sure_of(hit):
                unsure.add(key)
        if hit.previous is not None:
            unsure |= {key, (hit.number, hit.previous)}
    return unsure


def _windows(hits: list[Hit]) -> dict[Key, tuple[int, int]]:
    windows: dict[Key, tuple[int, int]] = {}
    for hit in hits:  # in the order of time
        start, _ = windows.get(hit.key, (hit.at, hit.at))
        windows[hit.key] = (start, hit.at)
    return windows


def _write(connection: Connection, known: Recomputed) -> None:
    bulk_writes.delete_sessions(connection, known.gone)
    bulk_writes.place_events(connection, known.moved)
