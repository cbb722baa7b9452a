"""A dashboard's address: the query that it describes, and errors for invalid parameters."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from proprium.errors import BadQuery
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filters import Filter, Operator, parse_filter
from proprium.metrics.query.period import PRESETS, Compare, Interval, intervals_for
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.query.url import PropertyFacts, query_from, query_to_params
from tests.metrics.test_filters import filters

UNHURRIED = settings(deadline=None)  # a busy machine is no failure

NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)
FACTS = PropertyFacts(
    UUID(int=7), 3, "Europe/Berlin", ("signup",), datetime(2026, 1, 1, tzinfo=UTC), data_access=EVERY_KEY
)


def pairs(text: str) -> Query:
    return query_from(QueryParams(text), FACTS, NOW)


def test_an_empty_address_is_28_days_by_day_compared_with_the_28_before() -> None:
    query = pairs("")
    assert (query.period.key, query.interval, query.compare, query.filters) == (
        "28d",
        Interval.DAY,
        Compare.PREVIOUS,
        (),
    )
    assert (query.property_number, query.timezone.key, query.custom_cards) == (3, "Europe/Berlin", ("signup",))
    assert query_to_params(query) == []


def test_two_dates_ask_for_whole_days_both_included() -> None:
    query = pairs("from=2026-01-01&to=2026-01-31")
    assert (query.period.first_day, query.period.last_day) == (date(2026, 1, 1), date(2026, 1, 31))


def test_a_start_alone_runs_until_today() -> None:
    assert pairs("from=2026-11-01").period.last_day == date(2026, 11, 23)


def test_filters_compare_interval_and_the_open_country_are_read() -> None:
    query = pairs("period=90d&compare=year&interval=week&map=de&filter=country:is:DE&filter=page%3Acontains%3A%2Fdocs")
    assert (query.period.key, query.compare, query.interval, query.open_country) == (
        "90d",
        Compare.YEAR,
        Interval.WEEK,
        "DE",
    )
    assert query.filters == (parse_filter("country:is:DE"), parse_filter("page:contains:/docs"))


def test_another_time_zone_stays_in_the_address() -> None:
    query = pairs("timezone=Asia/Kolkata")
    assert query.period.start.utcoffset() == NOW.astimezone(ZoneInfo("Asia/Kolkata")).utcoffset()
    assert query_to_params(query) == [("timezone", "Asia/Kolkata")]


def test_a_plain_dict_and_pairs_are_understood_as_well() -> None:
    expected = pairs("period=7d&filter=page:is:/")
    assert query_from({"period": "7d", "filter": ["page:is:/"]}, FACTS, NOW) == expected
    assert query_from([("period", "7d"), ("filter", "page:is:/")], FACTS, NOW) == expected


def test_unknown_parameters_are_ignored() -> None:
    assert pairs("report=md&tab=entry&utm_source=mail") == pairs("")


@pytest.mark.parametrize(
    ("days", "key"), [("7", "7d"), ("14", "14d"), ("28", "28d"), ("365", "12mo"), ("custom", "28d")]
)
def test_the_seeds_ranges_still_work(days: str, key: str) -> None:
    assert pairs(f"date_range={days}").period.key == key


def test_the_seeds_dates_win_over_its_range() -> None:
    period = pairs("date_start=2026-10-01&date_end=2026-10-28&date_range=28").period
    assert period.dates == "1 – 28 Oct 2026"


def test_a_range_that_is_no_preset_counts_back_from_today() -> None:
    assert pairs("date_range=180").period.day_count == 180


@pytest.mark.parametrize("url", ["/pricing", "https://example.com/pricing?plan=pro#top"])
def test_the_seeds_page_filter_becomes_a_filter_on_the_page(url: str) -> None:
    assert pairs(urlencode({"filter_url": url})).filters == (Filter("page", Operator.IS, ("/pricing",)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("period=soon", "'soon' is not known"),
        ("from=yesterday", "'yesterday' is not a date. Write it as 2026-01-31"),
        ("from=2026-02-30", "'2026-02-30' is not a date"),
        ("from=20260131", "is not a date"),
        ("from=2026-W05-6", "is not a date"),
        ("from=0000-01-01", "is not a date"),
        ("from=0001-01-01", "0001-01-01 is out of range"),
        ("from=2026-01-01&to=9999-12-31", "9999-12-31 is out of range"),
        ("from=2026-02-01&to=2026-01-01", "Swap the two dates"),
        ("to=2026-01-01", "has no start"),
        ("compare=mars", "compare='mars' is not known. Choose one of previous, year, none"),
        ("interval=second", "interval='second' is not known"),
        ("period=12mo&interval=minute", "points"),
        ("filter=shoe:is:42", "'shoe' cannot be filtered on"),
        ("map=Germany", "two letters"),
        ("map=1%202", "two letters"),
        ("timezone=Mars/Olympus", "time zone 'Mars/Olympus' is not known"),
        ("timezone=../../etc/passwd", "is not known"),
        ("timezone=Europe", "is not known"),
        ("date_range=-3", "'-3' is not a number of days"),
        ("date_range=%D9%A3", "is not a number of days"),
        ("date_range=99999999999", "is not a number of days"),
        ("audience=cats", "humans, bots"),
        ("filter_url=" + "x" * 3000, "3,000 characters"),
        ("&".join(f"filter=page:is:/{i}" for i in range(51)), "51 filters"),
    ],
)
def test_invalid_parameters_are_rejected_with_the_value_and_the_way_out(text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        pairs(text)


@UNHURRIED
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "period",
                "from",
                "to",
                "filter",
                "interval",
                "map",
                "timezone",
                "date_range",
                "filter_url",
                "compare",
                "date_start",
            ]
        ),
        st.text(max_size=30),
    )
)
def test_any_address_is_a_query_or_an_error_message(params: dict[str, str]) -> None:
    with contextlib.suppress(BadQuery):
        query_from(params, FACTS, NOW)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    key = draw(st.sampled_from([key for key, _ in PRESETS]))
    days = sorted(draw(st.tuples(*[st.dates(date(1971, 1, 1), date(2199, 12, 31))] * 2)))
    pairs = [("from", days[0].isoformat()), ("to", days[1].isoformat())] if key == "custom" else [("period", key)]
    period = query_from(pairs, FACTS, NOW).period
    pairs.append(("interval", draw(st.sampled_from(intervals_for(period)))))
    pairs.append(("compare", draw(st.sampled_from(Compare))))
    pairs.append(("audience", draw(st.sampled_from(Audience))))
    pairs += [("filter", each.to_text()) for each in draw(st.lists(filters(), max_size=4))]
    pairs += [("map", code) for code in draw(st.sampled_from([[], ["DE"], ["XK"]]))]
    pairs += [("timezone", zone) for zone in draw(st.sampled_from([[], ["Asia/Kolkata"], ["Europe/Berlin"]]))]
    return query_from(pairs, FACTS, NOW)


@UNHURRIED
@given(queries())
def test_a_pasted_link_asks_the_same_question(query: Query) -> None:
    text = urlencode(query_to_params(query))
    assert query_from(parse_qsl(text, keep_blank_values=True), FACTS, NOW) == query
