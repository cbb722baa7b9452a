"""Hits to sessions, page views and page engagement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.event import Identity
from tests.metrics.reference.hits import Hit, Rules

ACQUISITION = ("referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
TOLD_TOGETHER: list[set[str]] = [
    {"browser", "browser_version", "platform", "platform_version", "device"},
    {"country", "region", "city"},
    {"screen", "screen_class"},
    {"language"},
    {"hostname"},
]
LONGEST = timedelta(hours=24)
DOUBLE = timedelta(seconds=1)
LONGEST_TOLD = timedelta(hours=24)
LONGEST_VIEW_MS = 30 * 60 * 1000


@dataclass(eq=False)
class Session:
    """Hits of one visitor, the first one first."""

    rules: Rules
    hits: list[Hit] = field(default_factory=list)

    @property
    def visitor(self) -> int | None:
        return self.hits[0].own_visitor

    @property
    def started_at(self) -> datetime:
        return self.hits[0].at

    @property
    def duration_s(self) -> float:
        return (self.hits[-1].at - self.hits[0].at).total_seconds()

    @property
    def views(self) -> list[Hit]:
        return [hit for hit in self.hits if hit.counts_as_view]

    @property
    def is_bounce(self) -> bool:
        """One page view, under 10 s engaged (or what the property says), no click on a link, no custom event."""
        engaged_ms = sum(hit.engaged_ms for hit in self.hits)
        did_something = any(hit.is_link_click or hit.is_custom for hit in self.hits)
        return len(self.views) == 1 and engaged_ms < 1_000 * self.rules.bounce_s and not did_something

    def value_of(self, dimension: str) -> str | None:
        """Entry and exit page are the first and last page view's. A place is told whole, and so is a User-Agent."""
        if dimension == "entry_page":
            return self.views[0].page if self.views else None
        if dimension == "visitor_kind":
            return self._kind()
        if dimension == "exit_page":
            return self.views[-1].page if self.views else None
        if dimension in {*ACQUISITION, "source", "channel"}:
            return self._came_by().value_of(dimension)
        [together] = [names for names in TOLD_TOGETHER if dimension in names]
        hit = self._first_that_tells(together)
        return hit.value_of(dimension) if hit else None

    def _came_by(self) -> Hit:
        """The first page view; where that carries no source, the session_start before it, which has the same time at
        most. Without a page view: the first hit that carries any.
        """
        carrying = [hit for hit in self.hits if hit.sent.click_id or any(hit.value_of(name) for name in ACQUISITION)]
        if not self.views:
            return carrying[0] if carrying else self.hits[0]
        view = self.views[0]
        starts = [hit for hit in carrying if hit.sent.event == "session_start" and hit.at <= view.at]
        return view if view in carrying or not starts else starts[0]

    def _first_that_tells(self, together: set[str]) -> Hit | None:
        """Of the hits of browsers. Where none of them tells: of apps, and of imports that name no User-Agent. A back
        end's says nothing of the visitor but the host that was visited.
        """
        of_browsers = [hit for hit in self.hits if hit.agent.browser]
        of_others = [hit for hit in self.hits if not hit.agent.browser]
        of_others = [hit for hit in of_others if together == {"hostname"} or not hit.is_back_end]
        return next((hit for hit in of_browsers + of_others if any(hit.value_of(name) for name in together)), None)

    def _kind(self) -> str | None:
        """Without a cookie nobody can tell who has been here before."""
        if any(hit.sent.event == "session_start" for hit in self.hits):
            return "new"
        return "returning" if self.hits[0].sent.identity is Identity.COOKIE else None

    def goes_on_with(self, hit: Hit) -> bool:
        pause = timedelta(minutes=self.rules.session_gap_min)
        return hit.at - self.hits[-1].at <= pause and hit.at - self.hits[0].at <= LONGEST


def put_into_sessions(hits: Iterable[Hit], rules: Rules) -> list[Session]:
    """`hits` are in the order of their time. Those of people get their session; page views are told from doubles."""
    sessions: list[Session] = []
    latest: dict[int, Session] = {}  # of each visitor
    views: list[Hit] = []  # of the last second
    for hit in hits:
        views = [view for view in views if hit.at - view.at <= DOUBLE]
        if not hit.is_bot and (visitor := hit.own_visitor) is not None:
            session = _open_session(latest, hit)
            if session is None:
                session = Session(rules)
                sessions.append(session)
            session.hits.append(hit)
            hit.session = latest[visitor] = session
        if hit.sent.event == "page_view" and not hit.is_bot and not _is_double(hit, views):
            hit.counts_as_view = True
            views.append(hit)
    return sessions


@dataclass
class Reading:
    """What was reported of a page view."""

    engaged_ms: int = 0
    depth: int | None = None  # percent of the page


def readings(hits: Iterable[Hit]) -> Mapping[Hit, Reading]:
    """Of each page view that any page_leave or scroll told of. `hits` are in the order of their time."""
    named: dict[str, Hit] = {}  # latest view of each view_id
    latest: dict[tuple[int, str | None], Hit] = {}  # of those without one: of each visitor and path
    readings = defaultdict[Hit, Reading](Reading)
    for hit in (hit for hit in hits if not hit.is_bot):
        who, name = hit.visitor, hit.sent.view_id
        if hit.counts_as_view and name:
            named[name] = hit
        elif hit.counts_as_view and who is not None:
            latest[who, hit.own_page] = hit
        if hit.sent.event in {"page_leave", "scroll"}:
            by_path = latest.get((who, hit.own_page)) if who is not None else None
            view = named.get(name) if name else by_path
            if view and hit.at - view.at <= LONGEST_TOLD:
                _add(readings[view], hit)
    return readings


def _add(reading: Reading, hit: Hit) -> None:
    reading.engaged_ms = min(reading.engaged_ms + hit.engaged_ms, LONGEST_VIEW_MS)
    if hit.depth is not None:
        reading.depth = max(reading.depth or 0, hit.depth)


def _open_session(latest: dict[int, Session], hit: Hit) -> Session | None:
    """The visitor's own, or over midnight the one whose last hit is by who they were yesterday."""
    own = latest.get(hit.own_visitor or 0)
    if own and own.goes_on_with(hit):
        return own
    yesterdays = latest.get(hit.sent.previous_visitor or 0)
    if yesterdays and yesterdays.hits[-1].own_visitor == hit.sent.previous_visitor and yesterdays.goes_on_with(hit):
        return yesterdays
    return None


def _is_double(hit: Hit, views: Iterable[Hit]) -> bool:
    """The same visitor viewed the same path within a second, both without a view_id."""
    if hit.sent.view_id or hit.visitor is None:
        return False
    same_path = [view for view in views if view.own_page == hit.own_page and not view.sent.view_id]
    return any(view.visitor == hit.visitor for view in same_path)
