"""Restricted principals: every question answers as for the owner under the same filter, and nothing widens it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proprium.errors import DataKeyNotPublic, Forbidden
from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.dashboard import dashboard
from proprium.metrics.data_keys import data_keys
from proprium.metrics.explain import explain
from proprium.metrics.filter_impact import filter_impact
from proprium.metrics.live import live_visitors
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.filters import parse_filter, parse_filters
from proprium.metrics.query.parts import LISTED_DIMENSIONS, Part, dimensions_of
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Dimension, Metric
from tests.metrics.conftest import Past
from tests.support.builders import GOOGLEBOT, an_event

SEGMENTS = {
    "page": ["page:is:/pricing"],
    "session": ["country:is:DE"],
    "source": ["utm_source:is:newsletter"],
    "data": ["data.plan:is:pro"],
    "several": ["country:is:DE", "page:contains:pric"],
}


@pytest.fixture
def visits(past: Past) -> Past:
    """Ada is from Germany and came by the newsletter, Bob is from France, Cleo's plan is pro; and a bot."""
    past.append(
        an_event("ada", "22:50", "/", country="DE", utm_source="newsletter"),
        an_event("ada", "22:51", "/pricing", country="DE", data={"plan": "free"}),
        an_event("bob", "22:52", "/", country="FR"),
        an_event("bob", "22:53", "/about", country="FR", event="click", data={"plan": "free"}),
        an_event("cleo", "22:58", "/pricing", country="DE", data={"plan": "pro"}),
        an_event("cleo", "22:59", "/pricing", event="sign_up", country="DE", data={"plan": "pro"}),
        an_event(None, "22:59", "/secret", user_agent=GOOGLEBOT, country="US"),
    )
    return past


def restricted(query: Query, segment: list[str], *others: str) -> Query:
    """The query of somebody who may see the segment only, with filters of their own."""
    access = DataAccess(frozenset(), parse_filters(segment))
    return replace(query, data_access=access, filters=parse_filters(list(others)))


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS)
def test_a_dashboard_is_that_of_the_segment(visits: Past, segment: list[str]) -> None:
    query = visits.query()
    own, shared = (
        dashboard(visits.warehouse, query.with_filters(*parse_filters(segment))),
        dashboard(visits.warehouse, restricted(query, segment)),
    )
    assert shared.totals.values == own.totals.values
    assert 0 < shared.totals.value(Metric.VISITORS) < 3  # type: ignore[operator]
    assert shared.timelines == own.timelines
    for dimension, breakdown in own.breakdowns.items():
        if dimension.spec.scope.name != "BOT":
            assert shared.breakdowns[dimension] == breakdown


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS)
@pytest.mark.parametrize("audience", list(Audience))
@pytest.mark.parametrize("tampering", ["page:is_not:x", "country:is:FR", "page:is:/about", "browser:is_set"])
def test_no_filter_and_no_audience_shows_other_visits(
    visits: Past, segment: list[str], audience: Audience, tampering: str
) -> None:
    query = replace(restricted(visits.query(), segment, tampering), audience=audience)
    pages = {row.value for row in breakdown_table(visits.warehouse, query, "page").rows}
    assert "/about" not in pages
    if segment[0].startswith(("utm_source", "page", "data")):
        assert "/secret" not in pages
        assert breakdown_table(visits.warehouse, query, "bot_page").rows == ()


def test_live_visitors_are_those_of_the_segment(visits: Past) -> None:
    query = visits.query()

    def live(query: Query) -> tuple[int, int]:
        counts = live_visitors(visits.warehouse, query.property_number, query.now, 5, query)
        return counts.now, counts.half_hour

    assert live(query) == (1, 3)
    assert {name: live(restricted(query, segment)) for name, segment in SEGMENTS.items()} == {
        "page": (1, 2),
        "session": (1, 2),
        "source": (0, 1),
        "data": (1, 1),
        "several": (1, 2),
    }


def test_what_filters_hide_is_counted_within_the_segment(visits: Past) -> None:
    query = restricted(visits.query(), SEGMENTS["session"], "page:is:/nowhere")
    assert filter_impact(visits.warehouse, query).unfiltered == 2


def test_an_explanation_shows_no_hits_beyond_the_segment_and_no_condition_of_it(visits: Past) -> None:
    explanation = explain(visits.warehouse, restricted(visits.query(), SEGMENTS["data"]), Metric.VISITORS)
    assert explanation.sql == ""
    assert explanation.left_out == ()
    assert {step.hits for step in explanation.steps} == {2}
    assert "pro" not in " ".join(step.label for step in explanation.steps)


def test_the_reader_of_a_segment_on_private_data_may_not_query_its_key(visits: Past) -> None:
    query = visits.query()
    for tampering in ("data.plan:is:free", "data.plan:is_set"):
        with pytest.raises(DataKeyNotPublic):
            restricted(query, SEGMENTS["data"], tampering)
    shared = restricted(query, SEGMENTS["data"])
    with pytest.raises(DataKeyNotPublic):
        breakdown_table(visits.warehouse, shared, "data.plan")
    assert data_keys(visits.warehouse, shared) == ()


def test_removing_filters_keeps_the_restriction_and_results_are_not_shared_with_others(visits: Past) -> None:
    query = restricted(visits.query(), SEGMENTS["session"], "page:is:/pricing")
    assert query.with_filters().conditions == parse_filters(SEGMENTS["session"])
    assert query.normalised.conditions == query.conditions
    keys = {replace(query, data_access=access).normalised for access in (query.data_access, DataAccess())}
    assert len(keys) == 2


@pytest.mark.parametrize("part", list(Part))
def test_a_part_lists_and_filters_by_its_own_dimensions_only(visits: Past, part: Part) -> None:
    allowed = dimensions_of(frozenset({part}))
    assert allowed is not None
    query = replace(visits.query(), data_access=DataAccess(dimensions=allowed))
    for dimension in Dimension:
        if dimension in allowed:
            breakdown_table(visits.warehouse, query, dimension)
        else:
            with pytest.raises(Forbidden, match="not part of what was shared"):
                breakdown_table(visits.warehouse, query, dimension)
    listed = set(dashboard(visits.warehouse, query).breakdowns)
    assert listed <= set(LISTED_DIMENSIONS.get(part, ()))
    if "country" not in allowed:
        with pytest.raises(Forbidden):
            query.with_filters(parse_filter("country:is:DE"))
