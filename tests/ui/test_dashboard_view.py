"""The dashboard's address says all that it shows, and nothing that goes without saying."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proprium.errors import BadQuery
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.period import PRESETS, Compare, Interval
from proprium.metrics.query.query import Goal
from proprium.metrics.query.url import PropertyFacts
from proprium.metrics.results import Dimension, Metric
from proprium.ui.dashboard.state import DashboardState, state_from
from proprium.ui.dashboard.tiles import DEVICES, PAGES, PLACES, SOURCES, TILES

NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
FACTS = PropertyFacts(UUID(int=7), 1, "Europe/Berlin", ("sign_up",), NOW - timedelta(days=400), data_access=EVERY_KEY)
GERMANY = Filter("country", Operator.IS, ("DE",))


def a_view(*params: tuple[str, str]) -> DashboardState:
    return state_from(params, FACTS, NOW)


def local(*numbers: int) -> datetime:
    return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001  by the property's clock


def reopened(view: DashboardState) -> DashboardState:
    return state_from(view.params(), FACTS, NOW)


def test_the_plain_address_opens_with_28_days_and_says_nothing_more() -> None:
    view = a_view()
    assert (view.query.period.key, view.metric, view.url()) == ("28d", "visitors", f"/properties/{FACTS.id}")


def test_a_pasted_link_shows_the_same_page() -> None:
    view = (
        a_view()
        .with_period("90d", NOW)
        .with_compare(Compare.YEAR)
        .with_interval(Interval.WEEK)
        .with_filter(GERMANY)
        .with_filter(Filter("page", Operator.CONTAINS, ("/docs | 50%: ö",)))
        .with_metric("event:sign_up")
        .with_tab(PAGES, "exit")
        .with_country("DE")
        .with_tab(PLACES, "cities")
    )
    assert reopened(view) == view


PRESET_KEYS = [key for key, _ in PRESETS if key != "custom"]
CHANGES = st.one_of(
    st.sampled_from(PRESET_KEYS).map(lambda key: lambda view: view.with_period(key, NOW)),
    st.sampled_from(Compare).map(lambda compare: lambda view: view.with_compare(compare)),
    st.sampled_from(Metric).map(lambda metric: lambda view: view.with_metric(metric.value)),
    st.sampled_from([None, "DE", "US"]).map(lambda country: lambda view: view.with_country(country)),
    st.integers(-3, 3).map(lambda count: lambda view: view.with_period_step(count, NOW)),
    st.sampled_from([(tile, tab.key) for tile in TILES for tab in tile.tabs]).map(
        lambda pair: lambda view: view.with_tab(*pair)
    ),
    st.tuples(st.sampled_from(["page", "browser", "data.plan"]), st.text(max_size=20)).map(
        lambda pair: lambda view: view.with_filter(Filter(pair[0], Operator.IS, (pair[1],)))
    ),
)


@given(st.lists(CHANGES, max_size=6))
def test_whatever_was_clicked_the_address_leads_back_to_it(changes: list[Any]) -> None:
    view = a_view()
    for change in changes:
        view = change(view)
    try:
        again = reopened(view)
    except BadQuery:
        return  # a value that no address can hold: the page refuses it before it shows it
    assert again.params() == view.params()
    assert again.query == view.query
    assert [again.tab(tile) for tile in TILES] == [view.tab(tile) for tile in TILES]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (("metric", "happiness"), "happiness"),
        (("period", "fortnight"), "fortnight"),
        (("from", "2026-02-31"), "2026-02-31"),
        (("filter", "mood:is:good"), "mood"),
        (("interval", "second"), "second"),
        (("map", "Germany"), "Germany"),
    ],
)
def test_a_wrong_address_is_told_with_the_value_at_fault(params: tuple[str, str], message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        a_view(params)


def test_a_tab_that_does_not_exist_is_the_first_one() -> None:
    assert a_view(("pages", "sideways")).tab(PAGES).key == "top"


def test_the_places_list_follows_the_map_into_a_country_and_back() -> None:
    inside = a_view().with_country("DE")
    assert inside.tab(PLACES).key == "regions"
    assert inside.with_country(None).tab(PLACES).key == "countries"
    assert inside.with_tab(PLACES, "countries").tab(PLACES).key == "countries"


def test_a_second_country_takes_the_place_of_the_first() -> None:
    view = a_view().with_filter(GERMANY).with_filter(Filter("country", Operator.IS, ("FR",)))
    assert [one.value for one in view.query.filters] == ["FR"]


def test_filters_of_different_kinds_stand_beside_each_other_and_go_one_by_one() -> None:
    both = a_view().with_filter(GERMANY).with_filter(Filter("page", Operator.IS, ("/",)))
    assert len(both.query.filters) == 2
    assert both.without_filter(GERMANY).query.filters == (Filter("page", Operator.IS, ("/",)),)


def test_two_countries_that_are_not_the_visitors_hold_together() -> None:
    not_germany, not_france = (Filter("country", Operator.IS_NOT, (code,)) for code in ("DE", "FR"))
    view = a_view().with_filter(not_germany).with_filter(not_france).with_filter(not_germany)
    assert set(view.query.filters) == {not_germany, not_france}
    assert len(view.query.filters) == 2


def test_people_who_see_the_same_share_one_computation_whatever_the_chart_draws() -> None:
    one = a_view().with_tab(SOURCES, "utm_medium").with_metric("sessions")
    assert one.cache_key == a_view().with_tab(SOURCES, "utm_medium").cache_key
    assert one.cache_key != one.with_filter(GERMANY).cache_key


def test_a_page_asks_for_what_its_open_tabs_and_its_map_show() -> None:
    assert Dimension.SCREEN not in a_view().dimensions
    opened = a_view().with_tab(DEVICES, "screens").with_country("DE").with_tab(PLACES, "cities")
    assert {Dimension.SCREEN, Dimension.CITY, Dimension.REGION} <= set(opened.dimensions)
    assert Dimension.BROWSER not in opened.dimensions
    assert Dimension.COUNTRY in opened.dimensions, "the open country may have no map of its regions"
    assert Dimension.REGION not in a_view().dimensions


def test_the_period_moves_with_the_clock_but_chosen_days_stay() -> None:
    tomorrow = NOW + timedelta(days=1)
    moved = a_view().query_at(tomorrow).period
    assert moved.last_day == date(2026, 11, 24)
    chosen = a_view(("from", "2026-11-01"), ("to", "2026-11-23")).query_at(tomorrow).period
    assert chosen.last_day == date(2026, 11, 23)


def test_stepping_back_and_forth_ends_on_the_preset_again() -> None:
    week = a_view(("period", "7d"))
    assert week.with_period_step(-1, NOW).query.period.key == "custom"
    assert week.with_period_step(-1, NOW).with_period_step(1, NOW).query.period.key == "7d"


@pytest.mark.parametrize("key", [*PRESET_KEYS, "hours"])
def test_stepping_never_walks_into_the_future_or_before_the_first_event(key: str) -> None:
    day = local(2026, 11, 23)
    start = a_view().with_hours(day, day + timedelta(hours=6)) if key == "hours" else a_view().with_period(key, NOW)
    for step in (1, -1):
        view, periods = start, set()
        while view.query.period not in periods:
            periods.add(view.query.period)
            view = view.with_period_step(step, NOW)
        assert all(period.start_utc <= NOW and period.end_utc > FACTS.first_event for period in periods)
        assert len(periods) < 2_000
        if step < 0 and key != "all":
            assert view.query.period.contains(FACTS.first_event)


def test_part_of_a_day_is_a_period_of_the_address() -> None:
    day = local(2026, 11, 22)
    view = a_view().with_hours(day + timedelta(hours=7), day + timedelta(hours=14))
    assert view.url().endswith("?from=2026-11-22T07%3A00&to=2026-11-22T14%3A00")
    assert reopened(view) == view
    period = view.query.period
    assert (period.dates, period.day_count) == ("22 Nov 2026, 07:00 – 14:00", 1)
    assert view.query.interval is Interval.HOUR
    assert view.with_hours(day, day + timedelta(hours=1)).query.interval is Interval.MINUTE
    before = view.query.comparison_query()
    assert before is not None
    assert before.period.dates == "21 Nov 2026, 07:00 – 14:00"
    assert view.with_period_step(-1, NOW).query.period.dates == "22 Nov 2026, 00:00 – 07:00"
    assert view.with_hours(day, day + timedelta(days=1)).query.period.label == "22 Nov 2026"


def test_a_night_is_compared_with_the_same_hours() -> None:
    night = a_view().with_hours(local(2026, 11, 20, 22), local(2026, 11, 21, 6)).query
    before = night.comparison_query()
    assert before is not None
    assert before.period.dates == "19 Nov 2026, 22:00 – 20 Nov 2026, 06:00"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-22T14:00", "2026-11-22T07:00"),
        ("2026-11-22T14:00", "2026-11-22T14:00"),
        ("2026-11-22T24:30", "2026-11-23T07:00"),
        ("2026-11-22T07:00", "tomorrow"),
        ("", "2026-11-22T07:00"),
        ("1800-01-01T07:00", "2026-11-22T07:00"),
    ],
)
def test_hours_that_make_no_period_are_told(first: str, last: str) -> None:
    with pytest.raises(BadQuery):
        a_view(("from", first), ("to", last))


def test_a_time_and_a_date_make_a_period() -> None:
    assert a_view(("from", "2026-11-20"), ("to", "2026-11-21T12:00")).query.period.dates == (
        "20 Nov 2026, 00:00 – 21 Nov 2026, 12:00"
    )
    assert a_view(("from", "2026-11-20T12:00"), ("to", "2026-11-21")).query.period.dates == (
        "20 Nov 2026, 12:00 – 21 Nov 2026, 24:00"
    )


def test_dates_chosen_the_wrong_way_round_are_exchanged() -> None:
    view = a_view().with_dates(date(2026, 11, 9), date(2026, 11, 2))
    assert (view.query.period.first_day, view.query.period.last_day) == (date(2026, 11, 2), date(2026, 11, 9))


def test_an_interval_that_was_not_chosen_follows_the_period() -> None:
    assert a_view().with_period("today", NOW).query.interval is Interval.HOUR
    assert a_view().with_interval(Interval.WEEK).with_period("90d", NOW).query.interval is Interval.WEEK


def test_a_custom_card_that_goes_takes_its_chart_with_it() -> None:
    view = a_view().with_metric("event:sign_up")
    assert view.with_cards(()).metric == "visitors"
    assert view.with_cards(("download", "sign_up")).metric == "event:sign_up"


def test_an_opened_event_and_its_key_stand_in_the_address() -> None:
    opened = a_view().with_event("sign_up").with_event("sign_up", "plan")
    assert reopened(opened) == opened
    assert opened.url().endswith("?event=sign_up&key=plan")
    assert opened.cache_key == a_view().cache_key, "the dashboard's own question is the same"
    assert opened.with_event("").params() == []


def test_a_goal_that_was_chosen_stands_in_the_address_and_one_that_is_gone_is_told() -> None:
    facts = replace(FACTS, goals=(Goal("Signed up", (Filter("event", Operator.IS, ("sign_up",)),)),))
    view = state_from((), facts, NOW).with_goal("Signed up")
    assert state_from(view.params(), facts, NOW) == view
    with pytest.raises(BadQuery, match="Signed up"):
        state_from(view.params(), FACTS, NOW)


@pytest.mark.parametrize("params", [(("event", "x" * 256),), (("event", "a"), ("key", "\0"))])
def test_an_event_that_nobody_can_send_is_told(params: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(BadQuery, match="is not a valid name"):
        a_view(*params)
