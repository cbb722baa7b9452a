"""Page engagement: time on page and scroll depth, credited to page views.

`page_leave` and `scroll` events are credited to the latest page view with the same view_id within 24 h before them, in
that view's row. Views of old scripts have no view_id: metrics.page_engagement joins theirs at query time.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from proprium.warehouse.projection import view_updates
from proprium.warehouse.projection.event_rows import MAX_ENGAGED_MS, EventRows
from proprium.warehouse.projection.sessionizer import SECOND_US
from proprium.warehouse.projection.view_updates import REPORT_EVENTS, ViewHit, ViewKey, ViewWindows

VIEW_WINDOW_US = 24 * 60 * 60 * SECOND_US
"""Time after a page view within which events are credited to it."""
MAX_CACHED_VIEWS = 30_000
"""Cached views, over all properties: about 10 MB."""

_DISTANT_PAST_US = -(1 << 62)


@dataclass(slots=True, eq=False)
class EngagedView:
    """A page view with the engagement credited to it.

    Both values are None until a report arrives; a report without a time on page sets `read_ms` to 0.
    """

    timestamp_us: int
    seq: int
    read_ms: int | None = None
    read_depth: int | None = None

    def accepts_report(self, timestamp_us: int, seq: int) -> bool:
        """Returns whether a report is later, by (time, seq), and within the view's window."""
        elapsed_us = timestamp_us - self.timestamp_us
        return 0 < elapsed_us <= VIEW_WINDOW_US or (elapsed_us == 0 and self.seq < seq)

    def add_report(self, engaged_ms: int | None, scroll_depth: int | None) -> None:
        """Adds time on page, capped at MAX_ENGAGED_MS, and raises the scroll depth to the deepest one."""
        read_ms = (self.read_ms or 0) + (engaged_ms or 0)
        self.read_ms = min(read_ms, MAX_ENGAGED_MS)
        if scroll_depth is not None and (self.read_depth is None or scroll_depth > self.read_depth):
            self.read_depth = scroll_depth


@dataclass(slots=True)
class PendingUpdates:
    """Updates of stored views, caused by a batch of new rows."""

    grown_views: list[EngagedView] = field(default_factory=list)
    # Views that the cache cannot decide about, with the window of their new events in microseconds.
    windows_to_recompute: dict[ViewKey, tuple[int, int]] = field(default_factory=dict)

    def mark_for_recompute(self, view_key: ViewKey, timestamp_us: int) -> None:
        """Extends the view key's window to include `timestamp_us`."""
        start_us, end_us = self.windows_to_recompute.get(view_key, (timestamp_us, timestamp_us))
        self.windows_to_recompute[view_key] = min(start_us, timestamp_us), max(end_us, timestamp_us)


class PageEngagement:
    """Credits engagement to views, with a cache of the latest view of each recent view_id.

    After a transaction that was rolled back, `load` must be called before the next rows.
    """

    def __init__(self) -> None:
        self._latest_views: OrderedDict[ViewKey, EngagedView] = OrderedDict()  # in the order of insertion
        self._newest_us: dict[int, int] = {}  # property number → time of its latest event

    def load(self, connection: Connection) -> None:
        """Empties the cache, and reads the time of each property's latest event."""
        self._latest_views.clear()
        self._newest_us.clear()
        self._newest_us.update(view_updates.newest_timestamps(connection))

    def reset(self, property_number: int) -> None:
        """Removes a property from the cache, after all of its rows were deleted."""
        self._newest_us.pop(property_number, None)
        for view_key in [view_key for view_key in self._latest_views if view_key[0] == property_number]:
            del self._latest_views[view_key]

    def evict_old(self, max_count: int = MAX_CACHED_VIEWS) -> None:
        """Evicts the views that were inserted first, above `max_count`."""
        while len(self._latest_views) > max_count:
            self._latest_views.popitem(last=False)

    def fill_columns(self, rows: EventRows) -> PendingUpdates:
        """Sets `read_ms` and `read_depth` of new rows, which must be in the order of time.

        Returns the updates of views that are in the warehouse already, for `write_updates`.
        """
        pending_updates = PendingUpdates()
        index_by_view: dict[EngagedView, int] = {}
        grown_views: dict[EngagedView, None] = {}
        latest_views, windows_to_recompute = self._latest_views, pending_updates.windows_to_recompute
        for index, view_key, timestamp_us, seq, is_view, engaged_ms, scroll_depth in _views_and_reports(rows):
            if view_key in windows_to_recompute:
                pending_updates.mark_for_recompute(view_key, timestamp_us)
            elif (
                not is_view
                and (view := latest_views.get(view_key)) is not None
                and view.accepts_report(timestamp_us, seq)
            ):
                view.add_report(engaged_ms, scroll_depth)
                grown_views[view] = None
            elif is_view and timestamp_us > self._newest_us.get(view_key[0], _DISTANT_PAST_US):
                latest_views.pop(view_key, None)
                view = latest_views[view_key] = EngagedView(timestamp_us, seq)
                index_by_view[view] = index
            else:
                pending_updates.mark_for_recompute(view_key, timestamp_us)
        for view in grown_views.keys() & index_by_view.keys():
            rows["read_ms"][index_by_view[view]], rows["read_depth"][index_by_view[view]] = (
                view.read_ms,
                view.read_depth,
            )
        pending_updates.grown_views = [view for view in grown_views if view not in index_by_view]
        for property_number, timestamp_us in dict(zip(rows["property"], rows["created_at"], strict=True)).items():
            self._newest_us[property_number] = max(timestamp_us, self._newest_us.get(property_number, timestamp_us))
        self.evict_old()
        return pending_updates

    def write_updates(self, connection: Connection, pending_updates: PendingUpdates) -> None:
        """Writes pending updates, after the new rows have been written; recomputes undecided views."""
        view_updates.write_engagement(connection, pending_updates.grown_views)
        for view_key, view in recompute_views(connection, pending_updates.windows_to_recompute).items():
            self._latest_views.pop(view_key, None)  # the cached entry may be wrong now
            if (
                view is not None
                and self._newest_us[view_key[0]] <= pending_updates.windows_to_recompute[view_key][1] + VIEW_WINDOW_US
            ):
                self._latest_views[view_key] = view


