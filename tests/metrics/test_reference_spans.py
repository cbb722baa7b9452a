"""Periods, comparisons and buckets against a clock that is stepped by quarters of an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proprium.metrics.query.buckets import calendar_buckets, whole_buckets
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Series
from tests.metrics.questions import PERIODS
from tests.metrics.reference.query_spec import QuerySpec
from tests.metrics.reference.spans import Span, buckets_of, first_moment, whole

ZONES = (
    *("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"),
    *("America/Havana", "Pacific/Chatham", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia", "Asia/Beirut"),
)
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2028, 12, 31, tzinfo=UTC)

nows = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
days = st.dates(date(2024, 1, 2), date(2028, 12, 1))


@st.composite
def questions(draw: st.DrawFn) -> QuerySpec:
    first = draw(days)
    dates = draw(st.sampled_from([None, None, (first, first + timedelta(days=draw(st.integers(0, 40))))]))
    period = draw(st.sampled_from(PERIODS))
    is_short = dates is not None or period in {"today", "yesterday", "24h", "7d", "14d", "28d"}
    now = draw(nows)
    return QuerySpec(
        now=now,
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        period="custom" if dates else period,
        dates=dates,
        compare=draw(st.sampled_from(["previous", "year", "none"])),
        interval=draw(st.sampled_from(["hour", "day", "week", "month"] if is_short else ["day", "week", "month"])),
    )


def check(spec: QuerySpec) -> None:
    query = query_from(spec.address, PropertyFacts(UUID(int=1), 1, spec.zone.key, data_access=EVERY_KEY), spec.now)
    assert Span(query.period.start_utc, query.period.end_utc) == spec.span
    before = query.comparison_query()
    assert (before and Span(before.period.start_utc, before.period.end_utc)) == spec.compared
    buckets = calendar_buckets(query.period, query.interval, spec.now)
    expected = buckets_of(spec.span, spec.interval, spec.zone, spec.now)
    assert tuple(start.astimezone(UTC) for start in buckets.starts) == expected.starts
    assert buckets.is_running == expected.is_running
    series = Series(
        buckets.starts, (0,) * len(buckets.starts), buckets.is_running, buckets.is_start_cut, buckets.is_end_cut
    )
    assert tuple(map(series.is_partial, range(len(buckets.starts)))) == expected.are_partial
    widened = whole_buckets(query.period, query.interval)
    assert Span(widened.start_utc, widened.end_utc) == whole(spec.span, spec.interval, spec.zone)


def test_periods_and_buckets_are_those_of_a_clock_in_the_zone(fuzz: bool) -> None:
    @settings(max_examples=5_000 if fuzz else 150, derandomize=not fuzz, deadline=None)
    @given(questions())
    def holds(spec: QuerySpec) -> None:
        check(spec)

    holds()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/St_Johns", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # its clock jumps at midnight
        ("Asia/Kolkata", date(2026, 3, 29), 24),
        ("Asia/Pyongyang", date(2018, 5, 4), 23.5),  # at 23:30, within an hour
        ("America/Caracas", date(2016, 5, 1), 23.5),  # at 02:30
    ],
)
def test_a_day_of_a_clock_change_has_fewer_or_more_hours(zone: str, day: date, hours: float) -> None:
    spec = QuerySpec(datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo(zone), "custom", (day, day), interval="hour")
    assert (spec.span.end - spec.span.start) / timedelta(hours=1) == hours
    assert first_moment(day, spec.zone) == spec.span.start
    check(spec)


@pytest.mark.parametrize("period", ["24h", "today", "yesterday", "7d"])
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ],
)
def test_a_comparison_around_a_clock_change_is_of_the_same_moments(zone: str, change: datetime, period: str) -> None:
    """The hour that a clock shows twice has two halves with the same local times."""
    for number in range(-36, 37):
        now = change + timedelta(days=1, minutes=20 * number + 7)
        check(QuerySpec(now, ZoneInfo(zone), period, compare="previous", interval="hour"))
