"""Cached results equal computed ones after any event, deletion or changed rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.event import listen, remove

from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.goals import parse_goal
from proprium.metrics.results import Dashboard
from proprium.properties.service import reset_property, update_settings
from tests.metrics.conftest import Past
from tests.support.builders import an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse

NOW = moment("2026-11-02 12:00")
AT = [NOW - timedelta(days=days, hours=hours) for days in (0, 1, 6, 7, 8, 13, 14, 20) for hours in (0, 11)]


def shown(past: Past, text: str = "period=7d", now: datetime = NOW) -> Dashboard:
    result = dashboard(past.warehouse, past.query(text, now))
    return replace(result, computed_s=0)


def computed_anew(past: Past, text: str = "period=7d", now: datetime = NOW) -> Dashboard:
    past.warehouse.query_cache.clear()
    return shown(past, text, now)


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


@pytest.mark.parametrize("at", AT)
def test_an_event_of_any_time_counts_among_others_that_arrive_with_it(past: Past, at: datetime) -> None:
    """They are projected in one transaction; results about the earliest of them are computed again."""
    past.append(*(an_event(f"v{i}", each, page=f"/{i}") for i, each in enumerate(AT)))
    before = shown(past)
    late = an_event("late", at, event="signup", country="DE")
    past.append(an_event("now", NOW), late, an_event("now", NOW, page="/b"))
    remembered = shown(past)
    assert remembered == computed_anew(past)
    is_compared = moment("2026-10-20") <= at < moment("2026-10-27")
    assert (remembered.previous != before.previous) is is_compared


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("period=today", timedelta(hours=1)),
        ("period=24h", timedelta(hours=1)),
        ("from=2026-11-02T11:00&to=2026-11-02T12:30", timedelta(minutes=1)),
        ("period=7d", timedelta(days=1)),
        ("from=2026-10-01&to=2026-11-30", timedelta(days=1)),
        ("period=12mo", timedelta(days=31)),
    ],
)
def test_a_result_moves_with_the_clock_without_an_event(past: Past, text: str, step: timedelta) -> None:
    """A new bucket begins, or a day leaves the period. Its first event may arrive while the result is computed."""
    past.append(*(an_event(f"v{i}", each, page=f"/{i}") for i, each in enumerate(AT)), an_event("soon", NOW + step))
    first = shown(past, text)
    later = shown(past, text, NOW + step)
    assert later == computed_anew(past, text, NOW + step)
    assert later.timelines != first.timelines


BASE = "from=2026-10-20&to=2026-11-02"
QUESTIONS = (
    BASE,
    "from=2026-10-26&to=2026-11-02",
    "from=2026-10-20&to=2026-11-01",
    *(f"{BASE}&{part}" for part in ("interval=week", "compare=year", "audience=bots", "audience=all", "map=DE")),
    *(f"{BASE}&{part}" for part in ("timezone=Asia/Kolkata", "goal=Read", "filter=country:is:DE")),
    *(f"{BASE}&{part}" for part in ("filter=page:is:/1", "filter=page:is_not:/1")),
)
"""Each differs from the first in one respect."""


def test_questions_that_differ_in_one_respect_have_results_of_their_own(past: Past) -> None:
    past.goals = (parse_goal("Read", ["page:is:/1"]), parse_goal("Signed up", ["event:is:signup"]))
    for index, at in enumerate(AT):
        name, country = f"v{index}", ("DE", "FR")[index % 2]
        past.append(
            an_event(name, at, page=f"/{index}", country=country, automated=index % 3 == 0),
            an_event(name, at, event="signup", country=country),
        )
    computed = {text: computed_anew(past, text) for text in QUESTIONS}
    past.warehouse.query_cache.clear()
    assert {text: shown(past, text) for text in QUESTIONS} == computed
