"""The event projection: turns a batch of stored events into warehouse rows, sessions and page engagement.

Open sessions and recent page views are cached in memory; late events are recomputed from the warehouse's rows.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, func, select

from proprium.storage.event_columns import EventBatch
from proprium.warehouse import schema
from proprium.warehouse.dialect import epoch_us
from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.event_rows import build_rows, session_hits, sort_by_time
from proprium.warehouse.projection.late_events import RecomputedSessions, recompute
from proprium.warehouse.projection.open_sessions import OpenSessions, retention_us
from proprium.warehouse.projection.page_engagement import PageEngagement
from proprium.warehouse.projection.rules import Rules
from proprium.warehouse.projection.sessionizer import MAX_SESSION_LENGTH_US, Session, SessionHit, VisitorKey

MAX_OPEN_SESSIONS = 30_000
"""Open sessions in memory, over all properties: about 15 MB."""

MAX_LOADED_HITS = 20_000
"""Hits of whole visitors that are in memory at once while open sessions are loaded: about 30 MB."""

_event, _session = schema.event, schema.session


class Projection:
    """Writes events of one warehouse, and caches its open sessions and recent page views.

    After a transaction that was rolled back, `load` must be called before the next `add`.
    """

    def __init__(self) -> None:
        self._open_sessions: dict[int, OpenSessions] = {}
        self._page_engagement = PageEngagement()
        self.rules = Rules()
        """The rules by which rows are made; to be set before each transaction."""

    def add(self, connection: Connection, batch: EventBatch) -> None:
        """Writes a batch of new events, in the order of seq, with their sessions.

        Events excluded by the rules go to the table of excluded events only.
        """
        included_batch, excluded_rows = self.rules.apply_exclusions(batch)
        bulk_writes.add_excluded_rows(connection, excluded_rows)
        if not included_batch:
            return
        rows = build_rows(sort_by_time(included_batch), self.rules)
        hits_by_property: dict[int, list[SessionHit]] = defaultdict(list)
        for hit in session_hits(rows, self.rules.session_rules_of):
            hits_by_property[hit.property_number].append(hit)
        sessions = [
            session
            for property_number, property_hits in hits_by_property.items()
            for session in self._sessionize(connection, property_number, property_hits)
        ]
        for property_hits in hits_by_property.values():
            bulk_writes.fill_columns(rows, property_hits)
        pending_updates = self._page_engagement.fill_columns(rows)
        bulk_writes.add_rows(connection, rows, sessions)
        self._page_engagement.write_updates(connection, pending_updates)
        for property_number in hits_by_property:
            self._open_sessions[property_number].evict_old()
        while (excess_count := sum(map(len, self._open_sessions.values())) - MAX_OPEN_SESSIONS) > 0:
            largest = max(self._open_sessions.values(), key=len)
            largest.evict_old(max_count=max(0, len(largest) - excess_count))

    def recompute(self, connection: Connection, windows: dict[VisitorKey, tuple[int, int]]) -> None:
        """Recomputes the sessions of these visitors from the events that remain after a deletion.

        Windows are in microseconds, both ends included.
        """
        recomputed = recompute(connection, windows, self.rules.session_rules_of)
        _write_recomputed(connection, recomputed)
        bulk_writes.write_sessions(connection, recomputed.sessions)

    def reset(self, property_number: int) -> None:
        """Resets the cached state of a property whose rows were all deleted."""
        self._reset_open_sessions(property_number)
        self._page_engagement.reset(property_number)

    def load(self, connection: Connection) -> None:
        """Reloads the cached state, such as open sessions, from the warehouse."""
        self._open_sessions.clear()
        self._page_engagement.load(connection)
        statement = select(_session.c.property, epoch_us(func.max(_session.c.ended_at))).group_by(_session.c.property)
        for property_number, newest_us in connection.execute(statement).all():
            self._open_sessions[property_number] = self._load_open_sessions(connection, property_number, newest_us)

    def _sessionize(self, connection: Connection, property_number: int, hits: list[SessionHit]) -> list[Session]:
        """Assigns hits, in the order of time, to sessions; returns the changed sessions."""
        open_sessions = self._open_sessions.get(property_number)
        if open_sessions is None:
            open_sessions = self._reset_open_sessions(property_number)
        # Visitors whose hits cannot be appended to a cached session: each one's first hit decides, and any hit that
        # names a previous visitor.
        uncertain_keys: set[VisitorKey] = set()
        checked_keys: set[VisitorKey] = set()
        for hit in hits:
            key = hit.key
            if key not in checked_keys:
                checked_keys.add(key)
                if not open_sessions.can_append(hit):
                    uncertain_keys.add(key)
            if hit.previous_visitor is not None:
                uncertain_keys |= {key, (hit.property_number, hit.previous_visitor)}
        recomputed = (
            self._recompute_uncertain(connection, hits, uncertain_keys) if uncertain_keys else RecomputedSessions()
        )
        _write_recomputed(connection, recomputed)
        open_sessions.merge(recomputed)
        grown_sessions = [open_sessions.add(hit) for hit in hits if hit.key not in uncertain_keys]
        return list(dict.fromkeys((*recomputed.sessions, *grown_sessions)))

    def _recompute_uncertain(
        self, connection: Connection, hits: list[SessionHit], uncertain_keys: set[VisitorKey]
    ) -> RecomputedSessions:
        """Recomputes from the warehouse the sessions of visitors whose cached session is not sufficient.

        Adds to `uncertain_keys` the visitors that turn out to share a session with them, and starts over with these.
        """
        while True:
            late_hits = [hit for hit in hits if hit.key in uncertain_keys]
            windows: dict[VisitorKey, tuple[int, int]] = {}
            for hit in late_hits:  # sorted by time
                start_us, _ = windows.get(hit.key, (hit.timestamp_us, hit.timestamp_us))
                windows[hit.key] = (start_us, hit.timestamp_us)
            recomputed = recompute(connection, windows, self.rules.session_rules_of, late_hits)
            if not (more_keys := {hit.key for hit in hits if hit.key in recomputed.keys} - uncertain_keys):
                return recomputed
            uncertain_keys |= more_keys
            for hit in hits:
                hit.session, hit.is_view = None, False

    def _reset_open_sessions(self, property_number: int) -> OpenSessions:
        open_sessions = self._open_sessions[property_number] = OpenSessions(
            self.rules.session_rules_of(property_number)
        )
        return open_sessions

    def _load_open_sessions(self, connection: Connection, property_number: int, newest_us: int) -> OpenSessions:
        session_rules = self.rules.session_rules_of(property_number)
        since_us = newest_us - retention_us(session_rules)
        own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)
        timestamp_us = epoch_us(_event.c.created_at)
        first_us = func.min(timestamp_us).filter(timestamp_us >= since_us)
        statement = (
            select(own_visitor, first_us, func.max(timestamp_us), func.count())
            .where(
                _event.c.property == property_number,
                _event.c.session.is_not(None),
                timestamp_us >= since_us - MAX_SESSION_LENGTH_US,  # sessions are read from their first hit on
            )
            .group_by(own_visitor)
            .having(func.max(timestamp_us) >= since_us)
            .limit(MAX_OPEN_SESSIONS + 1)
        )
        visitors = connection.execute(statement).all()
        if len(visitors) > MAX_OPEN_SESSIONS:
            return OpenSessions(session_rules, complete_since_us=newest_us + 1)
        open_sessions = OpenSessions(session_rules, complete_since_us=since_us)
        windows: dict[VisitorKey, tuple[int, int]] = {}
        loaded_hits = 0
        for visitor, window_start_us, window_end_us, hit_count in visitors:
            if windows and loaded_hits + hit_count > MAX_LOADED_HITS:
                self._load_sessions_of(connection, open_sessions, windows)
                windows, loaded_hits = {}, 0
            windows[property_number, visitor] = (window_start_us, window_end_us)
            loaded_hits += hit_count
        self._load_sessions_of(connection, open_sessions, windows)
        return open_sessions

    def _load_sessions_of(
        self, connection: Connection, open_sessions: OpenSessions, windows: dict[VisitorKey, tuple[int, int]]
    ) -> None:
        """Adds the stored sessions of these visitors; what they share with others is read with each of them."""
        recomputed = recompute(connection, windows, self.rules.session_rules_of)
        for session in recomputed.sessions:
            session.is_written, session.has_new_context = True, False
        open_sessions.merge(recomputed)


def _write_recomputed(connection: Connection, recomputed: RecomputedSessions) -> None:
    bulk_writes.delete_sessions(connection, recomputed.replaced_ids)
    bulk_writes.update_assignments(connection, recomputed.moved_hits)
