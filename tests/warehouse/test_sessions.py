"""Sessions as METRICS.md defines them."""

from __future__ import annotations

from sqlalchemy import select

from proprium.warehouse.schema import session
from tests.make import an_event
from tests.warehouse_kit import FilledWarehouse


def sessions(warehouse: FilledWarehouse):
    with warehouse.warehouse.read() as connection:
        return connection.execute(select(session).order_by(session.c.started_at)).all()


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
