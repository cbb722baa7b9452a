"""The sessionizer: assigns hits to sessions, one pure step a hit, in the order of (time, seq).

Session rules: a session ends after a gap of inactivity (30 min by default) or 24 hours, and may continue over midnight
when the visitor's daily hash changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from proprium.warehouse.projection.session_context import ACQUISITION, SessionContext

SECOND_US = 1_000_000  # all times in this module are in microseconds
DEFAULT_SESSION_GAP_US = 30 * 60 * SECOND_US
"""Session timeout: hits of one visitor further apart belong to two sessions."""
MAX_SESSION_LENGTH_US = 24 * 60 * 60 * SECOND_US
"""A hit later than this after a session's first hit starts another session."""
DUPLICATE_VIEW_WINDOW_US = SECOND_US
"""Two views of a path within this time are one view, where neither has a view_id."""
DEFAULT_BOUNCE_MS = 10_000
"""Engagement threshold: a session of one view with less engaged time is a bounce."""

OTHER, VIEW, LINK_CLICK, CUSTOM, SESSION_START = range(5)
"""The kinds of hits, by their effect on a session."""

VisitorKey = tuple[int, int]
"""(property number, the hit's own visitor, which may differ from its session's)."""


class SessionRules(NamedTuple):
    """The session timeout and bounce rule of a property."""

    gap_us: int = DEFAULT_SESSION_GAP_US
    bounce_ms: int = DEFAULT_BOUNCE_MS


DEFAULT_SESSION_RULES = SessionRules()
SessionRulesLookup = Callable[[int], SessionRules]
"""Looks up session rules by a property's number."""


@dataclass(slots=True, eq=False)
class Session(SessionContext):
    """A session to which hits are still added."""

    id: int  # the seq of its first hit
    property_number: int
    visitor: int
    started_us: int
    session_rules: SessionRules = DEFAULT_SESSION_RULES
    ended_us: int = 0
    last_seq: int = 0
    last_visitor: int = 0
    hits: int = 0
    views: int = 0
    custom_events: int = 0
    link_clicks: int = 0
    engaged_ms: int = 0
    entry_page: str | None = None
    exit_page: str | None = None
    exit_view: int | None = None  # seq of the last view
    is_new: bool = False  # has a session_start: the script's first visit of this visitor
    # path → time of its latest view, within DUPLICATE_VIEW_WINDOW_US
    recent_view_us_by_path: dict[str | None, int] = field(default_factory=dict)
    # The session joins, or may join, visitor hashes of two days: recomputed from the warehouse, never just extended.
    is_linked: bool = False
    is_written: bool = False  # has a row in the warehouse

    @property
    def is_bounce(self) -> bool:
        return (
            self.views == 1
            and self.engaged_ms < self.session_rules.bounce_ms
            and not (self.link_clicks or self.custom_events)
        )

    def accepts(self, hit: SessionHit) -> bool:
        """Returns whether a later hit is within the session timeout and the maximal length."""
        return (
            hit.timestamp_us - self.ended_us <= self.session_rules.gap_us
            and hit.timestamp_us - self.started_us <= MAX_SESSION_LENGTH_US
        )

    def add(self, hit: SessionHit) -> None:
        """Adds the next hit, and sets its `session` and `is_view`."""
        self.ended_us, self.last_seq, self.last_visitor = hit.timestamp_us, hit.seq, hit.visitor
        self.hits += 1
        self.engaged_ms += hit.engaged_ms
        if new_bits := hit.context_bits & self.missing_bits:
            self.add_context(hit.seq, new_bits)
        if hit.kind == VIEW:
            hit.is_view = not self._is_duplicate_view(hit)
            if hit.is_view:
                if not self.views:
                    self.entry_page = hit.page
                    has_acquisition = hit.context_bits & ACQUISITION != 0
                    self.add_first_view(hit.seq, hit.timestamp_us, has_acquisition=has_acquisition)
                self.views += 1
                self.exit_page, self.exit_view = hit.page, hit.seq
        elif hit.kind == CUSTOM:
            self.custom_events += 1
        elif hit.kind == LINK_CLICK:
            self.link_clicks += 1
        elif hit.kind == SESSION_START:
            self.is_new = True
            if hit.context_bits & ACQUISITION:
                self.add_session_start(hit.seq, hit.timestamp_us)
        hit.session = self

    def _is_duplicate_view(self, hit: SessionHit) -> bool:
        if hit.has_view_id:
            return False
        self.recent_view_us_by_path = {
            page: viewed_us
            for page, viewed_us in self.recent_view_us_by_path.items()
            if hit.timestamp_us - viewed_us <= DUPLICATE_VIEW_WINDOW_US
        }
        path = hit.page if hit.own_page is None else hit.own_page
        if path in self.recent_view_us_by_path:
            return True
        self.recent_view_us_by_path[path] = hit.timestamp_us
        return False


