"""Whatever the order and batches of events and deletions, the warehouse equals a rebuild."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, or_, select

from proprium.storage.event_codec import from_timestamp_us
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.dialect import epoch_us
from proprium.warehouse.projection import event_projection as projection_module
from proprium.warehouse.projection.deletions import DELETION_HANDLERS, delete_property
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.projection.exclusions import Exclusions
from proprium.warehouse.projection.rules import Rules
from proprium.warehouse.warehouse import Warehouse
from tests.metrics.reference.hits import Rules as PlainRules
from tests.support.builders import CHROME, CURL, IPHONE
from tests.support.feed import FeedEvent
from tests.warehouse.reference import MINUTE, read_by_reference, side_by_side, told_by_reference

NOON = 1_793_620_800_000_000
NOTHING = dict.fromkeys(FeedEvent._fields)

# Times at which something tips over: a second, the gap, the longest session; and minutes, which make long chains.
steps = st.sampled_from([0, 1, 999_999, 1_000_000, 1_000_001, MINUTE, 10 * MINUTE, 29 * MINUTE, 30 * MINUTE])
rare = st.sampled_from([30 * MINUTE + 1, 31 * MINUTE, 6 * 60 * MINUTE, 24 * 60 * MINUTE, 24 * 60 * MINUTE + 1])


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    at, events = NOON, []
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.one_of(steps, steps, steps, rare))
        kinds = ["page_view", "page_view", "session_start", "page_leave", "click", "signup", "scroll"]
        kind = draw(st.sampled_from(kinds))
        width, campaign = draw(st.sampled_from([None, 1280])), draw(st.sampled_from([None, None, "spring", "autumn"]))
        events.append(
            {
                "property": draw(st.sampled_from([1, 1, 1, 2])),
                "event": kind,
                "created_at": at,
                "identity": draw(st.sampled_from([2, 2, 2, 1])),
                "visitor": draw(st.sampled_from([1, 1, 2, 3, None])),
                "previous_visitor": draw(st.sampled_from([None, None, None, 1, 2])),
                "page": draw(st.sampled_from(["/", "/a"])),
                "view_id": draw(st.sampled_from([None, None, "v", "v", "w"])),
                "referrer": draw(st.sampled_from([None, None, "google.com"])),
                "utm_source": campaign and "newsletter",
                "utm_medium": campaign and "email",
                "utm_campaign": campaign,
                "country": draw(st.sampled_from([None, "DE", "FR"])),
                "language": draw(st.sampled_from([None, "de", "en"])),
                "hostname": draw(st.sampled_from([None, "example.com", "example.org"])),
                "screen_width": width,
                "screen_height": width,
                "time_on_page": draw(st.sampled_from([None, 9_999, 10_000])) if kind == "page_leave" else None,
                "scroll_depth": draw(st.sampled_from([None, 0, 25, 75])) if kind in ("page_leave", "scroll") else None,
                "rest": '{"href": "x"}' if kind == "click" and draw(st.booleans()) else None,
                "automated": draw(st.sampled_from([0, 0, 0, 1])),
                # CURL: a server's, by nobody where it names no visitor
                "user_agent": draw(st.sampled_from([CHROME, CHROME, CHROME, IPHONE, CURL, ""])),
            }
        )
    order = draw(st.one_of(st.just(range(len(events))), st.permutations(range(len(events)))))
    return [events[at] for at in order]


rules = st.builds(
    PlainRules,
    excluded_paths=st.sampled_from([(), ("/a",)]),
    excluded_countries=st.sampled_from([(), ("FR",)]),
    counts_automated=st.booleans(),
)
seqs = st.one_of(st.none(), st.integers(0, 25))
operations = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 8)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just(ChangeKind.VISITOR_ERASED), st.tuples(st.just(1), st.sampled_from([1, 2, 3]))),
        st.tuples(st.just(ChangeKind.PRUNED), st.tuples(st.sampled_from([1, None]), st.integers(0, 24), seqs)),
        st.tuples(st.just(ChangeKind.EVENTS_DELETED), st.integers(0, 24)),
        st.tuples(st.just(ChangeKind.PROPERTY_RESET), st.sampled_from([1, 2])),
        st.tuples(st.just("rules"), rules),
    ),
    max_size=12,
)


def tail_rows(events: list[dict[str, Any]]) -> list[FeedEvent]:
    return [FeedEvent(**{**NOTHING, **fields, "seq": seq}) for seq, fields in enumerate(events, 1)]


class Run:
    """Events and deletions played into the scratch warehouse."""

    def __init__(self, warehouse: Warehouse, arriving: list[FeedEvent]) -> None:
        self.warehouse = warehouse
        self.arriving = list(arriving)
        self.stored: list[FeedEvent] = []
        self.projection = Projection()
        self.rules: dict[int, PlainRules] = {}
        with warehouse.write() as connection:
            connection.execute(delete(schema.event))
            connection.execute(delete(schema.session))

    def take(self, count: int) -> None:
        batch, self.arriving = self.arriving[:count], self.arriving[count:]
        self.stored += batch
        with self.warehouse.write() as connection:
            self.projection.add(connection, side_by_side(batch))

    def todays(self) -> Rules:
        """The rules as the projector reads them."""
        exclusions = {
            number: Exclusions(frozenset(its.excluded_countries), its.excluded_paths)
            for number, its in self.rules.items()
        }
        return Rules({number: its.counts_automated for number, its in self.rules.items()}, exclusions=exclusions)

    def change_rules(self, its: PlainRules) -> None:
        """Of property 1: its rows are made anew from what is stored, a share at a time."""
        self.rules[1] = its
        self.projection.rules = self.todays()
        theirs = [event for event in self.stored if event.property == 1]
        with self.warehouse.write() as connection:
            delete_property(connection, self.projection, StorageChange(kind=ChangeKind.RULES_CHANGED, property=1))
            for start in range(0, len(theirs), 4):
                self.projection.add(connection, side_by_side(theirs[start : start + 4]))

    def restart(self) -> None:
        self.projection = Projection()
        self.projection.rules = self.todays()
        with self.warehouse.write() as connection:
            self.projection.load(connection)

    def forget(self) -> None:
        for openings in self.projection._open_sessions.values():
            openings.evict_old(max_count=1)
        self.projection._page_engagement.evict_old(max_count=1)

    def change(self, kind: ChangeKind, detail: Any) -> None:
        change = StorageChange(kind=kind, property=1)
        if kind is ChangeKind.VISITOR_ERASED:
            change.detail = {"visitor": detail[1]}
            deleted = {e.seq for e in self.stored if (e.property, e.visitor) == (1, detail[1])}
        elif kind is ChangeKind.EVENTS_DELETED:
            deleted = {e.seq for e in self.stored if e.seq == detail and e.property == 1}
            change.detail = {"seqs": list(deleted)}
        elif kind is ChangeKind.PROPERTY_RESET:
            change.property = detail
            deleted = {e.seq for e in self.stored if e.property == detail}
        else:
            change.property, at, last_seq = detail
            change.detail = {} if last_seq is None else {"last_seq": last_seq}
            change.before = (
                sorted(e.created_at for e in self.stored)[min(at, len(self.stored) - 1)] if self.stored else 0
            )
            old = [e for e in self.stored if e.created_at < change.before and change.property in (None, e.property)]
            deleted = {e.seq for e in old if last_seq is None or e.seq <= last_seq}
        self.stored = [e for e in self.stored if e.seq not in deleted]
        with self.warehouse.write() as connection:
            DELETION_HANDLERS[kind](connection, self.projection, change)
            self.projection.load(connection)

    def tables(self) -> tuple[list[Any], list[Any]]:
        with self.warehouse.read() as connection:
            return (
                connection.execute(select(schema.event).order_by(schema.event.c.seq)).all(),
                connection.execute(select(schema.session).order_by(schema.session.c.session)).all(),
            )


def session_columns(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    s = schema.session.c
    with warehouse.read() as connection:
        rows = connection.execute(
            select(
                *(s.session, s.property, s.visitor, epoch_us(s.started_at), epoch_us(s.ended_at)),
                *(s.hits, s.views, s.custom_events, s.link_clicks, s.engaged_ms, s.is_bounce),
                *(s.entry_page, s.exit_page, s.referrer, s.utm_campaign, s.channel, s.country),
                *(s.language, s.hostname, s.screen, s.device),
            ).order_by(s.session)
        )
        return [tuple(row) for row in rows]


def read(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    e = schema.event.c
    question = select(e.seq, e.read_ms, e.read_depth).where(or_(e.read_ms.is_not(None), e.read_depth.is_not(None)))
    with warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(question.order_by(e.seq))]


def test_the_warehouse_is_always_what_a_rebuild_would_make_of_storage(scratch: Warehouse, fuzz: bool):
    @settings(max_examples=1_500 if fuzz else 30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=events(), played=operations)
    def holds(events: list[dict[str, Any]], played: list[tuple[Any, Any]]) -> None:
        check(scratch, events, played)

    holds()


def check(scratch: Warehouse, events: list[dict[str, Any]], played: list[tuple[Any, Any]]) -> None:
    run = Run(scratch, tail_rows(events))
    for what, detail in played:
        if what in ("restart", "forget"):
            getattr(run, what)()
        elif what == "take":
            run.take(detail)
        elif what == "rules":
            run.change_rules(detail)
        else:
            run.change(what, detail)
    run.take(len(run.arriving))
    followed, sessions, readings = run.tables(), session_columns(scratch), read(scratch)

    rebuilt = Run(scratch, run.stored)
    rebuilt.rules = run.rules
    rebuilt.restart()
    rebuilt.take(len(run.stored))
    assert followed == rebuilt.tables()
    assert sessions == told_by_reference(run.stored, run.rules)
    assert readings == read_by_reference(run.stored, run.rules)


def test_sessions_evicted_above_the_limit_are_still_right(scratch: Warehouse, monkeypatch):
    monkeypatch.setattr(projection_module, "MAX_OPEN_SESSIONS", 3)
    fields = {"property": 1, "event": "page_view", "identity": 1, "automated": 0, "user_agent": CHROME, "page": "/"}
    events = [{**fields, "visitor": at % 10 + 1, "created_at": NOON + at * MINUTE} for at in range(60)]
    run = Run(scratch, tail_rows(events))
    while run.arriving:
        run.take(7)
    assert session_columns(scratch) == told_by_reference(run.stored, {})
    assert sum(map(len, run.projection._open_sessions.values())) <= 3


def test_the_moment_of_a_row_is_the_moment_of_the_event(scratch: Warehouse):
    Run(
        scratch,
        tail_rows([{**NOTHING, "property": 1, "event": "x", "created_at": NOON, "identity": 0, "user_agent": ""}]),
    ).take(1)
    with scratch.read() as connection:
        assert connection.scalar(select(schema.event.c.created_at)) == from_timestamp_us(NOON)
