"""METRICS.md's definition of a session once more: slow, plain, and with nothing in common with the projector."""

from __future__ import annotations

from dataclasses import dataclass, field

from proprium.storage.tail import Columns, TailRow

MINUTE = 60_000_000
BUILT_IN = {"session_start", "page_view", "click", "scroll", "page_leave"}


@dataclass(eq=False)
class Session:
    hits: list[TailRow] = field(default_factory=list)
    views: list[TailRow] = field(default_factory=list)
    counted_before: list[TailRow] = field(default_factory=list)  # views of the visitor's session before this one


def sessions_of(events: list[TailRow]) -> list[Session]:
    """Of all events in storage, whatever the order of the list."""
    sessions: list[Session] = []
    for hit in sorted(events, key=lambda event: (event.created_at, event.seq)):
        if hit.visitor is None or hit.automated:
            continue
        session = _going_on(sessions, hit)
        if session is None:
            before = _latest_of(sessions, hit)
            session = Session(counted_before=before.views if before else [])
            sessions.append(session)
        session.hits.append(hit)
        if hit.event == "page_view" and not _is_double(session, hit):
            session.views.append(hit)
    return sessions


def _going_on(sessions: list[Session], hit: TailRow) -> Session | None:
    """The visitor's own latest session, else the one whose last hit is by whom they were yesterday."""
    own = _latest_of(sessions, hit)
    if own and _takes(own, hit):
        return own
    theirs = [s for s in sessions if hit.previous_visitor and _is_by(s.hits[-1], hit.property, hit.previous_visitor)]
    return theirs[-1] if theirs and _takes(theirs[-1], hit) else None


def _latest_of(sessions: list[Session], hit: TailRow) -> Session | None:
    own = [s for s in sessions if any(_is_by(h, hit.property, hit.visitor) for h in s.hits)]
    return max(own, default=None, key=lambda s: max(_when(h) for h in s.hits if _is_by(h, hit.property, hit.visitor)))


def _when(hit: TailRow) -> tuple[int, int]:
    return hit.created_at, hit.seq


def _takes(session: Session, hit: TailRow) -> bool:
    is_near = hit.created_at - session.hits[-1].created_at <= 30 * MINUTE
    return is_near and hit.created_at - session.hits[0].created_at <= 24 * 60 * MINUTE


def _is_double(session: Session, hit: TailRow) -> bool:
    """The same path was viewed within a second, in this session or at the end of the one before."""
    if hit.view_id is not None:
        return False
    seen = [view for view in session.counted_before + session.views if view.view_id is None and view.page == hit.page]
    return any(hit.created_at - view.created_at <= 1_000_000 for view in seen)


def _is_by(hit: TailRow, number: int, visitor: int | None) -> bool:
    return (hit.property, hit.visitor) == (number, visitor)


def facts(session: Session) -> tuple[object, ...]:
    """What the warehouse says of a session, in the order of `told` in the test."""
    hits, views = session.hits, session.views
    engaged = sum(min(h.time_on_page or 0, 1_800_000) for h in hits if h.event == "page_leave")
    custom = sum(h.event not in BUILT_IN for h in hits)
    clicks = sum(h.event == "click" and "href" in (h.rest or "") for h in hits)
    return (
        *(hits[0].seq, hits[0].property, hits[0].visitor, hits[0].created_at, hits[-1].created_at),
        *(len(hits), len(views), custom, clicks, engaged),
        len(views) == 1 and engaged < 10_000 and not custom and not clicks,
        *((views[0].page, views[-1].page) if views else (None, None)),
        *(hits[0].referrer, hits[0].country),
    )


def side_by_side(events: list[TailRow]) -> Columns:
    """As the projector takes them."""
    columns = zip(*events, strict=True) if events else [()] * len(TailRow._fields)
    return dict(zip(TailRow._fields, columns, strict=True))
