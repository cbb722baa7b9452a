"""What the filters of a query hide: all of them together, and each one."""

from __future__ import annotations

from proprium.metrics.filter_impact import filter_impact
from proprium.metrics.query.filters import parse_filter
from tests.metrics.conftest import Past
from tests.support.builders import an_event


def visits(past: Past) -> None:
    past.append(
        an_event("ada", page="/a", country="DE"),
        an_event("bob", page="/a", country="DE"),
        an_event("cem", page="/b", country="US"),
    )


def test_the_strictest_filter_is_the_one_without_which_most_visitors_are_shown(past: Past) -> None:
    visits(past)
    impact = filter_impact(past.warehouse, past.query("period=today&filter=country:is:US&filter=page:is:/a"))
    assert impact.unfiltered == 3
    assert impact.without == {parse_filter("country:is:US"): 2, parse_filter("page:is:/a"): 1}
    assert impact.strictest == parse_filter("country:is:US")


def test_a_single_filter_hides_everybody(past: Past) -> None:
    visits(past)
    assert filter_impact(past.warehouse, past.query("period=today&filter=country:is:VA")).without == {
        parse_filter("country:is:VA"): 3
    }


def test_no_filter_is_the_strictest_if_two_match_nothing(past: Past) -> None:
    visits(past)
    impact = filter_impact(past.warehouse, past.query("period=today&filter=country:is:VA&filter=page:is:/no"))
    assert (impact.unfiltered, impact.strictest) == (3, None)


def test_in_an_empty_period_the_filters_are_not_the_reason(past: Past) -> None:
    visits(past)
    impact = filter_impact(past.warehouse, past.query("from=2020-01-01&to=2020-01-02&filter=country:is:VA"))
    assert (impact.unfiltered, impact.strictest) == (0, None)
