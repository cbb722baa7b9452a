"""Sessions of the warehouse, by the reference of METRICS.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import UUID

from collector.event import Event, Identity
from proprium.storage.event_codec import from_timestamp_us, to_timestamp_us
from proprium.storage.event_columns import DICTIONARY_COLUMNS, PLAIN_COLUMNS, EventBatch
from tests.metrics.reference.hits import Hit, Rules
from tests.metrics.reference.sessions import Session, put_into_sessions, readings
from tests.support.feed import FeedEvent

MINUTE = 60_000_000
SAME_NAMES = set(FeedEvent._fields) & set(Event.__annotations__) - {"created_at", "identity", "automated"}

CONTEXT = ("referrer", "utm_campaign", "channel", "country", "language", "hostname", "screen", "device")

Facts = tuple[object, ...]


def told_by_reference(stored: Iterable[FeedEvent], rules: dict[int, Rules]) -> list[Facts]:
    """Of all events in storage, whatever their order, under the rules of each property."""
    return sorted(facts(session) for hits in _hits(stored, rules) for session in put_into_sessions(hits, hits[0].rules))


def read_by_reference(stored: Iterable[FeedEvent], rules: dict[int, Rules]) -> list[Facts]:
    """The views with a view_id that something was told of: which, how long they were read, and how deep."""
    rows = []
    for hits in _hits(stored, rules):
        put_into_sessions(hits, hits[0].rules)
        view_readings = readings(hits).items()
        rows += [(view.seq, reading.engaged_ms, reading.depth) for view, reading in view_readings if view.sent.view_id]
    return sorted(rows)


def _hits(stored: Iterable[FeedEvent], rules: dict[int, Rules]) -> list[list[Hit]]:
    """Of each property, in the order of time."""
    hits: dict[int, list[Hit]] = {}
    for row in stored:
        theirs = rules.get(row.property, Rules())
        if not theirs.leave_out(event := event_of(row)):
            hits.setdefault(row.property, []).append(Hit(event, row.seq, theirs))
    return [sorted(of_one, key=lambda hit: (hit.at, hit.seq)) for of_one in hits.values()]


def event_of(row: FeedEvent) -> Event:
    same = {name: getattr(row, name) for name in SAME_NAMES}
    return Event(
        id=UUID(int=row.seq),
        created_at=from_timestamp_us(row.created_at),
        identity=Identity(row.identity),
        automated=bool(row.automated),
        data=json.loads(row.rest or "{}"),
        **same,
    )


def facts(session: Session) -> Facts:
    """What the warehouse says of a session, in the order of `told` in the test."""
    hits, views = session.hits, session.views
    first = hits[0]
    return (
        *(first.seq, first.sent.property, first.own_visitor, to_timestamp_us(first.at), to_timestamp_us(hits[-1].at)),
        *(len(hits), len(views), sum(hit.is_custom for hit in hits), sum(hit.is_link_click for hit in hits)),
        sum(hit.engaged_ms for hit in hits),
        session.is_bounce,
        *(session.value_of("entry_page"), session.value_of("exit_page"), *(session.value_of(name) for name in CONTEXT)),
    )


def side_by_side(events: list[FeedEvent]) -> EventBatch:
    """As the projector takes them."""

    def named(names: tuple[str, ...]) -> dict[str, list[object]]:
        return {name: [getattr(event, name) for event in events] for name in names}

    return EventBatch(named(PLAIN_COLUMNS), range(len(events)), named(DICTIONARY_COLUMNS))
