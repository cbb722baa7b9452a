"""Open sessions: an in-memory cache of a property's sessions that may continue.

With it most hits are assigned to a session without reading the warehouse.
"""

from __future__ import annotations

from proprium.warehouse.projection.late_events import RecomputedSessions
from proprium.warehouse.projection.sessionizer import (
    SECOND_US,
    Session,
    SessionHit,
    SessionRules,
    VisitorKey,
    assign_to_session,
)

LATE_ARRIVAL_US = 10 * 60 * SECOND_US
"""Time for which a session stays cached after its timeout, for hits that arrive late."""

DISTANT_PAST_US = -(1 << 62)


def retention_us(session_rules: SessionRules) -> int:
    """Returns for how long a session is cached after its last hit, in microseconds."""
    return session_rules.gap_us + LATE_ARRIVAL_US


class OpenSessions:
    """A cache of the latest session of each recent visitor of a property.

    Complete for visitors seen at or after `complete_since_us`; may hold others.
    """

    def __init__(self, session_rules: SessionRules, complete_since_us: int = DISTANT_PAST_US) -> None:
        self.retention_us = retention_us(session_rules)
        self.complete_since_us = complete_since_us
        self._sessions: dict[VisitorKey, Session] = {}
        self._newest_us = DISTANT_PAST_US

    def __len__(self) -> int:
        return len(self._sessions)

    def can_append(self, hit: SessionHit) -> bool:
        """Returns whether the hit can be added without reading the warehouse.

        True when the visitor's latest session is cached, or certainly does not exist, and the hit is later than it.
        """
        session = self._sessions.get(hit.key)
        if hit.previous_visitor is not None or (session and session.is_linked):
            return False
        if session is None:
            return hit.timestamp_us - hit.session_rules.gap_us >= self.complete_since_us
        return (hit.timestamp_us, hit.seq) > (session.ended_us, session.last_seq)

    def add(self, hit: SessionHit) -> Session:
        """Adds a hit that can be appended, and returns its session."""
        if hit.timestamp_us > self._newest_us:
            self._newest_us = hit.timestamp_us
        return assign_to_session(self._sessions, hit)

    def merge(self, recomputed: RecomputedSessions) -> None:
        """Replaces cached sessions by those recomputed from the warehouse."""
        for key in recomputed.keys:
            if (session := self._sessions.get(key)) and (session.id in recomputed.replaced_ids or not session.hits):
                del self._sessions[key]
        for key, timestamp_us in recomputed.awaited_visitors.items():
            # A linked session without hits: a late hit of that previous visitor then forces a recompute.
            placeholder = Session(0, *key, started_us=timestamp_us, ended_us=timestamp_us, is_linked=True)
            self._put_if_later(key, placeholder)
        for key, session in recomputed.latest_sessions.items():
            self._put_if_later(key, session)

    def evict_old(self, max_count: int | None = None) -> None:
        """Evicts sessions that can no longer continue, and the oldest ones above `max_count`."""
        self.complete_since_us = max(self.complete_since_us, self._newest_us - self.retention_us)
        sessions = {
            key: session for key, session in self._sessions.items() if session.ended_us >= self.complete_since_us
        }
        if max_count is not None and len(sessions) > max_count:
            end_times_us = sorted(session.ended_us for session in sessions.values())
            self.complete_since_us = end_times_us[len(sessions) - max_count - 1] + 1
            sessions = {key: session for key, session in sessions.items() if session.ended_us >= self.complete_since_us}
        self._sessions = sessions

    def _put_if_later(self, key: VisitorKey, session: Session) -> None:
        self._newest_us = max(self._newest_us, session.ended_us)
        existing = self._sessions.get(key)
        if (
            existing is None
            or not existing.hits
            or (existing.ended_us, existing.last_seq) <= (session.ended_us, session.last_seq)
        ):
            self._sessions[key] = session
