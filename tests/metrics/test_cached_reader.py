"""Cached results equal computed ones after any event, deletion or changed rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.event import listen, remove

from proprium.metrics.dashboard import dashboard
from proprium.metrics.results import Dashboard
from proprium.properties.service import reset_property, update_settings
from tests.metrics.conftest import Past
from tests.support.builders import an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse

NOW = moment("2026-11-02 12:00")
AT = [NOW - timedelta(days=days, hours=hours) for days in (0, 1, 6, 7, 8, 13, 14, 20) for hours in (0, 11)]


def shown(past: Past) -> Dashboard:
    result = dashboard(past.warehouse, past.query("period=7d", NOW))
    return replace(result, computed_s=0)


def computed_anew(past: Past) -> Dashboard:
    past.warehouse.query_cache.clear()
    return shown(past)


@pytest.mark.parametrize("at", AT)
def test_an_event_of_any_time_is_in_the_next_result(past: Past, at: object) -> None:
    past.append(*(an_event(f"v{i}", each, page=f"/{i}") for i, each in enumerate(AT)))
    before = shown(past)
    past.append(an_event("late", at, event="signup", country="DE"))  # type: ignore[arg-type]
    remembered = shown(past)
    assert remembered == computed_anew(past)
    assert remembered != before


def test_new_custom_events_join_those_that_were_seen(past: Past) -> None:
    for name in ("signup", "download", "signup"):
        past.append(an_event(event=name))
        assert name in shown(past).custom_events
    assert shown(past).custom_events == ("download", "signup")


def test_a_changed_rule_and_deleted_events_invalidate_cached_results(warehouse: FilledWarehouse) -> None:
    past = Past(warehouse, 0)
    past.append(*(an_event(name, page=f"/{name}") for name in ("ada", "bob", "cem")))
    assert shown(past).totals.visitors == 3
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/ada"])
    warehouse.projector.catch_up()
    assert shown(past).totals.visitors == 2
    reset_property(warehouse.database, warehouse.property.id)
    warehouse.projector.catch_up()
    assert shown(past).is_empty


def test_a_refresh_counts_the_hits_of_the_last_days_only(past: Past) -> None:
    since: list[datetime] = []

    def note(_: object, __: object, statement: str, values: tuple[object, ...], *___: object) -> None:
        if "AS page_views" in statement:
            since.append(min(value for value in values if isinstance(value, datetime)))

    listen(engine := past.warehouse.engine.sql_engine, "before_cursor_execute", note)
    for _ in range(3):
        past.append(an_event("now", NOW))
        shown(past)
    remove(engine, "before_cursor_execute", note)
    week, line_before, week_before, closed_days, open_days, *refreshed = since
    assert line_before == week_before < week == closed_days
    assert refreshed == [open_days] == [moment("2026-10-30 00:00")]  # their sessions may have begun a day earlier
