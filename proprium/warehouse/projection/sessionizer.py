"""Sessions as METRICS.md defines them: one pure step a hit, taken in the order of (time, seq)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

SECOND = 1_000_000  # everything here is microseconds
GAP = 30 * 60 * SECOND
"""Hits of one visitor further apart belong to two sessions."""
LONGEST = 24 * 60 * 60 * SECOND
"""A hit later than this after a session's first one begins another."""
DOUBLE = SECOND
"""Two views of a path this close are one, where neither has a view_id."""
ENGAGED_MS = 10_000
"""A session of one view that is read for less is a bounce."""

OTHER, VIEW, LINK_CLICK, CUSTOM, BEGIN = range(5)
"""What a hit does to its session, beside being one more hit."""

Key = tuple[int, int]
"""(property, the visitor as the hit itself says)."""


class Pace(NamedTuple):
    """What a property decides about its sessions."""

    gap: int = GAP  # microseconds
    bounce_ms: int = ENGAGED_MS


USUAL_PACE = Pace()
PaceOf = Callable[[int], Pace]
"""By a property's number."""


@dataclass(slots=True, eq=False)
class Visit:
    """A session while hits are still added to it."""

    id: int  # the seq of its first hit
    number: int  # the property's
    visitor: int
    started: int
    pace: Pace = USUAL_PACE
    ended: int = 0
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
    is_new: bool = False  # the script said that it had never seen this visitor
    recent: dict[str | None, int] = field(default_factory=dict)  # path → when it was last viewed, within DOUBLE
    is_linked: bool = False  # visitors of two days meet in it, or might: never extended without asking the warehouse
    is_written: bool = False

    @property
    def is_bounce(self) -> bool:
        return (
            self.views == 1 and self.engaged_ms < self.pace.bounce_ms and not (self.link_clicks or self.custom_events)
        )

    def takes(self, hit: Hit) -> bool:
        return hit.at - self.ended <= self.pace.gap and hit.at - self.started <= LONGEST

    def add(self, hit: Hit) -> None:
        self.ended, self.last_seq, self.last_visitor = hit.at, hit.seq, hit.visitor
        self.hits += 1
        self.engaged_ms += hit.engaged_ms
        if hit.kind == VIEW:
            self._view(hit)
        elif hit.kind == CUSTOM:
            self.custom_events += 1
        elif hit.kind == LINK_CLICK:
            self.link_clicks += 1
        elif hit.kind == BEGIN:
            self.is_new = True
        hit.visit = self

    def _view(self, hit: Hit) -> None:
        hit.is_view = not self._is_double(hit)
        if hit.is_view:
            if not self.views:
                self.entry_page = hit.page
            self.views += 1
            self.exit_page, self.exit_view = hit.page, hit.seq

    def _is_double(self, hit: Hit) -> bool:
        if hit.has_view_id:
            return False
        self.recent = {page: at for page, at in self.recent.items() if hit.at - at <= DOUBLE}
        if hit.page in self.recent:
            return True
        self.recent[hit.page] = hit.at
        return False


class Placed(NamedTuple):
    """What the warehouse holds of a hit's session."""

    session: int | None
    visitor: int | None
    own_visitor: int | None
    is_view: bool


class Hit:
    """What sessions need to know of an event. (A dataclass takes twice as long to make, and one is made for each.)"""

    __slots__ = (
        *("at", "engaged_ms", "has_view_id", "is_view", "key", "kind", "number", "pace", "page", "place"),
        *("previous", "seq", "visit", "visitor", "was"),
    )

    def __init__(
        self,
        place: int,  # among the events that are added together
        seq: int,
        number: int,  # the property's
        at: int,
        visitor: int,
        previous: int | None,  # yesterday's visitor, who may still be in a session
        kind: int,
        page: str | None,
        has_view_id: bool,
        engaged_ms: int,
        pace: Pace,
        was: Placed | None = None,  # of one that is in the warehouse already
    ) -> None:
        self.place = place
        self.seq = seq
        self.number = number
        self.at = at
        self.visitor = visitor
        self.previous = previous
        self.kind = kind
        self.page = page
        self.has_view_id = has_view_id
        self.engaged_ms = engaged_ms
        self.pace = pace
        self.was = was
        self.key: Key = (number, visitor)
        self.visit: Visit | None = None
        self.is_view = False

    def placed(self) -> Placed:
        """In its session, as a row says it."""
        visit = self.visit
        assert visit is not None
        return Placed(visit.id, visit.visitor, None if visit.visitor == self.visitor else self.visitor, self.is_view)


def step(visits: dict[Key, Visit], hit: Hit) -> Visit:
    """Puts the hit into its session; `visits` holds the latest one of each visitor."""
    key = hit.key
    visit = visits.get(key)
    if visit is None or not visit.takes(hit):
        earlier, visit = visit, _yesterdays(visits, hit)
        if visit is None:
            visit = Visit(hit.seq, hit.number, hit.visitor, hit.at, hit.pace)
            if earlier is not None:
                visit.recent = earlier.recent  # a view and its double may stand at both sides of the 24th hour
        visits[key] = visit
    visit.add(hit)
    return visit


def _yesterdays(visits: dict[Key, Visit], hit: Hit) -> Visit | None:
    if hit.previous is None:
        return None
    visit = visits.get((hit.number, hit.previous))
    return visit if visit and visit.last_visitor == hit.previous and visit.takes(hit) else None


def chains(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    """Runs of hits, given in order, that no gap interrupts: what happens in one has no effect on another."""
    chain: list[Hit] = []
    for hit in hits:
        if chain and hit.at - chain[-1].at > hit.pace.gap:
            yield chain
            chain = []
        chain.append(hit)
    if chain:
        yield chain
