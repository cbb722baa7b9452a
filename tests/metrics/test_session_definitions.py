"""Definitions of a session, its attributes and its counts: one test for each statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.event import Event, Identity
from collector.visitor import visitor_of
from proprium.metrics.live import live_visitors
from proprium.metrics.query.filters import parse_filter
from proprium.metrics.query.query import Goal
from proprium.metrics.results import Dimension, LiveVisitors
from tests.metrics.conftest import Past
from tests.support.builders import CURL, IPHONE, an_event

BOTH = "from=2026-11-01&to=2026-11-02"


def by_day(event: Event, day: str, day_before: str | None = None) -> Event:
    """Somebody without a cookie: another visitor every day, and for a while after midnight known as yesterday's too."""
    previous = visitor_of(day_before) if day_before else None
    return replace(event, identity=Identity.DAILY, user_id=None, visitor=visitor_of(day), previous_visitor=previous)


@pytest.mark.parametrize(("second", "sessions"), [("09:29:59", 1), ("09:30", 1), ("09:30:00.000001", 2)])
def test_a_gap_of_half_an_hour_is_no_gap_yet(past: Past, second: str, sessions: int) -> None:
    past.append(an_event(at="09:00"), an_event(at=second))
    assert past.totals().sessions == sessions


def test_a_session_does_not_end_with_the_hour(past: Past) -> None:
    past.append(an_event(at="09:59"), an_event(at="10:01", page="/b"))
    assert past.totals().sessions == 1


@pytest.mark.parametrize(("last", "sessions"), [("00:00", 1), ("00:00:00.000001", 2)])
def test_a_session_lasts_a_day_at_most(past: Past, last: str, sessions: int) -> None:
    hours = [an_event(at=f"2026-11-01 {hour:02}:{minute:02}") for hour in range(24) for minute in (0, 25, 50)]
    past.append(*hours, an_event(at=f"2026-11-02 {last}"))
    assert past.totals(BOTH).sessions == sessions


def test_a_session_without_a_cookie_survives_midnight_and_is_its_first_days(past: Past) -> None:
    past.append(
        by_day(an_event(at="2026-11-01 23:50", page="/a"), "ada on Sunday"),
        by_day(an_event(at="2026-11-02 00:10", page="/b"), "ada on Monday", "ada on Sunday"),
    )
    sunday, monday = past.totals("from=2026-11-01&to=2026-11-01"), past.totals("from=2026-11-02&to=2026-11-02")
    assert (sunday.sessions, monday.sessions) == (1, 0)
    assert (sunday.visit_duration, sunday.bounce_rate) == (20 * 60, 0.0)
    assert past.top(Dimension.EXIT_PAGE, BOTH) == [("/b", 1)]


def test_without_a_cookie_visitors_of_several_days_are_the_sum_of_each_days(past: Past) -> None:
    past.append(
        by_day(an_event(at="2026-11-01 12:00"), "ada on Sunday"),
        by_day(an_event(at="2026-11-01 18:00"), "ada on Sunday"),
        by_day(an_event(at="2026-11-02 12:00"), "ada on Monday"),
    )
    assert past.totals(BOTH).visitors == 2


def test_a_sessions_source_is_that_of_its_first_page_view_and_its_device_that_of_its_first_browser(past: Past) -> None:
    past.append(
        an_event(at="08:59", event="order", user_agent=CURL, country="US"),  # by the site's back end
        an_event(at="08:59:59", event="session_start", referrer="bing.com", country="DE"),
        an_event(referrer="google.com", country="DE", utm_campaign="spring"),
        an_event(at="09:05", referrer="bing.com", country="FR", utm_campaign="autumn", user_agent=IPHONE, page="/b"),
    )
    first = {Dimension.REFERRER: "google.com", Dimension.COUNTRY: "DE", Dimension.UTM_CAMPAIGN: "spring"}
    first |= {Dimension.SOURCE: "Google", Dimension.DEVICE: "Desktop", Dimension.ENTRY_PAGE: "/"}
    for dimension, value in first.items():
        assert past.top(dimension) == [(value, 1)], dimension


