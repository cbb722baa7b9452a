"""Sessions as METRICS.md defines them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from collector.event import Event, Identity
from collector.visitor import visitor_of
from proprium.warehouse.schema import event, session
from tests.support.builders import GOOGLEBOT, an_event
from tests.support.warehouse_fixture import FilledWarehouse


def sessions(warehouse: FilledWarehouse) -> list[Row[Any]]:
    with warehouse.warehouse.read() as connection:
        return connection.execute(select(session).order_by(session.c.started_at)).all()  # type: ignore[return-value]


def test_hits_within_half_an_hour_are_one_session(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", page="/"), an_event(at="09:30", page="/pricing")])
    (one,) = sessions(warehouse)
    assert (one.hits, one.views, one.entry_page, one.exit_page) == (2, 2, "/", "/pricing")


def test_a_longer_pause_begins_another_session(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00")])
    warehouse.append([an_event(at="09:30:00.000001")])
    assert [s.hits for s in sessions(warehouse)] == [1, 1]


def test_a_session_grows_over_several_appends(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", referrer="google.com")])
    warehouse.append([an_event(at="09:10", page="/b")])
    (one,) = sessions(warehouse)
    assert (one.hits, one.views, one.exit_page, one.referrer, one.channel) == (
        2,
        2,
        "/b",
        "google.com",
        "Organic search",
    )


def test_a_session_is_a_day_long_at_most(warehouse: FilledWarehouse):
    every_half_hour = [an_event(at=f"2026-11-02 {hour:02}:{minute:02}") for hour in range(24) for minute in (0, 30)]
    warehouse.append([*every_half_hour, an_event(at="2026-11-03 00:00"), an_event(at="2026-11-03 00:10")])
    assert [s.hits for s in sessions(warehouse)] == [49, 1]


def test_a_page_leave_is_activity(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00"), an_event(at="09:20", event="page_leave", time_on_page=60_000)])
    (one,) = sessions(warehouse)
    assert (one.ended_at - one.started_at).total_seconds() == 20 * 60
    assert one.engaged_ms == 60_000


def test_the_first_page_view_decides_where_a_session_came_from(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:05", utm_source="newsletter", utm_medium="email", country="FR")])
    warehouse.append([an_event(at="09:00", referrer="google.com", country="DE")])  # came late, was first
    (one,) = sessions(warehouse)
    assert (one.source, one.channel, one.country) == ("Google", "Organic search", "DE")


def by_day(visitor: str, at: str, previous: str | None = None, **fields: Any) -> Event:
    """A hit of somebody who is known for a day only."""
    yesterdays = visitor_of(previous) if previous else None
    return an_event(visitor, at, identity=Identity.DAILY, user_id=None, previous_visitor=yesterdays, **fields)


def test_a_session_without_a_cookie_survives_midnight(warehouse: FilledWarehouse):
    warehouse.append([by_day("monday's", "2026-11-02 23:50", page="/a")])
    warehouse.append([by_day("tuesday's", "2026-11-03 00:05", "monday's", page="/b")])
    warehouse.append([by_day("tuesday's", "2026-11-03 00:31", page="/c")])
    (one,) = sessions(warehouse)
    assert (one.visitor, one.views, one.entry_page, one.exit_page) == (visitor_of("monday's"), 3, "/a", "/c")
    with warehouse.warehouse.read() as connection:
        assert set(connection.scalars(select(event.c.visitor))) == {one.visitor}  # a session has one visitor


def test_a_visitor_without_hits_before_midnight_starts_a_session_after_it(warehouse: FilledWarehouse):
    warehouse.append([by_day("monday's", "2026-11-02 23:10"), by_day("tuesday's", "2026-11-03 00:05", "monday's")])
    assert [s.visitor for s in sessions(warehouse)] == [visitor_of("monday's"), visitor_of("tuesday's")]


def test_yesterdays_hit_that_comes_late_still_joins_both_days(warehouse: FilledWarehouse):
    warehouse.append([by_day("tuesday's", "2026-11-03 00:05", "monday's")])
    warehouse.append([by_day("monday's", "2026-11-02 23:50")])
    assert [s.hits for s in sessions(warehouse)] == [2]


def test_two_properties_do_not_share_a_session(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00"), an_event(at="09:01", property=2)])
    assert [s.property for s in sessions(warehouse)] == [1, 2]


def test_bots_and_events_without_a_visitor_have_no_session(warehouse: FilledWarehouse):
    warehouse.append([an_event(user_agent=GOOGLEBOT), an_event(visitor=None), an_event(automated=True)])
    assert sessions(warehouse) == []
