"""Late events and deletions: recomputes the sessions of affected visitors from the warehouse's own rows.

Recomputes whole runs of hits between two gaps, so that the result does not depend on the order of arrival.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.sessionizer import (
    MAX_SESSION_LENGTH_US,
    Session,
    SessionHit,
    SessionRulesLookup,
    VisitorKey,
    assign_to_session,
    gap_separated_runs,
)

Window = tuple[int, int]
"""Microseconds, both ends included."""


@dataclass(slots=True)
class RecomputedSessions:
    """Recomputed sessions, the rows to update, and the latest session of each visitor."""

    sessions: list[Session] = field(default_factory=list)
    moved_hits: list[SessionHit] = field(default_factory=list)  # stored rows whose session columns change
    replaced_ids: set[int] = field(default_factory=set)  # ids of stored sessions that these replace
    latest_sessions: dict[VisitorKey, Session] = field(default_factory=dict)
    # Previous visitors named by a hit → the hit's time: their own hits may still arrive.
    awaited_visitors: dict[VisitorKey, int] = field(default_factory=dict)
    keys: set[VisitorKey] = field(default_factory=set)  # all visitors that were taken into account


def recompute(
    connection: Connection,
    windows: Mapping[VisitorKey, Window],
    session_rules_of: SessionRulesLookup,
    new_hits: Iterable[SessionHit] = (),
) -> RecomputedSessions:
    """Recomputes all sessions of these visitors that touch their windows; writes nothing.

    `new_hits` are not in the warehouse yet. A visitor who may continue another one's session is recomputed together
    with them, even when only one of them is in `windows`.
    """
    groups = _VisitorGroups(windows)
    new_hits = list(new_hits)
    for hit in new_hits:
        groups.link(hit)
    stored_hits = _read_whole_runs(connection, groups, new_hits, session_rules_of)
    result = RecomputedSessions(keys=set(groups.members()))
    for key, hits in _hits_by_group(groups, [*stored_hits.values(), *new_hits]).items():
        (start_us, end_us), gap_us = groups.requested_windows[key], session_rules_of(key[0]).gap_us
        for run in gap_separated_runs(sorted(hits, key=lambda hit: (hit.timestamp_us, hit.seq))):
            if run[-1].timestamp_us >= start_us - gap_us and run[0].timestamp_us <= end_us + gap_us:
                _recompute_run(result, run)
    return result


def _recompute_run(result: RecomputedSessions, run: list[SessionHit]) -> None:
    sessions = dict.fromkeys(assign_to_session(result.latest_sessions, hit) for hit in run)
    result.sessions.extend(sessions)
    if any(hit.previous_visitor is not None for hit in run):
        for session in sessions:
            session.is_linked = True
    for hit in run:
        if hit.previous_visitor is not None:
            result.awaited_visitors[hit.property_number, hit.previous_visitor] = hit.timestamp_us
        if hit.stored_assignment is not None and hit.stored_assignment.session is not None:
            result.replaced_ids.add(hit.stored_assignment.session)
            if hit.assignment() != hit.stored_assignment:
                result.moved_hits.append(hit)


class _VisitorGroups:
    """Union-find of visitors who may share a session, with the requested time window of each group."""

    def __init__(self, windows: Mapping[VisitorKey, Window]) -> None:
        self._parent: dict[VisitorKey, VisitorKey] = {}
        self.requested_windows: dict[VisitorKey, Window] = {}
        for key, window in windows.items():
            self.include(key, window)

    def root(self, key: VisitorKey) -> VisitorKey:
        while (parent := self._parent.setdefault(key, key)) != key:
            self._parent[key] = key = self._parent[parent]
        return key

    def include(self, key: VisitorKey, window: Window) -> None:
        root = self.root(key)
        self.requested_windows[root] = _union(self.requested_windows.get(root), window)

    def link(self, hit: SessionHit) -> None:
        """Joins the groups of the hit's visitor and of its previous visitor."""
        root = self.root(hit.key)
        if (
            hit.previous_visitor is not None
            and (other := self.root((hit.property_number, hit.previous_visitor))) != root
        ):
            self._parent[other] = root
            self.requested_windows[root] = _union(
                self.requested_windows.get(root), self.requested_windows.pop(other, None)
            )

    def members(self) -> list[VisitorKey]:
        return list(self._parent)


def _union(window: Window | None, other: Window | None) -> Window:
    if window is None or other is None:
        return window or other or (0, 0)
    return min(window[0], other[0]), max(window[1], other[1])


def _read_whole_runs(
    connection: Connection, groups: _VisitorGroups, new_hits: list[SessionHit], session_rules_of: SessionRulesLookup
) -> dict[int, SessionHit]:
    """Reads the stored hits of all groups, by seq, in whole runs.

    Extends the windows at both ends until each ends at a gap or at the visitor's first or last hit, and no hit links
    another visitor to a group.
    """
    hits_by_seq: dict[int, SessionHit] = {}
    read_windows: dict[VisitorKey, Window] = {}
    while missing_windows := _missing_windows(
        groups, read_windows, _hits_by_group(groups, [*hits_by_seq.values(), *new_hits]), session_rules_of
    ):
        for hit in bulk_writes.read_hits(connection, missing_windows, session_rules_of):
            hits_by_seq.setdefault(hit.seq, hit)
            groups.link(hit)
        read_windows.update(missing_windows)
    return hits_by_seq


def _missing_windows(
    groups: _VisitorGroups,
    read_windows: Mapping[VisitorKey, Window],
    hits: Mapping[VisitorKey, list[SessionHit]],
    session_rules_of: SessionRulesLookup,
) -> dict[VisitorKey, Window]:
    needed_windows: dict[VisitorKey, Window] = {}
    for root in set(map(groups.root, groups.members())):
        # The requested window, extended over the runs that touch it, as far as their hits have been read.
        (start_us, end_us), gap_us = groups.requested_windows[root], session_rules_of(root[0]).gap_us
        first_us, last_us = start_us - gap_us, end_us + gap_us
        for run in gap_separated_runs(sorted(hits.get(root, []), key=lambda hit: (hit.timestamp_us, hit.seq))):
            if run[-1].timestamp_us >= first_us and run[0].timestamp_us <= last_us:
                start_us, end_us = min(start_us, run[0].timestamp_us), max(end_us, run[-1].timestamp_us)
        needed_windows[root] = start_us, end_us
    missing_windows = {}
    for key in groups.members():
        start_us, end_us = needed_windows[groups.root(key)]
        read_window, gap_us = read_windows.get(key), session_rules_of(key[0]).gap_us
        if read_window is None:
            missing_windows[key] = (start_us - gap_us, end_us + gap_us)
        elif read_window[0] > start_us - gap_us or read_window[1] < end_us + gap_us:
            missing_windows[key] = (
                min(read_window[0], start_us - MAX_SESSION_LENGTH_US),
                max(read_window[1], end_us + MAX_SESSION_LENGTH_US),
            )
    return missing_windows


def _hits_by_group(groups: _VisitorGroups, hits: Iterable[SessionHit]) -> dict[VisitorKey, list[SessionHit]]:
    hits_by_group: dict[VisitorKey, list[SessionHit]] = defaultdict(list)
    for hit in hits:
        hits_by_group[groups.root(hit.key)].append(hit)
    return hits_by_group