def test_entry_and_exit_are_page_views_and_not_just_hits(past: Past) -> None:
    past.append(
        an_event(event="session_start", page="/before"),
        an_event(at="09:00:01", page="/first"),
        an_event(at="09:05", page="/last"),
        an_event(at="09:06", event="signup", page="/after"),
    )
    assert past.top(Dimension.ENTRY_PAGE) == [("/first", 1)]
    assert past.top(Dimension.EXIT_PAGE) == [("/last", 1)]


def test_a_view_without_a_page_may_be_the_last(past: Past) -> None:
    past.append(an_event("ada", "09:00"), an_event("ada", "09:05", page=None))
    assert past.totals().exit_rate == 50.0


def test_the_bounce_rate_is_the_share_of_bounces_and_engagement_the_rest(past: Past) -> None:
    past.append(*(an_event(name) for name in ("ada", "bob", "cem", "dee")), an_event("dee", at="09:01", page="/b"))
    totals = past.totals()
    assert (totals.bounce_rate, totals.engagement_rate) == (75.0, 25.0)


@pytest.mark.parametrize(("engaged_ms", "bounce_rate"), [(9_999, 100.0), (10_000, 0.0)])
def test_a_visit_engaged_for_the_whole_threshold_is_no_bounce(past: Past, engaged_ms: int, bounce_rate: float) -> None:
    past.append(an_event(), an_event(at="09:01", event="page_leave", time_on_page=engaged_ms))
    assert past.totals().bounce_rate == bounce_rate


def test_visit_duration_runs_to_the_last_activity_and_a_leave_is_activity(past: Past) -> None:
    past.append(an_event(at="09:00"), an_event(at="09:04", event="page_leave", time_on_page=5_000))
    assert past.totals().visit_duration == 240.0


@pytest.mark.parametrize(
    ("second", "views"),
    [
        ({"at": "09:00:01"}, 1),
        ({"at": "09:00:01.000001"}, 2),  # a reload
        ({"at": "09:00:00.5", "page": "/b"}, 2),
        ({"at": "09:00:00.5", "view_id": "v"}, 2),
        ({"at": "09:00:00.5", "visitor": "bob"}, 2),
    ],
    ids=["a second", "more than a second", "another path", "a view that names itself", "another visitor"],
)
def test_a_path_again_within_a_second_is_one_view(past: Past, second: dict[str, str], views: int) -> None:
    past.append(an_event(at="09:00"), an_event(**second))  # type: ignore[arg-type]
    assert past.totals().page_views == views


def test_a_goal_that_is_reached_after_midnight_is_its_sessions(past: Past) -> None:
    past.goals = (Goal("Signed up", (parse_filter("event:is:signup"),)),)
    past.append(an_event("ada", "2026-11-01 23:55"), an_event("ada", "2026-11-02 00:05", event="signup"))
    days = ("from=2026-11-01&to=2026-11-01", "from=2026-11-02&to=2026-11-02", BOTH)
    assert [past.totals(day).conversions for day in days] == [1, 0, 1]


def test_tiles_count_visitors_but_pages_their_views_and_events_themselves(past: Past) -> None:
    past.append(*(an_event(at=f"09:0{minute}", country="DE") for minute in range(3)))
    past.append(an_event(at="09:05", event="signup"), an_event(at="09:06", event="signup"))
    assert past.top(Dimension.COUNTRY) == [("DE", 1)]
    assert past.top(Dimension.PAGE) == [("/", 3)]
    assert past.top(Dimension.EVENT) == [("signup", 2)]


def test_live_now_is_everybody_with_any_hit_in_five_minutes(past: Past) -> None:
    past.append(
        an_event("ada", at="11:54:59"),
        an_event("bob", at="11:55:01", event="scroll"),
        an_event("bob", at="11:59", page="/b"),
        an_event("cem", at="11:30:01"),
        an_event("dee", at="11:29:59"),
        an_event("bot", at="11:59", user_agent="Googlebot/2.1"),
    )
    assert live_visitors(past.warehouse, past.stored(1), datetime(2026, 11, 2, 12, tzinfo=UTC)) == LiveVisitors(1, 3)
