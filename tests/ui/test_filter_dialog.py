"""Names of filter values, and the conditions that the filter dialog offers."""

from __future__ import annotations

import pytest

from maps.atlas import Atlas
from proprium.errors import BadQuery
from proprium.figures.names import CODED_DIMENSIONS, name_lookup, search_key, values_named
from proprium.figures.wording import all_filters_text
from proprium.metrics.query.filters import Filter, Operator, parse_filter
from proprium.ui.dashboard.filter_dialog import build_filters, condition_of


@pytest.mark.parametrize("dimension", sorted(CODED_DIMENSIONS))
def test_every_value_of_a_dimension_of_codes_is_found_by_its_name(dimension: str) -> None:
    values = list(values_named(Atlas(), dimension))
    assert len(values) >= 7
    lookup_name = name_lookup(Atlas())
    for value, name in values:
        assert name == lookup_name(dimension, value)
        assert parse_filter(f"{dimension}:is:{value}").value == value
        assert search_key(name) == search_key(f" {name.casefold()} ")


def test_an_hour_is_found_with_or_without_its_zero() -> None:
    assert search_key("Friday 9:00") == search_key("friday 09:00")
    assert search_key("Friday 19:00") != search_key("friday 9:00")


def test_a_place_is_found_without_its_accents() -> None:
    assert search_key("cote d'ivoire") == search_key("Côte d’Ivoire")


@pytest.mark.parametrize(
    ("condition", "values", "texts"),
    [
        ("is", ["DE"], ["country:is:DE"]),
        ("is", ["DE", "US"], ["country:one_of:DE|US"]),
        ("one_of", ["DE"], ["country:is:DE"]),
        ("is_not", ["DE", "US"], ["country:is_not:DE", "country:is_not:US"]),
        ("contains", ["D"], ["country:contains:D"]),
        ("is_set", [""], ["country:is_set"]),
        ("not_set", [""], ["country:is:"]),
    ],
)
def test_a_condition_becomes_filters_and_each_is_edited_as_that_condition(
    condition: str, values: list[str], texts: list[str]
) -> None:
    filters = build_filters("country", condition, values)
    assert [filter_.to_text() for filter_ in filters] == texts
    edited = {condition_of(filter_) for filter_ in filters}
    assert edited == {{"one_of": "is"}.get(condition, condition) if len(values) == 1 else condition_of(filters[0])}


@pytest.mark.parametrize("condition", ["is", "is_not", "one_of", "contains", "not_contains", "matches"])
def test_a_condition_without_a_value_is_not_applied(condition: str) -> None:
    with pytest.raises(BadQuery, match="Enter or select a value"):
        build_filters("page", condition, [""])


def test_the_conditions_of_a_goal_name_weekdays_and_hours() -> None:
    filters = [Filter("weekday_hour", Operator.IS, ("5-09",)), Filter("weekday", Operator.ONE_OF, ("1", "7"))]
    assert all_filters_text(filters) == "Weekday and hour is Friday 09:00 and Weekday is one of Monday, Sunday"
