"""Definitions of the metrics: one test each."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import Event, Identity
from proprium.errors import BadQuery
from proprium.metrics.definitions import definition, title
from proprium.metrics.results import Dimension, Metric
from tests.metrics.conftest import Past
from tests.support.builders import CURL, GOOGLEBOT, an_event


def test_a_visitor_who_returns_the_same_day_is_counted_once(past: Past) -> None:
    past.append(an_event(visitor="ada", at="09:00"), an_event(visitor="ada", at="17:00"), an_event(visitor="bob"))
    result = past.totals()
    assert (result.visitors, result.sessions, result.page_views, result.events) == (2, 3, 3, 3)


def test_a_visitor_of_two_days_is_one_visitor_of_both(past: Past) -> None:
    past.append(an_event(at="2026-11-01 09:00"), an_event(at="09:00"))
    assert past.totals("period=7d").visitors == 1
    assert past.totals("period=7d").sessions == 2


def test_nothing_at_all_is_zero_and_a_rate_of_nothing_is_none(past: Past) -> None:
    result = past.totals()
    assert (result.visitors, result.sessions, result.page_views, result.events, result.bots) == (0, 0, 0, 0, 0)
    rates = (
        result.views_per_session,
        result.bounce_rate,
        result.engagement_rate,
        result.visit_duration,
        result.time_on_page,
    )
    assert rates == (None,) * 5


def test_a_server_side_event_without_a_user_is_an_event_without_a_visitor(past: Past) -> None:
    past.append(an_event(visitor=None, event="paid", page=None, user_agent="python-requests/2.32"))
    result = past.totals()
    assert (result.events, result.visitors, result.sessions, result.bots) == (1, 0, 0, 0)


def test_new_visitors_are_the_session_starts_that_were_sent(past: Past) -> None:
    past.append(
        an_event(event="session_start"), an_event(), an_event(visitor="bob"), an_event(visitor="bob", at="15:00")
    )
    result = past.totals()
    assert (result.new_visitors, result.sessions) == (1, 3)


def test_clicks_and_scrolls_are_counted_by_name(past: Past) -> None:
    past.append(an_event(), an_event(event="click"), an_event(event="click"), an_event(event="scroll"))
    result = past.totals()
    assert (result.clicks, result.scrolls, result.page_views, result.events) == (2, 1, 1, 4)


def test_a_session_ends_after_half_an_hour_without_a_hit(past: Past) -> None:
    past.append(an_event(at="09:00"), an_event(at="09:30"), an_event(at="10:01"))
    assert past.totals().sessions == 2


def test_a_session_belongs_to_the_period_of_its_first_hit(past: Past) -> None:
    past.append(an_event(at="2026-11-01 23:50"), an_event(at="2026-11-02 00:10", page="/b"))
    today, yesterday = past.totals("period=today"), past.totals("period=yesterday")
    assert (yesterday.sessions, yesterday.page_views, yesterday.visitors) == (1, 1, 1)
    assert (today.sessions, today.page_views, today.visitors) == (0, 1, 1)


def test_the_same_view_twice_within_a_second_is_one_view(past: Past) -> None:
    past.append(an_event(at="09:00:00"), an_event(at="09:00:00.8"), an_event(at="09:00:05"))
    assert past.totals().page_views == 2


def test_views_per_session_divides_views_by_sessions(past: Past) -> None:
    past.append(an_event(), an_event(at="09:01", page="/b"), an_event(at="09:02", page="/c"), an_event(visitor="bob"))
    assert past.totals().views_per_session == 2.0


def test_time_on_page_is_the_mean_of_the_views_that_reported_a_second_or_more(past: Past) -> None:
    past.append(
        an_event(view_id="a"),
        an_event(at="09:01", event="page_leave", view_id="a", time_on_page=20_000),
        an_event(visitor="bob", view_id="b"),
        an_event(visitor="bob", at="09:01", event="page_leave", view_id="b", time_on_page=40_000),
        an_event(visitor="cem", view_id="c"),
        an_event(visitor="cem", at="09:01", event="page_leave", view_id="c", time_on_page=900),
        an_event(visitor="dee", view_id="d"),
    )
    assert past.totals().time_on_page == 30.0


def test_the_parts_of_a_view_add_up_to_half_an_hour_at_most(past: Past) -> None:
    parts = [an_event(at=f"09:{m}", event="page_leave", view_id="a", time_on_page=1_000_000) for m in (10, 20, 30)]
    past.append(an_event(view_id="a"), *parts[:1])
    assert past.totals().time_on_page == 1_000.0
    past.append(*parts[1:])
    assert past.totals().time_on_page == 1_800.0


def test_an_old_scripts_time_goes_to_the_visitors_latest_view_of_that_path(past: Past) -> None:
    past.append(
        an_event(at="09:00", page="/a"),
        an_event(at="09:01", page="/a", event="page_leave", time_on_page=10_000),
        an_event(at="09:02", page="/a"),
        an_event(at="09:03", page="/a", event="page_leave", time_on_page=20_000),
        an_event(at="09:03:10", page="/a", event="page_leave", time_on_page=10_000),
        an_event(at="09:04", page="/b", event="page_leave", time_on_page=99_000),  # of no view
    )
    assert past.totals().time_on_page == 20.0


def test_time_on_a_page_belongs_to_the_day_its_view_began(past: Past) -> None:
    past.append(
        an_event(at="2026-11-01 23:58", view_id="a"),
        an_event(at="2026-11-02 00:05", event="page_leave", view_id="a", time_on_page=60_000),
        an_event(visitor="bob", at="2026-11-01 23:58"),
        an_event(visitor="bob", at="2026-11-02 00:05", event="page_leave", time_on_page=60_000),
    )
    assert past.totals("period=yesterday").time_on_page == 60.0
    assert past.totals("period=today").time_on_page is None


@pytest.mark.parametrize(
    ("more", "bounce_rate"),
    [
        ([], 100.0),
        ([an_event(at="09:01", page="/b")], 0.0),
        ([an_event(at="09:01", event="page_leave", time_on_page=9_999)], 100.0),
        ([an_event(at="09:01", event="page_leave", time_on_page=10_000)], 0.0),
        ([an_event(at="09:01", event="click", data={"href": "example.org"})], 0.0),
        ([an_event(at="09:01", event="click", data={"target": "div"})], 100.0),
        ([an_event(at="09:01", event="signup")], 0.0),
    ],
    ids=["one view", "two views", "a glance", "ten seconds", "a link", "a click beside", "a custom event"],
)
def test_a_bounce_is_a_session_of_one_view_without_engagement(
    past: Past, more: list[Event], bounce_rate: float
) -> None:
    past.append(an_event(), *more)
    result = past.totals()
    assert (result.bounce_rate, result.engagement_rate) == (bounce_rate, 100.0 - bounce_rate)


def test_visit_duration_is_the_median_and_its_mean_stands_beside_it(past: Past) -> None:
    for visitor, end in (("ada", "09:01"), ("bob", "09:02"), ("cem", "09:27")):
        past.append(an_event(visitor=visitor, at="09:00"), an_event(visitor=visitor, at=end, event="page_leave"))
    result = past.totals()
    assert (result.visit_duration, result.means[Metric.VISIT_DURATION]) == (120.0, 600.0)


def test_bots_stand_in_no_number_but_their_own(past: Past) -> None:
    past.append(an_event(), an_event(visitor="crawler", user_agent=GOOGLEBOT), an_event(None, user_agent=GOOGLEBOT))
    result = past.totals()
    assert (result.visitors, result.sessions, result.page_views, result.events, result.bots) == (1, 1, 1, 1, 2)


def test_several_days_of_a_cookieless_property_are_a_sum_of_daily_visitors_and_say_so(past: Past) -> None:
    past.is_cookieless = True
    past.append(an_event(at="2026-11-01 09:00", identity=Identity.DAILY), an_event("x", identity=Identity.DAILY))
    limits = past.query().limits
    assert titles_of_visitors(past, "period=7d") == {"Daily visitors"}
    assert definition(Metric.VISITORS, limits, past.totals("period=7d")).startswith("Sum of daily")
    assert titles_of_visitors(past, "period=today") == {"Visitors"}  # of one day it is no sum
    assert definition(Metric.VISITORS, limits, past.totals("period=today")).startswith("Unique visitors")


def test_in_a_property_with_cookies_visitors_stay_visitors_and_the_definition_counts_those_of_one_day(
    past: Past,
) -> None:
    limits = past.query().limits
    past.append(an_event("ada", at="2026-11-01 09:00"), an_event("ada"))
    assert definition(Metric.VISITORS, limits, past.totals("period=7d")).endswith("can be distinguished.")
    past.append(an_event(None, event="order", user_agent=CURL))  # by a server, of nobody
    past.append(an_event("x", event="order", user_agent=CURL, identity=Identity.DAILY))  # the same, with an address
    assert definition(Metric.VISITORS, limits, past.totals("period=7d")).endswith("can be distinguished.")
    past.append(an_event("dee", identity=Identity.DAILY), an_event("dee", at="09:05", identity=Identity.DAILY))
    assert definition(Metric.VISITORS, limits, past.totals("period=7d")).endswith(
        "1 of them has no cookie and was recognised for one day only."
    )
    past.append(an_event("eve", at="2026-11-01 10:00", identity=Identity.DAILY))
    for text in ("period=7d", "period=7d&interval=hour", "period=7d&filter=page:is:/"):
        assert past.totals(text).single_day_visitors == 2, text
        assert titles_of_visitors(past, text) == {"Visitors"}
    assert past.totals("period=today").single_day_visitors == 1
    assert past.totals("period=7d&filter=page:is:/other").single_day_visitors == 0


def titles_of_visitors(past: Past, text: str) -> set[str]:
    """Of the card, a tile, a table and the explanation of the same query."""
    board, table = past.dashboard(text), past.table(Dimension.DEVICE, text)
    titles = {title(Metric.VISITORS, result) for result in (board.totals, table, board.query)}
    return titles | {board.breakdowns[Dimension.DEVICE].count_title}


def test_custom_cards_count_their_events(past: Past) -> None:
    past.custom_cards = ("signup", "never 'seen'")
    past.append(an_event(event="signup"), an_event(event="signup"), an_event(event="other"))
    assert past.totals().custom == {"signup": 2, "never 'seen'": 0}


def test_a_running_day_is_compared_up_to_the_same_minute(past: Past) -> None:
    past.append(an_event(at="2026-11-01 11:59"), an_event("bob", at="2026-11-01 12:01"), an_event(at="11:00"))
    assert past.before("period=today", now="12:00").visitors == 1
    assert past.before("period=today", now="12:01").visitors == 2


def test_days_are_cut_in_the_propertys_time_zone(past: Past) -> None:
    past.append(an_event(at="2026-11-01 18:29"), an_event(at="2026-11-01 18:31"))
    past.timezone = "Asia/Kolkata"
    assert past.totals("from=2026-11-01&to=2026-11-01").page_views == 1
    assert past.totals("from=2026-11-02&to=2026-11-02").page_views == 1


def test_other_properties_are_other_numbers(past: Past) -> None:
    past.append(an_event(), an_event(property=2), an_event("bob", property=2))
    assert past.totals().visitors == 1
    past.number = 2
    assert past.totals().visitors == 2


def test_the_same_question_twice_has_the_same_answer(past: Past) -> None:
    past.append(*(an_event(f"v{i % 7}", at=f"{8 + i % 10:02}:00", page=f"/{i % 5}") for i in range(40)))
    first, second = past.dashboard(), past.dashboard()
    assert (first.totals, first.timelines, first.breakdowns) == (second.totals, second.timelines, second.breakdowns)


def test_engagement_reported_by_a_bot_is_not_counted(past: Past) -> None:
    past.append(
        an_event("ada", view_id="v"),
        an_event("ada", view_id="v", event="page_leave", time_on_page=60_000, at="09:01", automated=True),
        an_event("bob", page="/b"),
        an_event("bob", page="/b", event="page_leave", time_on_page=60_000, at="09:01", user_agent=GOOGLEBOT),
    )
    assert past.totals().time_on_page is None


def test_a_page_leave_without_a_visitor_belongs_to_no_view(past: Past) -> None:
    past.append(an_event(None), an_event(None, event="page_leave", time_on_page=60_000, at="09:01"))
    assert past.totals().time_on_page is None


def test_a_view_that_arrives_late_keeps_its_own_time(past: Past) -> None:
    past.append(
        an_event("ada", at="09:05"),
        an_event("ada", at="09:00"),
        an_event("ada", event="page_leave", time_on_page=2_000, at="09:06"),
        an_event("ada", event="page_leave", time_on_page=5_000, at="09:03"),
    )
    assert past.totals().time_on_page == 3.5


@pytest.mark.parametrize(
    ("key", "sent", "fields"),
    [
        ("time_on_page", 5_000_000, {"event": "page_leave", "time_on_page": 5_000_000}),
        ("time_on_page", 5_000, {"event": "scroll", "time_on_page": 5_000}),
        ("scroll_depth", 150, {"scroll_depth": 150}),
        ("screen_width", 1920, {"screen_width": 1920}),
    ],
)
def test_a_key_of_data_is_what_was_sent_whatever_its_column_makes_of_it(
    past: Past, key: str, sent: Any, fields: dict[str, Any]
) -> None:
    past.append(an_event("ada", data={key: sent}, **fields))
    assert past.top(f"data.{key}") == [(str(sent), 1)]


@pytest.mark.parametrize("key", ["view_id", "user_agent"])
def test_keys_that_only_storage_has_are_rejected_with_the_way_out(past: Past, key: str) -> None:
    with pytest.raises(BadQuery, match=rf"data\.{key} cannot be filtered on\. .*instead"):
        past.totals(f"period=today&filter=data.{key}:is:x")
    with pytest.raises(BadQuery, match=rf"data\.{key} cannot be broken down by\. .*instead"):
        past.table(f"data.{key}")


@pytest.mark.parametrize("view_id", ["v", None])
def test_engagement_counts_for_24_hours_whatever_the_period(past: Past, view_id: str | None) -> None:
    past.append(
        an_event("ada", "23:50", view_id=view_id),
        an_event("ada", "2026-11-03 23:40", view_id=view_id, event="page_leave", time_on_page=60_000),
        an_event("ada", "2026-11-04 00:10", view_id=view_id, event="page_leave", time_on_page=30_000),
    )
    assert past.totals("from=2026-11-02&to=2026-11-02").time_on_page == 60.0
    assert past.totals("from=2026-11-02&to=2026-11-04").time_on_page == 60.0


def test_engagement_moves_to_a_later_view_of_the_same_id_that_arrives_late(past: Past) -> None:
    def read() -> dict[str | None, float | None]:
        return {row.value: row.numbers[Metric.TIME_ON_PAGE] for row in past.table("page").rows}

    past.append(an_event("ada", "09:00", page="/a", view_id="v"))
    past.append(an_event("ada", "09:05", page="/a", view_id="v", event="page_leave", time_on_page=20_000))
    assert read() == {"/a": 20.0}
    past.append(an_event("ada", "09:03", page="/b", view_id="v"))
    assert read() == {"/a": None, "/b": 20.0}
