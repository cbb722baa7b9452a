"""The timeline's buckets: complete, cut by the property's calendar, and adding up to the cards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proprium.metrics.comparison import compared_line_query
from proprium.metrics.query.buckets import calendar_buckets
from proprium.metrics.query.period import Interval, custom_period
from proprium.metrics.results import Dimension, Metric, Series
from tests.metrics.conftest import Past, sum_of
from tests.support.builders import an_event

UNHURRIED = settings(deadline=None)  # a busy machine is no failure

LATER = "2027-01-01 00:00"


def test_every_day_has_a_bucket_and_empty_ones_are_zero(past: Past) -> None:
    past.append(an_event(at="2026-10-30 09:00"), an_event(at="2026-11-02 09:00"))
    series = past.timeline("period=7d")[Metric.PAGE_VIEWS]
    assert [start.day for start in series.starts] == [27, 28, 29, 30, 31, 1, 2]
    assert series.values == (0, 0, 0, 1, 0, 0, 1)


def test_the_running_bucket_is_the_last_one(past: Past) -> None:
    past.append(an_event(at="09:00"))
    series = past.timeline("period=today", now="14:40")[Metric.VISITORS]
    assert len(series.starts) == 15
    assert series.is_running
    ended = past.timeline("period=yesterday", now="14:40")[Metric.VISITORS]
    assert (len(ended.starts), ended.is_running) == (24, False)


def test_a_rate_of_an_empty_bucket_is_none(past: Past) -> None:
    past.append(an_event(at="09:00"))
    series = past.timeline("period=today", now="09:30")[Metric.BOUNCE_RATE]
    assert series.values == (*[None] * 9, 100.0)


@pytest.mark.parametrize(
    ("interval", "times"),
    [
        ("hour", [f"{hour:02}:{minute}" for hour in (9, 10, 11, 12) for minute in ("05", "30", "55")]),  # one session
        ("minute", ["09:00", "09:03", "09:05"]),
    ],
)
def test_visitors_of_an_hour_or_minute_had_a_hit_in_it(past: Past, interval: str, times: list[str]) -> None:
    """A session is in the hours between its first and its last only if it has hits there."""
    past.append(*(an_event(at=time) for time in times))
    query_string = f"period=today&interval={interval}"
    visitors, views = (past.timeline(query_string)[metric] for metric in (Metric.VISITORS, Metric.PAGE_VIEWS))
    assert sum(views.values) == len(times)
    assert visitors.values == tuple(int(count > 0) for count in views.values)


def test_filtered_visitors_of_a_day_had_a_matching_hit_in_it(past: Past) -> None:
    """A visit over midnight is on both days, but not on that of its other pages."""
    past.append(an_event(at="2026-11-01 23:50", page="/pricing"), an_event(at="2026-11-02 00:10", page="/docs"))
    series = past.timeline("from=2026-11-01&to=2026-11-02&interval=day&filter=page:is:/pricing")[Metric.VISITORS]
    assert series.values == (1, 0)


def test_a_future_period_has_no_bucket(past: Past) -> None:
    assert past.timeline("from=2026-12-01&to=2026-12-02", now="09:00")[Metric.VISITORS].starts == ()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-11-01", 25),
        ("Asia/Kolkata", "2026-11-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 25),  # 24 hours and a half
        ("Australia/Lord_Howe", "2026-10-04", 24),  # 23 hours and a half
        ("Africa/Monrovia", "1972-01-07", 24),  # the clock went 44 minutes and 30 seconds ahead
    ],
)
def test_a_day_has_a_bucket_for_each_hour_of_its_clock(past: Past, zone: str, day: str, hours: int) -> None:
    past.timezone = zone
    query = past.query(f"from={day}&to={day}&interval=hour", LATER)
    starts = [start.astimezone(UTC) for start in calendar_buckets(query.period, query.interval, query.now).starts]
    minutes = [query.period.start_utc + timedelta(minutes=m) for m in range(25 * 60) if m % 10 == 0]
    inside = [minute for minute in minutes if query.period.contains(minute)]
    past.append(*(an_event(f"v{minute}", at=minute, page=f"/{minute}") for minute in inside))
    series = past.timeline(f"from={day}&to={day}&interval=hour", LATER)[Metric.PAGE_VIEWS]
    ends = [*starts[1:], query.period.end_utc]
    assert len(series.starts) == hours
    assert list(series.values) == [
        sum(start <= at < end for at in inside) for start, end in zip(starts, ends, strict=True)
    ]


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Pacific/Auckland", "2026-11-01 11:00"),  # 2 November there
        ("America/Los_Angeles", "2026-11-02 08:00"),
        ("Asia/Kolkata", "2026-11-01 18:30"),
    ],
)
def test_two_hits_around_local_midnight_are_on_two_days(past: Past, zone: str, midnight: str) -> None:
    """Wherever days are told apart; in UTC both hits are on one day."""
    past.timezone = zone
    at = datetime.fromisoformat(midnight).replace(tzinfo=UTC)
    past.append(an_event("ada", at=at - timedelta(minutes=10)), an_event("bob", at=at + timedelta(minutes=10)))
    both_days, second_day = "from=2026-11-01&to=2026-11-02&interval=day", "from=2026-11-02&to=2026-11-02"
    series = past.timeline(both_days, LATER)
    assert [series[metric].values for metric in (Metric.PAGE_VIEWS, Metric.VISITORS, Metric.SESSIONS)] == [(1, 1)] * 3
    assert past.totals(second_day, LATER).value(Metric.VISITORS) == 1
    weekdays = past.table(Dimension.WEEKDAY, both_days, LATER)
    assert {row.label: row.numbers[Metric.PAGE_VIEWS] for row in weekdays.rows} == {"Sunday": 1, "Monday": 1}
    hours = past.table(Dimension.WEEKDAY_HOUR, both_days, LATER)
    assert {row.label for row in hours.rows} == {"Sunday 23:00", "Monday 00:00"}


def test_the_hour_that_the_clock_shows_twice_is_two_buckets(past: Past) -> None:
    past.timezone = "Europe/Berlin"
    past.append(an_event(at="2026-10-25 00:30"), an_event("bob", at="2026-10-25 01:30"))
    series = past.timeline("from=2026-10-25&to=2026-10-25", LATER)[Metric.VISITORS]
    twice = [
        (start.hour, start.utcoffset(), value)
        for start, value in zip(series.starts, series.values, strict=True)
        if value
    ]
    assert twice == [(2, timedelta(hours=2), 1), (2, timedelta(hours=1), 1)]


def test_a_half_hour_zone_begins_its_hours_at_half_past(past: Past) -> None:
    past.timezone = "Asia/Kolkata"
    past.append(an_event(at="2026-11-01 04:29"), an_event("bob", at="2026-11-01 04:31"))
    series = past.timeline("from=2026-11-01&to=2026-11-01", LATER)[Metric.VISITORS]
    assert [(start.hour, value) for start, value in zip(series.starts, series.values, strict=True) if value] == [
        (9, 1),
        (10, 1),
    ]


def test_weeks_begin_on_monday_and_months_on_their_first(past: Past) -> None:
    past.timezone = "Europe/Berlin"
    past.append(
        an_event(at="2026-10-31 22:30"), an_event("bob", at="2026-10-31 23:30"), an_event("cem", at="2026-11-02 12:00")
    )
    weeks = past.timeline("period=28d&interval=week")[Metric.VISITORS]
    assert {start.weekday() for start in weeks.starts} == {0}
    assert weeks.values[-2:] == (2, 1)
    months = past.timeline("period=3mo&interval=month")[Metric.VISITORS]
    assert {start.day for start in months.starts} == {1}
    assert months.values == (0, 0, 1, 2)


def test_a_visitor_of_two_days_stands_in_both_buckets_and_once_in_the_card(past: Past) -> None:
    past.append(an_event(at="2026-11-01 09:00"), an_event(at="09:00"))
    assert past.timeline("period=7d")[Metric.VISITORS].values[-2:] == (1, 1)
    assert past.totals("period=7d").visitors == 1


def compared_lines(past: Past, text: str, now: str) -> Series:
    return past.dashboard(text, now).previous_timelines[Metric.PAGE_VIEWS]


@pytest.mark.parametrize(
    ("text", "now", "last"),
    [
        ("period=7d", "12:00", "2026-10-26"),  # the same day of the week before, all of it
        ("period=today&interval=hour", "12:20", "2026-11-01"),
        ("period=28d&interval=week", "12:00", "2026-10-05"),  # begins on a Tuesday and ends on a Monday
        ("period=mtd&interval=month", "12:00", "2026-10-02"),
        ("from=2026-10-10&to=2026-10-20&interval=month", "12:00", "2026-10-09"),
    ],
)
def test_the_compared_line_goes_on_to_the_end_of_its_last_bucket(past: Past, text: str, now: str, last: str) -> None:
    """Cards compare up to the same minute; on a line a part of a day would be a fall that never was."""
    past.append(*(an_event(f"v{hour}", f"{last} {hour:02}:30") for hour in range(24)))
    series = compared_lines(past, text, now)
    before = past.before(text, now).page_views
    assert not any(series.is_partial(index) for index in range(len(series.starts)))
    assert sum_of(series) >= before
    expected = 1 if "hour" in text else 24
    assert series.values[-1] == expected


def test_a_compared_period_of_whole_buckets_is_asked_for_once(past: Past) -> None:
    query = past.query("from=2026-10-12&to=2026-10-18&interval=week")
    assert compared_line_query(query) == query.comparison_query()


def test_a_timeline_by_minute(past: Past) -> None:
    past.append(an_event(at="09:07:30"))
    series = past.timeline("period=today&interval=minute", now="09:10")[Metric.PAGE_VIEWS]
    assert (len(series.starts), series.values[9 * 60 + 7]) == (9 * 60 + 11, 1)


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
)


@UNHURRIED
@given(
    ZONES,
    st.dates(date(2005, 1, 1), date(2040, 1, 1)),
    st.integers(1, 40),
)
def test_buckets_cover_the_period_without_a_gap(zone: str, first: date, days: int) -> None:
    period = custom_period(first, first + timedelta(days=days - 1), ZoneInfo(zone))
    for interval in (Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH):
        buckets = calendar_buckets(period, interval, datetime(2050, 1, 1, tzinfo=UTC))
        starts = [start.astimezone(UTC) for start in buckets.starts]
        assert starts == sorted(set(starts))
        assert list(buckets.keys) == sorted(set(buckets.keys))
        assert starts[0] <= period.start_utc < [*starts[1:], period.end_utc][0]
        assert starts[-1] < period.end_utc
