"""What holds for every history: sums over buckets, periods and dimensions are the cards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Event
from proprium.metrics.results import Dimension, Metric
from tests.make import GOOGLEBOT, IPHONE, an_event
from tests.metrics.conftest import Past, sum_of

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

EXAMPLES = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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
            "user_agent": st.sampled_from([IPHONE, an_event().user_agent, GOOGLEBOT]),
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
        found = past.table(dimension, text, metrics=[Metric.SESSIONS])
        assert sum(row.numbers[Metric.SESSIONS] or 0 for row in found.rows) == sessions, dimension


@EXAMPLES
@given(histories, ZONES)
def test_visitors_sessions_and_hits_keep_their_order(past: Past, history: list[dict[str, Any]], zone: str) -> None:
    events = begin(past, history, zone)
    found = past.totals("from=2026-10-01&to=2026-10-31", NOW)
    people = [event for event in events if event.user_agent != GOOGLEBOT]
    assert found.events == len(people)
    assert found.visitors == len({event.visitor for event in people if event.visitor is not None})
    assert found.visitors <= found.sessions <= found.events
    part = past.totals("from=2026-10-25&to=2026-10-26", NOW)
    running_over = past.totals("from=2026-10-24&to=2026-10-24", NOW).sessions
    assert part.visitors <= part.sessions + running_over


@EXAMPLES
@given(histories, ZONES, FILTERS)
def test_shares_are_of_the_whole(past: Past, history: list[dict[str, Any]], zone: str, filters: str) -> None:
    begin(past, history, zone)
    for dimension, tile in past.dashboard(f"from=2026-10-24&to=2026-10-27{filters}", NOW).breakdowns.items():
        assert sum(row.count for row in tile.rows) == tile.total, dimension  # few enough values to be all there
        assert sum(row.share_percent for row in tile.rows) == pytest.approx(100 if tile.total else 0)


def by_hand(events: list[Event], start: datetime, end: datetime) -> Callable[[Callable[[Event], bool]], int]:
    inside = [event for event in events if start <= event.created_at < end and event.user_agent != GOOGLEBOT]
    return lambda wanted: sum(map(wanted, inside))


@EXAMPLES
@given(histories)
def test_what_python_counts_the_warehouse_counts(past: Past, history: list[dict[str, Any]]) -> None:
    events = begin(past, history, "UTC")
    counted = by_hand(events, FIRST + timedelta(days=1), FIRST + timedelta(days=3))
    found = past.totals("from=2026-10-24&to=2026-10-25", NOW)
    assert found.clicks == counted(lambda event: event.event == "click")
    assert found.new_visitors == counted(lambda event: event.event == "session_start")
    on_a = past.totals("from=2026-10-24&to=2026-10-25&filter=page:is:/a", NOW)
    assert on_a.events == counted(lambda event: event.page == "/a")
