"""Page engagement is credited to the row of its page view, also after a restart."""

from __future__ import annotations

from sqlalchemy import select

from proprium.warehouse import schema
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse


def engagement(filled: FilledWarehouse) -> list[tuple[int | None, int | None]]:
    """Of the page views, in their order."""
    event = schema.event.c
    question = select(event.read_ms, event.read_depth).where(event.event == "page_view").order_by(event.seq)
    with filled.warehouse.read() as connection:
        return [(ms, depth) for ms, depth in connection.execute(question)]


def restarted(filled: FilledWarehouse) -> None:
    filled.warehouse.close()
    filled.open()


def test_engagement_after_a_restart_is_credited_to_its_view_and_adds_up(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", view_id="one"), an_event(at="09:00", view_id="two")])
    warehouse.append([an_event(at="09:01", event="page_leave", view_id="one", time_on_page=5_000, scroll_depth=40)])
    assert engagement(warehouse) == [(5_000, 40), (None, None)]
    restarted(warehouse)
    warehouse.append([an_event(at="09:02", event="page_leave", view_id="one", time_on_page=2_000, scroll_depth=30)])
    assert engagement(warehouse) == [(7_000, 40), (None, None)]


def test_engagement_of_a_missing_view_changes_nothing(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", view_id="one")])
    warehouse.append([an_event(at="09:01", event="page_leave", view_id="lost", time_on_page=5_000)])
    assert engagement(warehouse) == [(None, None)]


def test_a_view_that_arrives_after_its_engagement_is_credited(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:01", event="page_leave", view_id="one", time_on_page=5_000)])
    warehouse.append([an_event(at="09:00", view_id="one")])
    assert engagement(warehouse) == [(5_000, None)]


def test_engagement_at_the_time_of_a_view_is_credited_when_it_arrived_later(warehouse: FilledWarehouse):
    early, late = ({"event": "page_leave", "view_id": "one", "time_on_page": ms} for ms in (3_000, 5_000))
    warehouse.append([an_event(**early), an_event(view_id="one"), an_event(**late)])
    assert engagement(warehouse) == [(5_000, None)]
