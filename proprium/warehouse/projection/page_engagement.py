"""How long page views were read, and how far scrolled: what is told of a view that has a name stands in its own row.

A page_leave or scroll belongs to the latest view of its view_id before it, for a day. Views of old scripts have no
name: what is told of those is looked for when somebody asks, in metrics.views.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from proprium.warehouse.projection import view_updates
from proprium.warehouse.projection.event_rows import LONGEST_ENGAGED_MS, Rows
from proprium.warehouse.projection.sessionizer import SECOND
from proprium.warehouse.projection.view_updates import REPORTS, Name, NamedHit, Windows

TOLD_FOR = 24 * 60 * 60 * SECOND
"""So long after its beginning a view is told of."""
MOST_REMEMBERED = 30_000
"""Views in memory, over all properties: about 10 MB."""

_LONG_AGO = -(1 << 62)


@dataclass(slots=True, eq=False)
class View:
    """NULL as long as nothing was told: a time of none is 0."""

    at: int
    seq: int
    read_ms: int | None = None
    read_depth: int | None = None

    def hears(self, at: int, seq: int) -> bool:
        since = at - self.at
        return 0 < since <= TOLD_FOR or (since == 0 and self.seq < seq)

    def add(self, engaged_ms: int | None, depth: int | None) -> None:
        read_ms = (self.read_ms or 0) + (engaged_ms or 0)
        self.read_ms = min(read_ms, LONGEST_ENGAGED_MS)
        if depth is not None and (self.read_depth is None or depth > self.read_depth):
            self.read_depth = depth


@dataclass(slots=True)
class Told:
    """What rows say of others, which are in the warehouse already."""

    grown: list[View] = field(default_factory=list)
    unsure: dict[Name, tuple[int, int]] = field(default_factory=dict)  # memory does not know enough; from when to when

    def doubt(self, name: Name, at: int) -> None:
        start, end = self.unsure.get(name, (at, at))
        self.unsure[name] = min(start, at), max(end, at)


class Readings:
    """Remembers the latest view of every name that was seen lately; `forget` after a transaction that failed."""

    def __init__(self) -> None:
        self._latest: OrderedDict[Name, View] = OrderedDict()  # in the order in which they were seen
        self._newest: dict[int, int] = {}  # property → the time of its latest hit

    def forget(self) -> None:
        self._latest.clear()
        self._newest.clear()

    def remember(self, connection: Connection) -> None:
        """Learns where each property stands."""
        self.forget()
        self._newest.update(view_updates.newest(connection))

    def reset(self, number: int) -> None:
        """The warehouse holds nothing of this property."""
        self._newest.pop(number, None)
        for name in [name for name in self._latest if name[0] == number]:
            del self._latest[name]

    def forget_old(self, most: int = MOST_REMEMBERED) -> None:
        while len(self._latest) > most:
            self._latest.popitem(last=False)

    def put_in(self, rows: Rows) -> Told:
        """Writes into rows what they say of each other. They are in the order of time."""
        told, here, grown = Told(), dict[View, int](), dict[View, None]()
        latest, unsure = self._latest, told.unsure
        for place, name, at, seq, is_view, engaged_ms, depth in _named(rows):
            if name in unsure:
                told.doubt(name, at)
            elif not is_view and (view := latest.get(name)) is not None and view.hears(at, seq):
                view.add(engaged_ms, depth)
                grown[view] = None
            elif is_view and at > self._newest.get(name[0], _LONG_AGO):
                here[self._begin(name, at, seq)] = place
            else:
                told.doubt(name, at)
        for view in grown.keys() & here.keys():
            rows["read_ms"][here[view]], rows["read_depth"][here[view]] = view.read_ms, view.read_depth
        told.grown = [view for view in grown if view not in here]
        self._move_on(rows)
        return told

    def write(self, connection: Connection, told: Told) -> None:
        """After the rows are in."""
        view_updates.write(connection, told.grown)
        for name, view in renew(connection, told.unsure).items():
            self._latest.pop(name, None)  # by heart it may be wrong now
            if view is not None and self._newest[name[0]] <= told.unsure[name][1] + TOLD_FOR:
                self._latest[name] = view

    def _begin(self, name: Name, at: int, seq: int) -> View:
        self._latest.pop(name, None)
        view = self._latest[name] = View(at, seq)
        return view

    def _move_on(self, rows: Rows) -> None:
        for number, at in dict(zip(rows["property"], rows["created_at"], strict=True)).items():
            self._newest[number] = max(at, self._newest.get(number, at))
        self.forget_old()


def _named(rows: Rows) -> Iterator[tuple[int, Name, int, int, bool, int | None, int | None]]:
    """People's views and reports that have a name, each with its place among the rows."""
    columns = ("property", "view_id", "created_at", "seq", "event", "is_view", "is_bot", "engaged_ms", "scroll_depth")
    each = zip(*(rows[name] for name in columns), strict=True)
    for place, (number, view_id, at, seq, event, is_view, is_bot, engaged_ms, depth) in enumerate(each):
        if view_id is not None and not is_bot and (is_view or event in REPORTS):
            yield place, (number, view_id), at, seq, is_view, engaged_ms, depth


def renew(connection: Connection, windows: Windows) -> dict[Name, View | None]:
    """Tells all views anew that something in these windows may be about; of each name the latest view in reach."""
    if not windows:
        return {}
    reach = {name: (start - TOLD_FOR, end + 2 * TOLD_FOR) for name, (start, end) in windows.items()}
    latest: dict[Name, View | None] = dict.fromkeys(windows)
    changed: list[View] = []
    for name, hits in _by_name(view_updates.hits_in(connection, reach)).items():
        was = {hit.seq: (hit.read_ms, hit.read_depth) for hit in hits if hit.is_view}
        views = _retold(hits)
        until = windows[name][1] + TOLD_FOR  # of those after it not all that is told has been read
        changed += [view for view in views if view.at <= until and (view.read_ms, view.read_depth) != was[view.seq]]
        latest[name] = views[-1] if views else None
    view_updates.write(connection, changed)
    return latest


def _by_name(hits: Iterable[NamedHit]) -> Mapping[Name, list[NamedHit]]:
    found = defaultdict[Name, list[NamedHit]](list)
    for hit in hits:
        found[hit.property, hit.view_id].append(hit)
    return found


def _retold(hits: Collection[NamedHit]) -> list[View]:
    """The views of one name, each with what is told of it."""
    views: list[View] = []
    for hit in sorted(hits, key=lambda hit: (hit.created_at, hit.seq)):
        if hit.is_view:
            views.append(View(hit.created_at, hit.seq))
        elif views and views[-1].hears(hit.created_at, hit.seq):
            views[-1].add(hit.engaged_ms, hit.scroll_depth)
    return views
