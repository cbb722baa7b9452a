"""Filters applied: which hits and which sessions they select."""

from __future__ import annotations

import pytest

from proprium.metrics.results import Dimension, Metric
from tests.metrics.conftest import Past, sum_of
from tests.support.builders import GOOGLEBOT, IPHONE, an_event


def test_a_page_filter_counts_the_sessions_that_saw_it_and_judges_the_whole_visit(past: Past) -> None:
    past.append(
        an_event("ada", at="09:00", page="/"),
        an_event("ada", at="09:10", page="/pricing"),
        an_event("bob", at="09:00", page="/"),
    )
    found = past.totals("period=today&filter=page:is:/pricing")
    assert (found.visitors, found.page_views, found.sessions) == (1, 1, 1)
    assert (found.bounce_rate, found.visit_duration) == (0.0, 600.0)


def test_a_visit_from_before_the_period_counts_when_its_matching_hit_is_inside(past: Past) -> None:
    past.append(an_event(at="2026-11-01 23:50", page="/"), an_event(at="2026-11-02 00:10", page="/b"))
    text = "period=today&filter=page:is:/b"
    assert past.totals(text).sessions == 1
    assert sum_of(past.timeline(text)[Metric.SESSIONS]) == 1
    assert past.totals("period=today&filter=page:is:/").sessions == 0


def test_source_and_place_are_those_of_the_visits_first_page_view(past: Past) -> None:
    past.append(
        an_event(at="09:00", page="/", referrer="google.com", country="DE"),
        an_event(at="09:05", page="/b", country="AT"),  # the same visit, over another network
    )
    assert past.totals("period=today&filter=referrer:is:google.com").page_views == 2
    assert past.totals("period=today&filter=country:is:DE").page_views == 2
    assert past.totals("period=today&filter=country:is:AT").page_views == 0
    assert past.top(Dimension.COUNTRY) == [("DE", 1)]


def test_a_visitor_who_travels_is_one_visitor_with_a_place_for_each_visit(past: Past) -> None:
    """C26_roaming_visitor: three visits of a day from three countries."""
    past.append(*(an_event("roam", at=f"1{hour}:00", country=code) for hour, code in ((0, "DE"), (2, "US"), (4, "CZ"))))
    assert (past.totals().visitors, past.totals().sessions) == (1, 3)
    assert past.top(Dimension.COUNTRY) == [("CZ", 1), ("DE", 1), ("US", 1)]


def test_a_visits_source_holds_when_it_began_before_the_period(past: Past) -> None:
    past.append(an_event(at="2026-11-01 23:50", referrer="google.com"), an_event(at="2026-11-02 00:10", page="/b"))
    assert past.totals("period=today&filter=referrer:is:google.com").page_views == 1


def test_filters_of_both_kinds_work_together(past: Past) -> None:
    past.append(
        an_event("ada", page="/a", user_agent=IPHONE),
        an_event("bob", page="/a"),
        an_event("cem", page="/b", user_agent=IPHONE),
    )
    found = past.totals("period=today&filter=page:is:/a&filter=device:is:Mobile")
    assert (found.visitors, found.sessions) == (1, 1)


PAGES = ("/docs/a", "/docs/b", "/100%_off", "/100x-off", "/Über")


@pytest.mark.parametrize(
    ("wanted", "pages"),
    [
        ("page:is:/docs/a", {"/docs/a"}),
        ("page:is_not:/docs/a", {"/docs/b", "/100%_off", "/100x-off", "/Über", None}),
        ("page:contains:DOCS", {"/docs/a", "/docs/b"}),
        ("page:contains:0%_", {"/100%_off"}),
        ("page:contains:über", {"/Über"}),
        ("page:not_contains:docs", {"/100%_off", "/100x-off", "/Über", None}),
        ("page:one_of:/docs/a|/docs/b|/nowhere", {"/docs/a", "/docs/b"}),
        ("page:is_set", set(PAGES)),
        ("page:is_not:", set(PAGES)),
        ("page:is:", {None}),
        ("page:is:/' OR 1=1 --", set()),
    ],
)
def test_every_operator_selects_what_it_says(past: Past, wanted: str, pages: set[str | None]) -> None:
    past.append(*(an_event(f"v{page}", page=page) for page in (*PAGES, None)))
    found = past.breakdown(Dimension.PAGE, f"period=today&filter={wanted}")
    assert {row.value for row in found.rows} == pages


def test_any_key_of_the_data_can_be_filtered_on(past: Past) -> None:
    past.append(
        an_event("ada", event="signup", data={"plan": "pro", "seats": 3, 'a.b/c~"d': "odd", "nested": {"x": 1}}),
        an_event("bob", event="signup", data={"plan": "free", "ok": True}),
        an_event("cem"),
    )
    for wanted in ("data.plan:is:pro", "data.seats:is:3", 'data.a.b/c~"d:is:odd', "data.nested:is_set"):
        assert past.totals(f"period=today&filter={wanted}").visitors == 1, wanted
    assert past.totals("period=today&filter=data.ok:is:true").visitors == 1
    assert past.totals("period=today&filter=data.plan:is:").visitors == 1
    assert past.totals("period=today&filter=data.plan:is_not:pro").visitors == 2


def test_a_known_data_key_is_filtered_by_its_column(past: Past) -> None:
    past.append(an_event(title="Prices", utm_campaign="spring"), an_event("bob"))
    assert past.totals("period=today&filter=data.title:is:Prices").visitors == 1
    assert past.totals("period=today&filter=title:is:Prices").visitors == 1
    assert past.totals("period=today&filter=data.utm_campaign:is:spring").visitors == 1


def test_an_event_filter_leaves_that_event_and_its_visits(past: Past) -> None:
    past.append(an_event("ada"), an_event("ada", event="signup", at="09:05"), an_event("bob"))
    found = past.totals("period=today&filter=event:is:signup")
    assert (found.visitors, found.sessions, found.events, found.page_views) == (1, 1, 1, 0)


def test_bots_follow_a_page_filter_and_no_other(past: Past) -> None:
    past.append(an_event(None, page="/a", user_agent=GOOGLEBOT), an_event(None, page="/b", user_agent=GOOGLEBOT))
    assert past.totals("period=today&filter=page:is:/a").bots == 1
    assert past.totals("period=today&filter=country:is:DE").bots == 2


def test_a_query_for_bots_counts_bots_only(past: Past) -> None:
    past.append(an_event(), an_event(None, page="/a", user_agent=GOOGLEBOT))
    found = past.dashboard("period=today&audience=bots")
    assert (found.totals.events, found.totals.bots, found.totals.sessions, found.rows_read) == (1, 1, 0, 1)
    assert found.breakdowns[Dimension.BROWSER].rows == ()


def test_fifty_filters_at_once_are_answered(past: Past) -> None:
    past.append(an_event())
    assert past.totals("period=today&" + "&".join(f"filter=page:is_not:/{i}" for i in range(50))).visitors == 1
