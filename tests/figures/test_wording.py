"""Changes and filters in words."""

from __future__ import annotations

import pytest

from proprium.figures.wording import all_filters_text, change_text, change_tooltip, filter_text, unfiltered_bots_text
from proprium.metrics.comparison import change
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.results import Metric
from tests.support.dashboards import a_query


@pytest.mark.parametrize(
    ("filter_", "text"),
    [
        (Filter("country", Operator.IS, ("DE",)), "Country is Germany"),
        (Filter("country", Operator.IS, ("",)), "Country is not set"),
        (Filter("country", Operator.IS_NOT, ("DE",)), "Country is not Germany"),
        (Filter("country", Operator.IS_NOT, ("",)), "Country is set"),
        (Filter("page", Operator.CONTAINS, ("/docs",)), "Page contains /docs"),
        (Filter("page", Operator.NOT_CONTAINS, ("/docs",)), "Page does not contain /docs"),
        (Filter("page", Operator.MATCHES, ("/docs/*",)), "Page matches /docs/*"),
        (Filter("country", Operator.ONE_OF, ("DE", "FR")), "Country is one of Germany, FR"),
        (Filter("data.plan", Operator.IS_SET), "plan is set"),
    ],
)
def test_a_filter_is_a_sentence(filter_: Filter, text: str) -> None:
    assert filter_text(filter_, lambda _, value: {"DE": "Germany"}.get(value, value)) == text


def test_several_filters_are_one_sentence() -> None:
    filters = (Filter("event", Operator.IS, ("sign_up",)), Filter("data.plan", Operator.IS, ("pro",)))
    assert all_filters_text(filters) == "Event is sign_up and plan is pro"
    assert all_filters_text(()) == ""


def test_a_change_from_nothing_is_new() -> None:
    assert change_text(change(5, 0, Metric.VISITORS)) == "new"
    assert change_text(change(110, 100, Metric.VISITORS)) == "+10.0%"


def test_a_changes_tooltip_names_the_value_before_and_why_it_is_new() -> None:
    assert change_tooltip(change(110, 100, Metric.VISITORS), "100") == "Previous: 100"
    assert change_tooltip(change(110, 0, Metric.VISITORS), "0") == "Previous: 0"
    late = change(110, 12, Metric.VISITORS, is_comparable=False)
    assert change_tooltip(late, "12") == "Previous: 12. The compared period begins before the first event."


@pytest.mark.parametrize(
    ("dimensions", "text"),
    [
        ((), ""),
        (("page", "country", "browser", "data.plan", "event"), ""),
        (("source",), "Not filtered by Source."),
        (("page", "channel", "entry_page", "channel"), "Not filtered by Channel, Entry page."),
    ],
)
def test_the_filters_that_bots_do_not_follow_are_named(dimensions: tuple[str, ...], text: str) -> None:
    filters = (Filter(dimension, Operator.IS, (str(index),)) for index, dimension in enumerate(dimensions))
    assert unfiltered_bots_text(a_query(data_access=EVERY_KEY).with_filters(*filters)) == text
