"""Starts and ends of periods, and the periods they are compared with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proprium.errors import BadQuery
from proprium.metrics.query.period import (
    PRESETS,
    Compare,
    Interval,
    check_interval,
    custom_period,
    default_interval,
    intervals_for,
    preset_period,
)

UNHURRIED = settings(deadline=None)  # a busy machine is no failure

BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)  # a Monday
KEYS = [key for key, _ in PRESETS if key != "custom"]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
]
MOMENTS = st.datetimes(
    datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2100-01-01"), timezones=st.just(UTC)
)


def days_of(key: str) -> tuple[str, str]:
    period = preset_period(key, NOW, BERLIN, datetime(2025, 3, 4, 23, 30, tzinfo=UTC))
    return period.first_day.isoformat(), period.last_day.isoformat()


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23"),
        ("yesterday", "2026-11-22", "2026-11-22"),
        ("7d", "2026-11-17", "2026-11-23"),
        ("14d", "2026-11-10", "2026-11-23"),
        ("28d", "2026-10-27", "2026-11-23"),
        ("30d", "2026-10-25", "2026-11-23"),
        ("90d", "2026-08-26", "2026-11-23"),
        ("3mo", "2026-08-24", "2026-11-23"),
        ("6mo", "2026-05-24", "2026-11-23"),
        ("12mo", "2025-11-24", "2026-11-23"),
        ("mtd", "2026-11-01", "2026-11-23"),
        ("ytd", "2026-01-01", "2026-11-23"),
        ("all", "2025-03-05", "2026-11-23"),  # the first event was after midnight in Berlin
    ],
)
def test_a_preset_covers_these_days_of_the_propertys_calendar(key: str, first: str, last: str) -> None:
    assert days_of(key) == (first, last)


def test_days_begin_at_the_propertys_midnight() -> None:
    today = preset_period("today", NOW, KOLKATA)
    assert today.start_utc == datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    assert today.end_utc == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


def test_the_last_24_hours_end_with_the_running_hour() -> None:
    last = preset_period("24h", NOW, KOLKATA)
    assert last.end.isoformat() == "2026-11-23T21:00:00+05:30"
    assert last.end_utc - last.start_utc == timedelta(hours=24)


def test_all_time_without_any_event_is_today() -> None:
    assert preset_period("all", NOW, BERLIN).first_day == date(2026, 11, 23)


def test_a_day_of_a_clock_change_is_as_long_as_it_is() -> None:
    short, long = (
        custom_period(date(2026, 3, 29), date(2026, 3, 29), BERLIN),
        custom_period(date(2026, 10, 25), date(2026, 10, 25), BERLIN),
    )
    assert short.end_utc - short.start_utc == timedelta(hours=23)
    assert long.end_utc - long.start_utc == timedelta(hours=25)


def test_a_midnight_that_the_clock_skips_is_the_days_first_moment() -> None:
    day = custom_period(date(2018, 11, 4), date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
    assert day.start_utc == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert day.end_utc - day.start_utc == timedelta(hours=23)


def test_a_running_period_is_compared_up_to_the_same_minute() -> None:
    before = preset_period("28d", NOW, BERLIN).previous(NOW)
    assert before is not None
    assert before.start.isoformat() == "2026-09-29T00:00:00+02:00"
    assert before.end.isoformat() == "2026-10-26T15:41:00+01:00"  # the 15:40 minute is in


def test_an_ended_period_is_compared_with_the_whole_one_right_before() -> None:
    week = custom_period(date(2026, 11, 2), date(2026, 11, 8), BERLIN)
    before = week.previous(NOW)
    assert before is not None
    assert (before.first_day, before.last_day) == (date(2026, 10, 26), date(2026, 11, 1))
    assert before.end_utc == week.start_utc


def test_whole_months_are_compared_with_whole_months() -> None:
    before = custom_period(date(2026, 10, 1), date(2026, 10, 31), BERLIN).previous(NOW)
    assert before is not None
    assert before.label == "1 – 30 Sep 2026"


def test_the_month_to_date_is_compared_with_the_same_days_of_the_month_before() -> None:
    before = preset_period("mtd", NOW, BERLIN).previous(NOW)
    assert before is not None
    assert (before.start.isoformat(), before.end.isoformat()) == (
        "2026-10-01T00:00:00+02:00",
        "2026-10-23T15:41:00+02:00",
    )


def test_the_compared_month_ends_where_the_month_has_fewer_days() -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    before = preset_period("mtd", now, UTC_ZONE).previous(now)
    assert before is not None
    assert (before.first_day, before.last_day) == (date(2026, 2, 1), date(2026, 2, 28))


def test_a_year_earlier_has_the_same_dates() -> None:
    before = custom_period(date(2024, 2, 1), date(2024, 2, 28), BERLIN).previous(NOW, Compare.YEAR)
    assert before is not None
    assert before.label == "1 – 28 Feb 2023"


def test_all_time_and_no_comparison_have_nothing_before() -> None:
    assert preset_period("all", NOW, BERLIN, NOW).previous(NOW) is None
    assert preset_period("28d", NOW, BERLIN).previous(NOW, Compare.NONE) is None


def test_the_arrow_keys_step_by_the_periods_own_length() -> None:
    assert preset_period("7d", NOW, BERLIN).step(-1).dates == "10 – 16 Nov 2026"
    assert preset_period("mtd", NOW, BERLIN).step(-1).dates == "1 – 31 Oct 2026"
    assert preset_period("today", NOW, BERLIN).step(-2).dates == "21 Nov 2026"
    assert custom_period(date(2026, 10, 1), date(2026, 10, 31), BERLIN).step(1).dates == "1 – 30 Nov 2026"


def test_an_unknown_key_is_rejected_with_the_valid_keys() -> None:
    with pytest.raises(BadQuery, match=r"'fortnight' is not known.*28d.*from="):
        preset_period("fortnight", NOW, BERLIN)


def test_reversed_dates_are_rejected_with_both() -> None:
    with pytest.raises(BadQuery, match="2026-01-01, before it starts on 2026-02-01"):
        custom_period(date(2026, 2, 1), date(2026, 1, 1), BERLIN)


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_years_outside_the_range_are_rejected(year: int) -> None:
    with pytest.raises(BadQuery, match="out of range"):
        custom_period(date(year, 1, 1), date(year, 1, 1), BERLIN)


def test_an_interval_with_too_many_points_is_rejected_with_a_wider_one() -> None:
    with pytest.raises(BadQuery, match="interval=week"):
        check_interval(Interval.MINUTE, preset_period("12mo", NOW, BERLIN))


def test_only_intervals_that_can_be_drawn_are_offered() -> None:
    assert intervals_for(preset_period("28d", NOW, BERLIN)) == (Interval.HOUR, Interval.DAY, Interval.WEEK)
    assert intervals_for(preset_period("today", NOW, BERLIN)) == (Interval.MINUTE, Interval.HOUR)


@UNHURRIED
@given(st.sampled_from(KEYS), MOMENTS, st.sampled_from(ZONES))
def test_every_preset_of_every_moment_holds_and_can_be_drawn(key: str, now: datetime, zone: str) -> None:
    period = preset_period(key, now, ZoneInfo(zone), now - timedelta(days=400))
    assert period.start_utc < period.end_utc
    assert period.contains(now) or key == "yesterday"
    assert default_interval(period) in intervals_for(period)
    for compare in Compare:
        before = period.previous(now, compare)
        assert before is None or before.start_utc < before.end_utc <= period.end_utc
        assert before is None or compare is Compare.YEAR or before.end_utc <= period.start_utc


@pytest.mark.parametrize("key", [key for key, _ in PRESETS if key not in {"all", "custom"}])
def test_a_compared_period_ends_before_the_period_begins(key: str) -> None:
    """On each day of a leap year and of another one: months differ in length."""
    for day_number in range(2 * 365 + 1):
        now = datetime(2027, 1, 1, 12, 30, tzinfo=UTC) + timedelta(days=day_number)
        period = preset_period(key, now, UTC_ZONE)
        before = period.previous(now)
        assert before is not None
        assert before.start < before.end <= period.start, now
