"""The list of properties, live visitors, and an empty dashboard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from proprium.metrics.cached_reader import first_event_at
from proprium.metrics.live import live_visitors
from proprium.metrics.overview import PropertyOverview, overview
from proprium.metrics.results import LiveVisitors, Metric
from tests.metrics.conftest import Past, sum_of
from tests.support.builders import GOOGLEBOT, an_event, moment

NOW = moment("12:30")


def overviews(past: Past, *numbers: int) -> list[PropertyOverview]:
    result = overview(past.warehouse, [past.stored(number) for number in numbers], NOW)
    return [result[past.stored(number)] for number in numbers]


def test_live_visitors_had_a_hit_in_the_last_five_minutes(past: Past) -> None:
    past.append(
        an_event("ada", at="12:26", event="scroll"),
        an_event("ada", at="12:27"),
        an_event("bob", at="12:24"),
        an_event("cem", at="11:59"),
        an_event("crawler", at="12:29", user_agent=GOOGLEBOT),
        an_event("eve", at="12:29", property=2),
    )
    assert live_visitors(past.warehouse, past.stored(1), NOW) == LiveVisitors(now=1, half_hour=2)


@pytest.mark.parametrize("minutes", [1, 5, 29, 30, 31, 60])
def test_live_visitors_are_those_of_the_propertys_own_window(past: Past, minutes: int) -> None:
    """It may be shorter or longer than the half hour of the tooltip."""
    past.append(*(an_event(f"v{age}", NOW - timedelta(minutes=age, seconds=1)) for age in range(64)))
    live = live_visitors(past.warehouse, past.stored(1), NOW, minutes)
    assert (live.now, live.half_hour, live.minutes) == (minutes, 30, minutes)


def test_each_property_shows_its_last_day_and_all_that_ever_was(past: Past) -> None:
    past.append(
        an_event("ada", at="2026-09-01 10:00"),
        an_event("ada", at="2026-11-01 10:00"),
        an_event("bob", at="2026-11-01 13:10"),
        an_event("bob", at="12:10"),
        an_event("cem", at="12:29", event="signup"),
        an_event("crawler", at="12:29", user_agent=GOOGLEBOT),
        an_event("eve", at="11:00", property=2),
    )
    one, two, three = overviews(past, 1, 2, 3)
    assert (one.live, one.visitors_24h, one.previous_24h) == (1, 2, 1)
    assert (one.events, one.page_views, one.sessions) == (5, 4, 5)
    assert one.last_event_at == datetime(2026, 11, 2, 12, 29, tzinfo=UTC)
    assert (len(one.sparkline), one.sparkline[0], one.sparkline[-1]) == (24, 1, 2)
    assert (two.visitors_24h, two.sparkline[-2]) == (1, 1)
    assert (three.events, three.last_event_at, three.sparkline) == (0, None, (0,) * 24)


def test_a_property_is_quiet_after_a_week_without_an_event(past: Past) -> None:
    past.append(an_event(at="2026-10-20 10:00"), an_event(at="2026-10-30 10:00", property=2))
    assert [each.is_quiet(NOW) for each in overviews(past, 1, 2, 3)] == [True, False, True]


def test_no_property_has_no_overview(past: Past) -> None:
    assert overview(past.warehouse, [], NOW) == {}


def test_all_time_begins_with_the_first_event(past: Past) -> None:
    assert first_event_at(past.warehouse, past.stored(1)) is None
    past.append(an_event(at="2026-09-01 10:00"), an_event())
    assert first_event_at(past.warehouse, past.stored(1)) == datetime(2026, 9, 1, 10, tzinfo=UTC)


def test_all_time_is_queried_once_and_starts_earlier_when_an_earlier_event_comes(past: Past) -> None:
    number, memo = past.stored(1), past.warehouse.query_cache
    past.append(an_event(at="2026-09-01 10:00"))
    first_event_at(past.warehouse, number)
    past.append(an_event())
    assert memo.get(("first event", number)) == datetime(2026, 9, 1, 10, tzinfo=UTC), "today does not change it"
    past.append(an_event(at="2026-08-01 10:00"))
    assert memo.get(("first event", number)) is None
    assert first_event_at(past.warehouse, number) == datetime(2026, 8, 1, 10, tzinfo=UTC)


def test_a_dashboard_without_any_event_is_empty_and_complete(past: Past) -> None:
    board = past.dashboard("period=28d")
    assert (board.is_empty, board.rows_read, board.custom_events) == (True, 0, ())
    assert board.previous is not None
    assert {len(series.starts) for series in board.timelines.values()} == {28}
    assert all(tile.rows == () for tile in board.breakdowns.values())


def test_a_dashboard_has_the_compared_period_and_the_custom_events_ever_seen(past: Past) -> None:
    past.custom_cards = ("signup",)
    past.append(an_event(event="signup"), an_event(at="2026-11-01 09:00"), an_event(at="2025-01-01 09:00", event="old"))
    board = past.dashboard("period=today")
    assert board.previous == past.before("period=today")
    assert board.previous.page_views == 1
    assert sum_of(board.previous_timelines[Metric.PAGE_VIEWS]) == 1
    assert board.custom_events == ("old", "signup")
    assert (board.custom_timelines["signup"].values[9], board.rows_read) == (1, 1)
    assert sum_of(board.previous_custom_timelines["signup"]) == 0


def test_without_a_comparison_there_is_nothing_before(past: Past) -> None:
    past.append(an_event())
    board = past.dashboard("period=today&compare=none")
    assert (board.previous, board.previous_timelines) == (None, {})


def test_all_time_ends_today_and_compares_with_nothing(past: Past) -> None:
    past.append(an_event())
    assert past.dashboard("period=all").previous is None
