"""Filters as text in an address and as labels of chips."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proprium.errors import BadQuery
from proprium.metrics.query.filters import (
    HIT_DIMENSIONS,
    MAX_FILTERS,
    MAX_VALUES,
    SESSION_DIMENSIONS,
    Filter,
    Operator,
    filter_for,
    parse_filter,
    parse_filters,
)

UNHURRIED = settings(deadline=None)  # a busy machine is no failure

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
dimensions = st.sampled_from(HIT_DIMENSIONS + SESSION_DIMENSIONS) | plain.map(lambda key: f"data.{key}")


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    operator = draw(st.sampled_from(Operator))
    if operator is Operator.IS_SET:
        return Filter(draw(dimensions), operator)
    if operator is Operator.ONE_OF:
        return Filter(draw(dimensions), operator, tuple(draw(st.lists(plain, min_size=1, max_size=4, unique=True))))
    return Filter(draw(dimensions), operator, (draw(plain),))


@UNHURRIED
@given(filters())
def test_a_filters_text_reads_back(expected: Filter) -> None:
    assert parse_filter(expected.to_text()) == expected


def test_a_filter_is_split_at_the_first_two_colons() -> None:
    assert parse_filter("page:is:/a:b") == Filter("page", Operator.IS, ("/a:b",))


def test_several_values_are_joined_by_bars() -> None:
    assert parse_filter("country:one_of:DE|AT|DE").values == ("DE", "AT")


def test_a_path_with_an_escape_is_unchanged() -> None:
    assert parse_filter("page:is:/caf%C3%A9").value == "/caf%C3%A9"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("country:is:DE", "Country is DE"),
        ("page:contains:/docs", "Page contains /docs"),
        ("utm_source:is_not:mail", "UTM source is not mail"),
        ("browser:one_of:Chrome|Firefox", "Browser is one of Chrome, Firefox"),
        ("referrer:is:", "Referrer is not set"),
        ("referrer:is_set", "Referrer is set"),
        ("data.plan:not_contains:pro", "plan does not contain pro"),
    ],
)
def test_a_filter_has_a_text_for_its_chip(text: str, label: str) -> None:
    assert parse_filter(text).label() == label


def test_a_chip_shows_names_for_codes() -> None:
    assert (
        parse_filter("country:is:DE").label(lambda dimension, value: {"DE": "Germany"}[value]) == "Country is Germany"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shoe:is:42", "'shoe' cannot be filtered on.*country"),
        ("bot:is:Googlebot", "'bot' cannot be filtered on"),
        ("data.:is:42", "cannot be filtered on"),
        ("country", "no known operator.*country:is:DE"),
        ("country:like:D", "'country:like:D'.*contains"),
        ("page:contains:", "no value"),
        ("page:is:" + "x" * 2001, "2,001 characters"),
        ("page:is:a\0b", "invalid characters"),
        ("page:is:\ud800", "invalid characters"),
        ("", "no known operator"),
    ],
)
def test_an_invalid_filter_is_rejected_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        parse_filter(text)


def test_too_many_filters_are_rejected() -> None:
    with pytest.raises(BadQuery, match="51 filters"):
        parse_filters([f"page:is_not:/{i}" for i in range(MAX_FILTERS + 1)])


def test_a_repeated_filter_counts_once() -> None:
    assert len(parse_filters(["page:is:/", "page:is:/"])) == 1


def test_a_click_on_a_row_filters_by_it() -> None:
    assert filter_for("event_page", "/a") == Filter("page", Operator.IS, ("/a",))
    assert filter_for("referrer", None) == parse_filter("referrer:is:")
    assert filter_for("bot", "Googlebot") is None


def test_the_values_of_all_filters_together_are_bounded():
    texts = [f"data.key{n}:one_of:{'|'.join(map(str, range(MAX_VALUES)))}" for n in range(20)]
    with pytest.raises(BadQuery, match=r"list 4,000 values together; the maximum is 1,000\. Use fewer"):
        parse_filters(texts)
    assert len(parse_filters(texts[:5])) == 5


@pytest.mark.parametrize("operator", Operator)
@pytest.mark.parametrize("text", ["a|b", "|", "a:b", "50%", "%25", "a%7Cb", "a%3ab", "a|b:c%"])
def test_a_filter_reads_back_from_its_text(operator: Operator, text: str) -> None:
    values = {Operator.IS_SET: (), Operator.ONE_OF: (text, "other")}.get(operator, (text,))
    for dimension in ("title", f"data.{text}"):
        filter_ = Filter(dimension, operator, values)
        assert parse_filter(filter_.to_text()) == filter_
