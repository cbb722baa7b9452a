"""Tables of any dimension with any metrics: a row equals the cards filtered for its value."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import Identity
from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.query.filters import filter_for, parse_filter
from proprium.metrics.query.query import Goal
from proprium.metrics.results import BreakdownTable, Dimension, Metric
from tests.metrics.conftest import Past
from tests.metrics.test_top_lists import a_busy_day
from tests.support.builders import IPHONE, an_event
from tests.support.period_totals import period_totals

COMPARED = [
    dimension for dimension in Dimension if dimension.spec.scope is not Scope.BOT and filter_for(dimension, "x")
]
FILTERS = ["", "&filter=page:contains:1&filter=country:is:DE"]
SIGNED_UP = Goal("Signed up", (parse_filter("event:is:signup"),))


def numbers(table: BreakdownTable, value: str | None) -> dict[Metric, float | None]:
    return next(dict(row.numbers) for row in table.rows if row.value == value)


def values(table: BreakdownTable) -> list[str | None]:
    return [row.value for row in table.rows]


@pytest.mark.parametrize("more", FILTERS)
def test_a_row_says_what_the_cards_say_when_its_value_is_filtered_for(past: Past, more: str) -> None:
    past.goals = (SIGNED_UP,)
    past.append(*a_busy_day(), an_event("night", at="2026-11-01 23:50", page="/1", country="DE"))
    past.append(an_event("night", at="00:10", page="/2", country="US"), an_event("night", at="00:20", event="signup"))
    query = past.query("period=today" + more)
    compared = 0
    for dimension in COMPARED:
        table = breakdown_table(past.warehouse, query, dimension, limit=1000)
        for row in table.rows[:1]:
            expected = filter_for(dimension, row.value)
            assert expected is not None
            compared += 1
            cards = period_totals(past.warehouse, query.with_filters(*query.filters, expected))
            for metric in Metric:
                assert row.numbers[metric] == pytest.approx(cards.value(metric)), (dimension, row.value, metric)
    assert compared > 20


def test_every_metric_sorts_and_what_is_not_known_comes_last(past: Past) -> None:
    past.goals = (SIGNED_UP,)
    past.append(*a_busy_day())
    for metric in Metric:
        for ascending in (False, True):
            table = past.table(Dimension.PAGE, metrics=[metric], sort=metric, ascending=ascending)
            known = [row.numbers[metric] for row in table.rows if row.numbers[metric] is not None]
            assert known == sorted(known, reverse=not ascending), metric  # type: ignore[type-var]
            assert all(row.numbers[metric] is None for row in table.rows[len(known) :])


@pytest.mark.parametrize("ascending", [False, True])
def test_values_without_the_metric_come_last_in_either_order(past: Past, ascending: bool) -> None:
    past.append(
        an_event("ada", page="/unmeasured"),
        *(an_event("bob", page=page, view_id=page) for page in ("/short", "/long")),
        an_event("bob", page="/short", view_id="/short", event="page_leave", time_on_page=5_000, at="09:01"),
        an_event("bob", page="/long", view_id="/long", event="page_leave", time_on_page=9_000, at="09:02"),
    )
    table = past.table(Dimension.PAGE, metrics=[Metric.TIME_ON_PAGE], sort=Metric.TIME_ON_PAGE, ascending=ascending)
    assert values(table) == [*(("/short", "/long") if ascending else ("/long", "/short")), "/unmeasured"]


def test_only_the_requested_metrics_are_returned(past: Past) -> None:
    past.append(an_event())
    table = past.table(Dimension.PAGE, metrics=[Metric.BOUNCE_RATE, Metric.VISITORS])
    assert table.metrics == (Metric.BOUNCE_RATE, Metric.VISITORS)
    assert list(table.rows[0].numbers) == [Metric.BOUNCE_RATE, Metric.VISITORS]


def test_a_table_is_searched_and_paged_and_keeps_its_total(past: Past) -> None:
    past.append(*(an_event(f"v{i}", page=f"/page/{i:02}") for i in range(25)))
    table = past.table(Dimension.PAGE, search="PAGE/1", limit=3, offset=2)
    assert (values(table), table.distinct, table.total) == (["/page/12", "/page/13", "/page/14"], 10, 25)
    assert table.matching_total == 10
    beyond = past.table(Dimension.PAGE, offset=99)
    assert (beyond.rows, beyond.distinct, beyond.total) == ((), 25, 25)


@pytest.mark.parametrize(
    ("dimension", "search", "total", "matching"),
    [
        (Dimension.ENTRY_PAGE, "/DOCS", 3, 2),  # ada entered on two of them
        (Dimension.PAGE, "/docs", 5, 4),
        (Dimension.SECTION, "docs", 5, 4),
        (Dimension.EVENT_PAGE, "/docs", 6, 5),
        (Dimension.EVENT, "sign", 6, 1),
        (Dimension.EVENT, "", 6, 1),
        (Dimension.UTM_SOURCE, "mail", 3, 1),
        (Dimension.UTM_SOURCE, "", 3, 2),
        ("data.plan", "", 6, 1),
        (Dimension.BOT, "google", 2, 1),
        (Dimension.PAGE, "100%", 5, 0),
    ],
)
def test_a_search_counts_what_is_in_the_rows_that_it_leaves(
    past: Past, dimension: Dimension | str, search: str, total: int, matching: int
) -> None:
    past.append(
        an_event("ada", page="/docs/a", utm_source="mail"),
        an_event("ada", page="/docs/b", at="12:00", utm_source="newsmail"),
        an_event("bob", page="/docs/a", utm_source="ad"),
        an_event("bob", page="/docs/b", at="09:05"),
        an_event("bob", page="/docs/b", at="09:06", event="signup", data={"plan": "pro"}),
        an_event("cem", page="/"),
        an_event(None, user_agent="Googlebot/2.1"),
        an_event(None, user_agent="curl/8.0"),
    )
    table = past.table(dimension, search=search)
    assert (table.total, table.matching_total) == (total, matching)


def test_the_exit_rate_of_a_page_is_its_exits_by_its_views(past: Past) -> None:
    past.append(an_event("ada", page="/a"), an_event("ada", page="/b", at="09:05"), an_event("bob", page="/a"))
    table = past.table(Dimension.PAGE, metrics=[Metric.EXIT_RATE])
    assert {row.value: row.numbers[Metric.EXIT_RATE] for row in table.rows} == {"/a": 50.0, "/b": 100.0}
    assert past.totals("period=today&filter=page:is:/a").exit_rate == 50.0


def test_only_the_last_view_of_a_visit_is_an_exit_whatever_is_filtered_for(past: Past) -> None:
    past.append(an_event("ada", page="/", title="Home"), an_event("ada", page="/a", title="Prices", at="09:01"))
    assert past.totals("period=today&filter=title:is:Home").exit_rate == 0.0
    assert past.totals("period=today&filter=title:is:Prices").exit_rate == 100.0
    assert past.totals().exit_rate == 50.0


def test_a_visitor_is_new_on_the_first_visit_and_returning_later(past: Past) -> None:
    past.append(an_event("ada", event="session_start"), an_event("ada"), an_event("ada", at="15:00"), an_event("bob"))
    table = past.table(Dimension.VISITOR_KIND, metrics=[Metric.SESSIONS])
    assert {row.value: row.numbers[Metric.SESSIONS] for row in table.rows} == {"new": 1, "returning": 2}
    assert past.totals("period=today&filter=visitor_kind:is:new").sessions == 1


def test_the_scroll_depth_is_the_mean_of_what_each_view_reached(past: Past) -> None:
    past.append(
        an_event("ada", page="/a", view_id="1"),
        an_event("ada", page="/a", view_id="1", event="scroll", scroll_depth=25, at="09:00:05"),
        an_event("ada", page="/a", view_id="1", event="scroll", scroll_depth=75, at="09:00:09"),
        an_event("bob", page="/a", view_id="2"),
        an_event("bob", page="/a", view_id="2", event="page_leave", scroll_depth=25, time_on_page=400, at="09:00:20"),
        an_event("cem", page="/a", view_id="3"),
        an_event("dan", page="/b", at="10:00"),
        an_event("dan", page="/b", event="scroll", scroll_depth=100, at="10:01"),
    )
    table = past.table(Dimension.PAGE, metrics=[Metric.SCROLL_DEPTH, Metric.TIME_ON_PAGE])
    assert numbers(table, "/a") == {Metric.SCROLL_DEPTH: 50.0, Metric.TIME_ON_PAGE: None}
    assert numbers(table, "/b")[Metric.SCROLL_DEPTH] == 100.0
    assert past.totals().scroll_depth == pytest.approx(200 / 3)


def test_a_goal_is_reached_by_visits_and_its_rate_is_of_all_visits(past: Past) -> None:
    past.goals = (SIGNED_UP, Goal("Read the blog", (parse_filter("page:matches:/blog/*"),)))
    past.append(
        an_event("ada", page="/blog/one"),
        an_event("ada", event="signup", at="09:05"),
        an_event("ada", event="signup", at="09:06"),
        an_event("bob", page="/blog/"),
        an_event("cem", page="/blogs"),
        an_event("dan"),
    )
    totals = past.totals()
    assert totals.goals == {"Signed up": 1, "Read the blog": 2}
    assert (totals.conversions, totals.conversion_rate) == (2, 50.0)
    chosen = past.totals("period=today&goal=Signed up")
    assert (chosen.conversions, chosen.conversion_rate) == (1, 25.0)


def test_a_goal_may_ask_for_data_of_the_same_hit(past: Past) -> None:
    past.goals = (Goal("Paid", (parse_filter("event:is:signup"), parse_filter("data.plan:is:pro"))),)
    past.append(
        an_event("ada", event="signup", data={"plan": "free"}),
        an_event("ada", event="hover", data={"plan": "pro"}, at="09:01"),
        an_event("bob", event="signup", data={"plan": "pro"}),
    )
    assert past.totals().conversions == 1


def test_without_goals_there_are_no_conversions(past: Past) -> None:
    past.append(an_event())
    assert (past.totals().conversions, past.totals().conversion_rate) == (None, None)


@pytest.mark.parametrize(
    ("dimension", "event", "label"),
    [
        (Dimension.SECTION, {"page": "/blog/2026/hello"}, "/blog/*"),
        (Dimension.SECTION, {"page": "/pricing"}, "/pricing"),
        (Dimension.SECTION, {"page": "/"}, "/"),
        (Dimension.TITLE, {"title": "Hello"}, "Hello"),
        (Dimension.BROWSER_VERSION, {}, "Chrome 140"),
        (Dimension.PLATFORM_VERSION, {"user_agent": IPHONE}, "iOS 18.1"),
        (Dimension.SCREEN_CLASS, {"screen_width": 390, "screen_height": 844}, "Phone"),
        (Dimension.SCREEN_CLASS, {"screen_width": 1440, "screen_height": 900}, "Desktop"),
        (Dimension.SCREEN_CLASS, {}, "(not set)"),
        (Dimension.WEEKDAY, {}, "Monday"),
        (Dimension.HOUR, {}, "09:00"),
        (Dimension.WEEKDAY_HOUR, {}, "Monday 09:00"),
        (Dimension.EVENT_NAME, {"event": "scroll"}, "scroll"),
        (Dimension.SOURCE, {}, "Direct / none"),
        (Dimension.VISITOR_KIND, {}, "returning"),
        (Dimension.VISITOR_KIND, {"identity": Identity.DAILY}, "Unknown (no cookie)"),
    ],
)
def test_a_dimension_lists_its_values(past: Past, dimension: Dimension, event: dict[str, Any], label: str) -> None:
    past.append(an_event(**event))
    assert [row.label for row in past.table(dimension).rows] == [label]


def test_weekday_and_hour_are_those_of_the_propertys_zone(past: Past) -> None:
    past.timezone = "Asia/Kolkata"
    past.append(an_event(at="2026-11-01 18:40"))
    assert values(past.table(Dimension.WEEKDAY_HOUR, "period=7d")) == ["1-00"]
    past.timezone = "Europe/Berlin"
    assert values(past.table(Dimension.WEEKDAY_HOUR, "period=7d")) == ["7-19"]


def test_hits_of_people_and_of_bots_can_be_counted_together(past: Past) -> None:
    past.append(an_event(page="/a"), an_event(None, page="/a", user_agent="Googlebot/2.1"))
    assert [past.totals(f"period=today{more}").events for more in ("", "&audience=bots", "&audience=all")] == [1, 1, 2]
    assert past.totals("period=today&audience=all").sessions == 1
    assert past.table(Dimension.EVENT_PAGE, "period=today&audience=all").rows[0].numbers[Metric.EVENTS] == 2