class SessionAssignment(NamedTuple):
    """The columns of an event row that depend on its session."""

    session: int | None
    visitor: int | None
    own_visitor: int | None
    is_view: bool


class SessionHit:
    """An event as the sessionizer sees it.

    A plain class with slots: creating a dataclass takes twice as long, and every event creates one.
    """

    __slots__ = (
        *("context_bits", "engaged_ms", "has_view_id", "index", "is_view", "key", "kind", "own_page", "page"),
        *("previous_visitor", "property_number", "seq", "session", "session_rules", "stored_assignment"),
        *("timestamp_us", "visitor"),
    )

    def __init__(
        self,
        index: int,  # of its row in the batch
        seq: int,
        property_number: int,
        timestamp_us: int,
        visitor: int,
        previous_visitor: int | None,  # the same client's hash of yesterday, whose session may continue
        kind: int,
        page: str | None,
        has_view_id: bool,
        engaged_ms: int,
        context_bits: int,  # of session_context: the values that it has for its session
        session_rules: SessionRules,
        stored_assignment: SessionAssignment | None = None,  # None: not in the warehouse yet
        own_page: str | None = None,  # its own path where `page` is the pattern that groups it
    ) -> None:
        self.index = index
        self.seq = seq
        self.property_number = property_number
        self.timestamp_us = timestamp_us
        self.visitor = visitor
        self.previous_visitor = previous_visitor
        self.kind = kind
        self.page = page
        self.own_page = own_page
        self.has_view_id = has_view_id
        self.engaged_ms = engaged_ms
        self.context_bits = context_bits
        self.session_rules = session_rules
        self.stored_assignment = stored_assignment
        self.key: VisitorKey = (property_number, visitor)
        self.session: Session | None = None
        self.is_view = False

    def assignment(self) -> SessionAssignment:
        """Returns the row's columns for the session that the hit was added to."""
        session = self.session
        assert session is not None
        return SessionAssignment(
            session.id, session.visitor, None if session.visitor == self.visitor else self.visitor, self.is_view
        )


def assign_to_session(latest_sessions: dict[VisitorKey, Session], hit: SessionHit) -> Session:
    """Adds the hit to its visitor's latest session, or to a new one.

    `latest_sessions` holds the latest session of each visitor, and is updated.
    """
    key = hit.key
    session = latest_sessions.get(key)
    if session is None or not session.accepts(hit):
        previous_session, session = session, None
        if hit.previous_visitor is not None:
            candidate = latest_sessions.get((hit.property_number, hit.previous_visitor))
            if candidate and candidate.last_visitor == hit.previous_visitor and candidate.accepts(hit):
                session = candidate
        if session is None:
            session = Session(hit.seq, *key, hit.timestamp_us, hit.session_rules, acquisition_hit=hit.seq)
            if previous_session is not None:
                # A view and its duplicate may fall on both sides of the 24-hour limit.
                session.recent_view_us_by_path = previous_session.recent_view_us_by_path
        latest_sessions[key] = session
    session.add(hit)
    return session


def gap_separated_runs(hits: Iterable[SessionHit]) -> Iterator[list[SessionHit]]:
    """Splits sorted hits at gaps longer than the session timeout.

    Runs are independent: no session spans two of them.
    """
    run: list[SessionHit] = []
    for hit in hits:
        if run and hit.timestamp_us - run[-1].timestamp_us > hit.session_rules.gap_us:
            yield run
            run = []
        run.append(hit)
    if run:
        yield run