def _views_and_reports(rows: EventRows) -> Iterator[tuple[int, ViewKey, int, int, bool, int | None, int | None]]:
    """Yields views and reports with a view_id, without bots, with their row index."""
    columns = ("property", "view_id", "created_at", "seq", "event", "is_view", "is_bot", "engaged_ms", "scroll_depth")
    values = zip(*(rows[name] for name in columns), strict=True)
    for index, (
        property_number,
        view_id,
        timestamp_us,
        seq,
        event,
        is_view,
        is_bot,
        engaged_ms,
        scroll_depth,
    ) in enumerate(values):
        if view_id is not None and not is_bot and (is_view or event in REPORT_EVENTS):
            yield index, (property_number, view_id), timestamp_us, seq, is_view, engaged_ms, scroll_depth


def recompute_views(connection: Connection, windows: ViewWindows) -> dict[ViewKey, EngagedView | None]:
    """Recomputes and writes the engagement of views that events in these windows affect.

    Returns the latest view of each key around its window; None where there is none.
    """
    if not windows:
        return {}
    reach_windows = {
        view_key: (start_us - VIEW_WINDOW_US, end_us + 2 * VIEW_WINDOW_US)
        for view_key, (start_us, end_us) in windows.items()
    }
    latest_views: dict[ViewKey, EngagedView | None] = dict.fromkeys(windows)
    changed_views: list[EngagedView] = []
    hits_by_view = defaultdict[ViewKey, list[ViewHit]](list)
    for hit in view_updates.read_hits(connection, reach_windows):
        hits_by_view[hit.property, hit.view_id].append(hit)
    for view_key, hits in hits_by_view.items():
        stored_values = {hit.seq: (hit.read_ms, hit.read_depth) for hit in hits if hit.is_view}
        views = _credit_view_hits(hits)
        until_us = windows[view_key][1] + VIEW_WINDOW_US  # of later views not all reports have been read
        changed_views += [
            view
            for view in views
            if view.timestamp_us <= until_us and (view.read_ms, view.read_depth) != stored_values[view.seq]
        ]
        latest_views[view_key] = views[-1] if views else None
    view_updates.write_engagement(connection, changed_views)
    return latest_views


def _credit_view_hits(hits: Collection[ViewHit]) -> list[EngagedView]:
    """Credits the reports of one view key to its views, returned in the order of time."""
    views: list[EngagedView] = []
    for hit in sorted(hits, key=lambda hit: (hit.created_at, hit.seq)):
        if hit.is_view:
            views.append(EngagedView(hit.created_at, hit.seq))
        elif views and views[-1].accepts_report(hit.created_at, hit.seq):
            views[-1].add_report(hit.engaged_ms, hit.scroll_depth)
    return views
