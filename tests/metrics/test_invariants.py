"""Invariants of every history: sums over buckets, periods and dimensions equal the cards."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import mean
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Event
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.results import Dimension, Metric
from tests.metrics.conftest import Past, sum_of
from tests.metrics.reference.numbers import sessions_running_at
from tests.metrics.reference.query_spec import History
from tests.support.builders import CURL, GOOGLEBOT, IPHONE, an_event
from tests.support.period_totals import period_totals

FIRST = datetime(2026, 10, 23, tzinfo=UTC)  # two days before Berlin's clock change
NOW = "2026-11-20 12:00"
ADDITIVE = (Metric.PAGE_VIEWS, Metric.EVENTS, Metric.SESSIONS, Metric.NEW_VISITORS, Metric.CLICKS, Metric.SCROLLS)
SINGLE_VALUED = (Dimension.COUNTRY, Dimension.DEVICE, Dimension.BROWSER, Dimension.ENTRY_PAGE, Dimension.REFERRER)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
FILTERS = st.sampled_from(
    ["", "&filter=page:is:/a", "&filter=country:is:DE", "&filter=event:is:signup&filter=country:is:"]
)

numbers = count(1)
"""Every example is a property of its own in one warehouse: nothing has to be emptied between them."""

EXAMPLES = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hits() -> st.SearchStrategy[dict[str, Any]]:
    """Of four visitors and a bot within five days; minutes rather than microseconds, so that visits come about."""
    return st.fixed_dictionaries(
        {
            "visitor": st.sampled_from(["ada", "bob", "cem", "dee", None]),
            "at": st.integers(0, 5 * 24 * 60 // 7).map(lambda step: FIRST + timedelta(minutes=7 * step)),
            "page": st.sampled_from(["/a", "/b", None]),
            "event": st.sampled_from(["page_view", "page_view", "session_start", "click", "scroll", "signup"]),
            "country": st.sampled_from(["DE", "US", None]),
            "referrer": st.sampled_from(["google.com", None]),
            "language": st.sampled_from(["de", "en", None]),
            "user_agent": st.sampled_from([IPHONE, an_event().user_agent, GOOGLEBOT, CURL]),
        }
    )


histories = st.lists(hits(), min_size=1, max_size=40)


def begin(past: Past, history: list[dict[str, Any]], zone: str) -> list[Event]:
    past.number, past.timezone = next(numbers), zone
    events = [an_event(property=past.number, **hit) for hit in history]
    past.append(*events)
    return events


@EXAMPLES
@given(histories, ZONES, FILTERS, st.sampled_from(["hour", "day", "week", "month"]))
def test_the_buckets_of_a_series_add_up_to_the_card(
    past: Past, history: list[dict[str, Any]], zone: str, filters: str, interval: str
) -> None:
    begin(past, history, zone)
    text = f"from=2026-10-24&to=2026-10-27&interval={interval}{filters}"
    board = past.dashboard(text, NOW)
    assert board.totals == past.totals(text, NOW)
    for metric in ADDITIVE:
        assert sum_of(board.timelines[metric]) == board.totals.value(metric), metric


@EXAMPLES
@given(histories, ZONES)
def test_two_adjacent_periods_add_up_to_the_joined_one(past: Past, history: list[dict[str, Any]], zone: str) -> None:
    begin(past, history, zone)
    first, second = past.totals("from=2026-10-23&to=2026-10-24", NOW), past.totals("from=2026-10-25&to=2026-10-27", NOW)
    joined = past.totals("from=2026-10-23&to=2026-10-27", NOW)
    for metric in ADDITIVE:
        assert (first.value(metric) or 0) + (second.value(metric) or 0) == joined.value(metric), metric


@EXAMPLES
@given(histories, ZONES, FILTERS)
def test_a_dimension_of_which_a_visit_has_one_value_adds_up_to_the_visits(
    past: Past, history: list[dict[str, Any]], zone: str, filters: str
) -> None:
    begin(past, history, zone)
    text = f"from=2026-10-24&to=2026-10-27{filters}"
    sessions = past.totals(text, NOW).sessions
    for dimension in SINGLE_VALUED:
        rows = past.table(dimension, text, metrics=[Metric.SESSIONS]).rows
        listed_sessions = sum(row.numbers[Metric.SESSIONS] or 0 for row in rows)
        if "filter=page:" in filters:  # a visit that did not view the page has no visitor, and may stand in no row
            assert listed_sessions <= sessions, dimension
        else:
            assert listed_sessions == sessions, dimension


@EXAMPLES
@given(histories, ZONES, st.integers(0, 4), st.integers(0, 2))
def test_visitors_are_no_more_than_sessions_and_those_that_run_over_the_start(
    past: Past, history: list[dict[str, Any]], zone: str, first: int, more: int
) -> None:
    reference = History(begin(past, history, zone))
    query = past.query(f"from=2026-10-{23 + first}&to=2026-10-{23 + first + more}", NOW)
    result = period_totals(past.warehouse, query)
    assert result.visitors <= result.sessions + len(sessions_running_at(reference, query.period.start_utc))
    whole = past.totals("from=2026-10-01&to=2026-10-31", NOW)
    assert whole.visitors <= whole.sessions <= whole.events


@EXAMPLES
@given(histories, st.sampled_from(["page:is:/b", "event:is:signup", "event:is:click"]))
def test_a_filter_on_hits_finds_whole_sessions_with_a_matching_hit(
    past: Past, history: list[dict[str, Any]], filter_text: str
) -> None:
    reference = History(begin(past, history, "UTC"))
    name, _, value = filter_text.split(":")
    result = past.totals(f"from=2026-10-01&to=2026-10-31&filter={filter_text}", NOW)
    matching = [one for one in reference.sessions if any(getattr(hit.sent, name) == value for hit in one.hits)]
    assert result.sessions == len(matching)
    if matching:
        assert result.bounce_rate == pytest.approx(100 * mean(one.is_bounce for one in matching))
        assert result.means[Metric.VISIT_DURATION] == pytest.approx(mean(one.duration_s for one in matching))


@EXAMPLES
@given(histories, st.sampled_from(["device", "country", "language", "referrer", "source"]))
def test_device_place_and_source_of_a_session_are_of_the_hits_that_the_definitions_name(
    past: Past, history: list[dict[str, Any]], dimension: str
) -> None:
    reference = History(begin(past, history, "UTC"))
    result = past.table(dimension, "from=2026-10-01&to=2026-10-31", NOW, metrics=[Metric.SESSIONS])
    defined = Counter(session.value_of(dimension) for session in reference.sessions)
    assert {row.value: row.numbers[Metric.SESSIONS] for row in result.rows} == defined


@EXAMPLES
@given(histories, ZONES, FILTERS)
def test_a_second_run_on_unchanged_data_gives_the_same_answer(
    past: Past, history: list[dict[str, Any]], zone: str, filters: str
) -> None:
    begin(past, history, zone)
    first, second = (past.dashboard(f"from=2026-10-24&to=2026-10-27{filters}", NOW) for _ in range(2))
    assert replace(first, computed_s=0.0) == replace(second, computed_s=0.0)


@EXAMPLES
@given(histories, ZONES, FILTERS)
def test_shares_are_of_what_the_card_says(past: Past, history: list[dict[str, Any]], zone: str, filters: str) -> None:
    begin(past, history, zone)
    board = past.dashboard(f"from=2026-10-24&to=2026-10-27{filters}", NOW)
    for dimension, tile in board.breakdowns.items():
        spec = dimension.spec
        card = board.totals.bots if spec.scope is Scope.BOT else board.totals.value(spec.default_metric)
        assert tile.total == card, dimension
        assert [row.share_percent for row in tile.rows] == [
            pytest.approx(100 * row.count / tile.total) for row in tile.rows
        ]
        assert all(0 < row.share_percent <= 100 for row in tile.rows), dimension
        if spec.default_metric is Metric.PAGE_VIEWS:  # few enough values to be all there
            assert sum(row.count for row in tile.rows) == tile.total, dimension


@EXAMPLES
@given(histories, ZONES, FILTERS)
def test_a_page_has_no_more_visitors_than_views(
    past: Past, history: list[dict[str, Any]], zone: str, filters: str
) -> None:
    begin(past, history, zone)
    text = f"from=2026-10-24&to=2026-10-27{filters}"
    for dimension in (Dimension.PAGE, Dimension.TITLE, Dimension.SECTION):
        for row in past.table(dimension, text, NOW, metrics=(Metric.PAGE_VIEWS, Metric.VISITORS)).rows:
            assert (row.numbers[Metric.VISITORS] or 0) <= (row.numbers[Metric.PAGE_VIEWS] or 0), (dimension, row)
