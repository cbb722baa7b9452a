"""Filters applied: which hits and which sessions they select."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import Event
from proprium.metrics.query.filters import HIT_DIMENSIONS, SESSION_DIMENSIONS
from proprium.metrics.results import Dimension, Metric
from tests.metrics.conftest import Past, sum_of
from tests.support.builders import GOOGLEBOT, IPHONE, an_event


def test_a_page_filter_counts_the_sessions_that_saw_it_and_judges_the_whole_visit(past: Past) -> None:
    past.append(
        an_event("ada", at="09:00", page="/"),
        an_event("ada", at="09:10", page="/pricing"),
        an_event("bob", at="09:00", page="/"),
    )
    result = past.totals("period=today&filter=page:is:/pricing")
    assert (result.visitors, result.page_views, result.sessions) == (1, 1, 1)
    assert (result.bounce_rate, result.visit_duration) == (0.0, 600.0)


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
    result = past.totals("period=today&filter=page:is:/a&filter=device:is:Mobile")
    assert (result.visitors, result.sessions) == (1, 1)


PAGES = ("/docs/a", "/docs/b", "/100%_off", "/100x-off", "/Über")


@pytest.mark.parametrize(
    ("expected", "pages"),
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
def test_every_operator_selects_what_it_says(past: Past, expected: str, pages: set[str | None]) -> None:
    past.append(*(an_event(f"v{page}", page=page) for page in (*PAGES, None)))
    result = past.breakdown(Dimension.PAGE, f"period=today&filter={expected}")
    assert {row.value for row in result.rows} == pages


def test_any_key_of_the_data_can_be_filtered_on(past: Past) -> None:
    past.append(
        an_event("ada", event="signup", data={"plan": "pro", "seats": 3, 'a.b/c~"d': "odd", "nested": {"x": 1}}),
        an_event("bob", event="signup", data={"plan": "free", "ok": True}),
        an_event("cem"),
    )
    for expected in ("data.plan:is:pro", "data.seats:is:3", 'data.a.b/c~"d:is:odd', "data.nested:is_set"):
        assert past.totals(f"period=today&filter={expected}").visitors == 1, expected
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
    result = past.totals("period=today&filter=event:is:signup")
    assert (result.visitors, result.sessions, result.events, result.page_views) == (1, 1, 1, 0)


BOT_FILTERS = {
    "page": "/docs/a",
    "title": "Docs",
    "section": "/docs/*",
    "event": "signup",
    "weekday": "1",
    "hour": "11",
    "weekday_hour": "1-11",
    "data.plan": "pro",
    "country": "DE",
    "region": "DE-HE",
    "city": "Frankfurt",
    "hostname": "docs.example.com",
    "device": "Desktop",
    "browser": "Chrome",
    "browser_version": "Chrome 140",
    "platform": "Linux",
    "platform_version": "Linux",
    "screen": "1920×1080",
    "screen_class": "Desktop",
    "language": "de",
}
"""What the hit of a bot has, with the value of the one in the tests below."""
VISIT_FILTERS = {
    *("source", "channel", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("entry_page", "exit_page", "visitor_kind"),
}
"""What only a visit has; bots make none."""


def test_every_filter_is_one_of_bots_or_one_of_visits() -> None:
    assert {*HIT_DIMENSIONS, *SESSION_DIMENSIONS} - {"event_name"} == {*BOT_FILTERS, *VISIT_FILTERS} - {"data.plan"}


def a_bot(**changes: Any) -> Event:
    return an_event(None, automated=True, at="11:00", **changes)


@pytest.mark.parametrize("dimension", BOT_FILTERS)
def test_bots_follow_each_filter_that_their_hits_have(past: Past, dimension: str) -> None:
    matching = a_bot(
        page="/docs/a",
        title="Docs",
        event="signup",
        data={"plan": "pro"},
        country="DE",
        region="DE-HE",
        city="Frankfurt",
        hostname="docs.example.com",
        screen_width=1920,
        screen_height=1080,
        language="de",
    )
    past.append(matching, an_event(None, at="2026-11-01 10:00", page="/b", user_agent=GOOGLEBOT), an_event("ada"))
    text = f"period=7d&filter={dimension}:is:{BOT_FILTERS[dimension]}"
    assert past.query(text).filters_not_for_bots == ()
    assert past.totals(text).bots == 1
    assert sum(row.count for row in past.dashboard(text).breakdowns[Dimension.BOT].rows) == 1
    assert past.breakdown(Dimension.BOT_PAGE, text).total == 1
    assert past.totals(f"{text}&audience=bots").events == 1
    assert past.totals(f"period=7d&filter={dimension}:is:nothing").bots == 0


@pytest.mark.parametrize("dimension", sorted(VISIT_FILTERS))
def test_a_filter_of_visits_does_not_filter_bots_and_is_named(past: Past, dimension: str) -> None:
    past.append(a_bot(page="/a"), a_bot(page="/b"))
    query = past.query(f"period=today&filter={dimension}:is:x&filter=page:is:/a")
    assert [filter_.dimension for filter_ in query.filters_not_for_bots] == [dimension]
    assert past.totals(f"period=today&filter={dimension}:is:x&filter=page:is:/a").bots == 1


PAGE_FILTERS = ("page:is:/a", "page:contains:/a", "section:is:/a", "title:is:A")


@pytest.mark.parametrize("filter_text", PAGE_FILTERS)
def test_the_visitors_of_a_page_are_those_who_viewed_it(past: Past, filter_text: str) -> None:
    """On the cards, on the lines and in every tile: not who left, scrolled or clicked there without viewing it."""
    on_page = {"page": "/a", "title": "A"}
    past.append(
        an_event("ada", **on_page),
        an_event("bob", at="2026-11-01 23:59", **on_page),
        an_event("bob", at="00:01", event="page_leave", **on_page),
        an_event("cem", at="10:00", event="click", country="FR", **on_page),
        an_event("dan", at="10:00", event="signup", **on_page),
    )
    text = f"period=today&filter={filter_text}"
    totals, board = past.totals(text), past.dashboard(text)
    assert (totals.visitors, totals.page_views, totals.events) == (1, 1, 4)
    assert sum_of(past.timeline(text)[Metric.VISITORS]) == 1
    assert [row.count for row in board.breakdowns[Dimension.COUNTRY].rows] == [1]
    assert board.breakdowns[Dimension.COUNTRY].total == 1
    assert past.totals(f"{text}&filter=event:is:signup").visitors == 1
    assert past.totals(f"{text}&filter=event:is:click").visitors == 1


@pytest.mark.parametrize("dimension", [Dimension.PAGE, Dimension.SECTION, Dimension.TITLE, Dimension.EVENT_PAGE])
def test_a_row_of_pages_has_no_more_visitors_than_views(past: Past, dimension: Dimension) -> None:
    past.append(
        an_event("ada", page="/a", title="/a"),
        *(an_event(f"v{i}", page="/a", title="/a", event="scroll", at="10:00") for i in range(3)),
    )
    (row,) = past.table(dimension, metrics=[Metric.PAGE_VIEWS, Metric.VISITORS, Metric.EVENTS]).rows
    assert row.numbers == {Metric.PAGE_VIEWS: 1, Metric.VISITORS: 1, Metric.EVENTS: 4}


def test_a_query_for_bots_counts_bots_only(past: Past) -> None:
    past.append(an_event(), an_event(None, page="/a", user_agent=GOOGLEBOT))
    result = past.dashboard("period=today&audience=bots")
    assert (result.totals.events, result.totals.bots, result.totals.sessions, result.rows_read) == (1, 1, 0, 1)
    assert result.breakdowns[Dimension.BROWSER].rows == ()


def test_fifty_filters_at_once_are_answered(past: Past) -> None:
    past.append(an_event())
    assert past.totals("period=today&" + "&".join(f"filter=page:is_not:/{i}" for i in range(50))).visitors == 1


@pytest.mark.parametrize("operator", ["matches", "contains"])
@pytest.mark.parametrize("special", ["_", "%", "\\", "*"])
def test_characters_that_are_special_in_sql_stand_for_themselves(past: Past, operator: str, special: str) -> None:
    for value in ("a_b", "a%b", "a\\b", "a*b", "axb", "axxb", "ab"):
        past.append(an_event(value, event="signup", data={"plan": value}))
    text = f"a{special}b".replace("%", "%25")
    is_wildcard = operator == "matches" and special == "*"
    found = {label for label, _ in past.top("data.plan", f"period=today&filter=data.plan:{operator}:{text}")}
    assert found == ({"a_b", "a%b", "a\\b", "a*b", "axb", "axxb", "ab"} if is_wildcard else {f"a{special}b"})


@pytest.mark.parametrize("filters", ["", "&filter=browser:is:Chrome", "&filter=page:is:/"])
def test_the_visitors_of_a_period_were_active_in_it(past: Past, filters: str) -> None:
    """A session of the day before counts where it runs over midnight, and only there."""
    past.append(an_event("ended", "2026-11-01 20:00"), an_event("ended", "2026-11-01 20:10", "/b"))
    past.append(an_event("over midnight", "2026-11-01 23:50"), an_event("over midnight", "2026-11-02 00:10"))
    past.append(an_event("later", "2026-11-03 00:00"))
    text = f"period=today{filters}"
    assert past.totals(text).visitors == 1
    assert past.timeline(f"{text}&interval=day")[Metric.VISITORS].values == (1,)
    assert past.top(Dimension.BROWSER, text) == [("Chrome", 1)]
    assert [(row.value, row.numbers[Metric.VISITORS]) for row in past.table(Dimension.BROWSER, text).rows] == [
        ("Chrome", 1)
    ]
    assert past.dashboard(text).breakdowns[Dimension.BROWSER].rows[0].count == 1
