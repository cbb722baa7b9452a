"""Top lists: their values, what they count, and that the dashboard's are the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from collector.event import Event
from proprium.errors import BadQuery
from proprium.metrics.dashboard import dashboard
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension
from tests.metrics.conftest import Past
from tests.support.builders import GOOGLEBOT, IPHONE, an_event


def test_pages_count_views_and_all_events_by_page_count_events(past: Past) -> None:
    past.append(an_event(page="/a"), an_event(page="/a", event="scroll"), an_event(page="/b", at="09:05"))
    assert past.top(Dimension.PAGE) == [("/a", 1), ("/b", 1)]
    assert past.top(Dimension.EVENT_PAGE) == [("/a", 2), ("/b", 1)]


def test_entry_and_exit_pages_are_the_first_and_last_of_a_visit(past: Past) -> None:
    past.append(an_event(page="/a"), an_event(page="/b", at="09:05"), an_event(page="/c", at="09:10"))
    assert past.top(Dimension.ENTRY_PAGE) == [("/a", 1)]
    assert past.top(Dimension.EXIT_PAGE) == [("/c", 1)]


def test_visitors_are_counted_once_a_row(past: Past) -> None:
    past.append(an_event("ada", at="09:00"), an_event("ada", at="15:00"), an_event("bob", user_agent=IPHONE))
    assert past.top(Dimension.DEVICE) == [("Desktop", 1), ("Mobile", 1)]


def test_rows_have_their_share_of_all(past: Past) -> None:
    past.append(*(an_event(f"v{i}", page="/a" if i else "/b") for i in range(4)))
    lists = past.breakdown(Dimension.PAGE, limit=1)
    assert lists.rows == (BreakdownRow("/a", "/a", 3, 75.0),)
    assert (lists.total, lists.distinct, lists.count_title) == (4, 2, "Page views")


def test_missing_values_have_a_label(past: Past) -> None:
    past.append(an_event())
    labels = {name: past.breakdown(name).rows[0] for name in (Dimension.REFERRER, Dimension.COUNTRY, Dimension.SCREEN)}
    assert {row.value for row in labels.values()} == {None}
    assert [row.label for row in labels.values()] == ["Direct / none", "Unknown", "(not set)"]


def test_campaigns_list_only_what_was_tagged(past: Past) -> None:
    past.append(an_event("ada"), an_event("bob", utm_source="mail", utm_medium="email"))
    lists = past.breakdown(Dimension.UTM_SOURCE)
    assert [(row.label, row.share_percent) for row in lists.rows] == [("mail", 50.0)]  # of all visitors
    assert (lists.total, past.dashboard().breakdowns[Dimension.UTM_SOURCE].total) == (2, 2)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
TRAVELLER = [("DE", "/a", "09:00"), ("FR", "/b", "12:00"), ("US", "/c", "15:00")]


@pytest.mark.parametrize(
    "dimension", [Dimension.COUNTRY, Dimension.ENTRY_PAGE, Dimension.EXIT_PAGE, Dimension.BROWSER, Dimension.REFERRER]
)
def test_a_visitor_in_three_rows_is_one_in_the_total(past: Past, dimension: Dimension) -> None:
    """In the tile, in the list of all rows, and under a search."""
    agents = {"DE": IPHONE, "FR": FIREFOX, "US": an_event().user_agent}
    past.append(
        *(
            an_event(
                "ada", at=at, page=page, country=country, user_agent=agents[country], referrer=f"{country}.example"
            )
            for country, page, at in TRAVELLER
        )
    )
    past.append(an_event("bob", country="DE", page="/a", user_agent=IPHONE, referrer="DE.example"))
    tile = past.dashboard().breakdowns[dimension]
    assert [row.count for row in tile.rows] == [2, 1, 1]
    assert [row.share_percent for row in tile.rows] == [100.0, 50.0, 50.0]
    assert tile.total == past.totals().visitors == 2
    table = past.table(dimension)
    assert (table.total, table.matching_total) == (2, 2)
    assert [table.share_percent(row) for row in table.rows] == [100.0, 50.0, 50.0]
    names = {row.value for row in tile.rows if row.count == 1}
    assert past.table(dimension, values=tuple(names)).matching_total == 1


def test_an_open_countrys_regions_are_shares_of_that_countrys_visitors(past: Past) -> None:
    past.append(
        an_event("ada", country="DE", region="DE-HE"),
        an_event("ada", at="15:00", country="DE", region="DE-BE"),
        an_event("bob", country="DE", region="DE-BE"),
        an_event("cem", country="FR"),
    )
    tile = past.dashboard("period=today&map=DE").breakdowns[Dimension.REGION]
    assert [(row.value, row.share_percent) for row in tile.rows] == [("DE-BE", 100.0), ("DE-HE", 50.0)]
    assert tile.total == past.totals("period=today&filter=country:is:DE").visitors == 2


def test_custom_events_are_listed_without_the_built_in_ones(past: Past) -> None:
    past.append(an_event(), an_event(event="signup"), an_event(event="scroll"), an_event(event="signup"))
    assert past.top(Dimension.EVENT) == [("signup", 2)]
    tile = past.dashboard().breakdowns[Dimension.EVENT]
    assert (tile.total, tile.rows[0].share_percent) == (past.totals().events, 50.0)


def test_the_values_of_a_custom_key_are_listed(past: Past) -> None:
    past.append(*(an_event(event="signup", data={"plan": plan}) for plan in ("pro", "pro", "free")), an_event())
    lists = past.breakdown("data.plan")
    assert [(row.label, row.count) for row in lists.rows] == [("pro", 2), ("free", 1)]
    assert [row.share_percent for row in lists.rows] == [50.0, 25.0]  # of all events
    assert past.breakdown("data.plan", "period=today&filter=event:is:signup").total == 3
    assert (lists.dimension, lists.count_text(3)) == ("data.plan", "3 events")


def test_keys_that_storage_keeps_in_columns_are_listed_and_filtered_like_any_other(past: Past) -> None:
    past.append(
        an_event("ada", page="/a", screen_width=1920, screen_height=1080),
        an_event("ada", page="/b", screen_width=1920, screen_height=1200),
        an_event("bob", page="/a"),
    )
    assert [(row.value, row.count) for row in past.breakdown("data.user_id").rows] == [("ada", 2), ("bob", 1)]
    assert [(row.value, row.count) for row in past.breakdown("data.url").rows] == [("/a", 2), ("/b", 1)]
    assert [(row.value, row.count) for row in past.breakdown("data.screen_width").rows] == [("1920", 2)]
    assert [row.value for row in past.breakdown("data.screen_height").rows] == ["1080", "1200"]
    assert past.totals("period=today&filter=data.user_id:is:ada").page_views == 2
    assert past.totals("period=today&filter=data.screen_height:is:1200").visitors == 1


def test_bots_are_listed_by_name_category_and_page(past: Past) -> None:
    past.append(an_event(None, page="/a", user_agent=GOOGLEBOT), an_event(None, page="/a", user_agent=GOOGLEBOT))
    assert [count for _, count in past.top(Dimension.BOT)] == [2]
    assert past.top(Dimension.BOT)[0][0].startswith("Google")
    assert past.top(Dimension.BOT_PAGE) == [("/a", 2)]
    assert past.breakdown(Dimension.BOT_CATEGORY).total == 2
    assert past.top(Dimension.PAGE) == []


def test_a_long_list_is_paged_and_searched(past: Past) -> None:
    past.append(*(an_event(f"v{i}", page=f"/page/{i:02}") for i in range(25)))
    page = past.breakdown(Dimension.PAGE, limit=10, offset=20)
    assert ([row.label for row in page.rows], page.distinct) == ([f"/page/{i}" for i in range(20, 25)], 25)
    lists = past.breakdown(Dimension.PAGE, search="PAGE/1")
    assert (len(lists.rows), lists.distinct, lists.total) == (10, 10, 25)
    beyond = past.breakdown(Dimension.PAGE, offset=99)
    assert (beyond.rows, beyond.distinct, beyond.total) == ((), 25, 25)


def test_ties_are_in_the_order_of_their_labels(past: Past) -> None:
    past.append(*(an_event(f"v{page}", page=page) for page in ("/c", "/a", "/b")))
    assert [label for label, _ in past.top(Dimension.PAGE)] == ["/a", "/b", "/c"]


def test_an_unknown_dimension_is_rejected_with_the_valid_ones(past: Past) -> None:
    with pytest.raises(BadQuery, match=r"no dimension 'shoe_size'.*page.*data\.<key>"):
        past.breakdown("shoe_size")


def test_an_open_country_shows_its_regions_and_cities(past: Past) -> None:
    past.append(
        an_event("ada", country="DE", region="DE-HE", city="Frankfurt"),
        an_event("bob", country="US", region="US-NY", city="New York"),
        an_event("cem", country="DE"),
    )
    address = "period=today&map=DE"
    assert past.top(Dimension.COUNTRY, address) == [("DE", 2), ("US", 1)]
    assert past.top(Dimension.REGION, address) == [("DE-HE", 1), ("Unknown", 1)]
    assert past.top(Dimension.CITY, address) == [("Frankfurt", 1), ("Unknown", 1)]


def test_the_map_shows_every_country(past: Past) -> None:
    codes = [f"{a}{b}" for a in "ABCDEFGHIJ" for b in "KLM"]
    past.append(*(an_event(code, country=code) for code in codes))
    assert len(past.dashboard().breakdowns[Dimension.COUNTRY].rows) == 30
    assert len(past.dashboard().breakdowns[Dimension.CITY].rows) == 1


@pytest.mark.parametrize("more", ["", "&filter=page:contains:1", "&filter=country:is:DE", "&map=DE"])
def test_a_dashboards_tiles_are_its_breakdowns(past: Past, more: str) -> None:
    past.append(*a_busy_day())
    board = dashboard(past.warehouse, past.query("period=today" + more), tuple(Dimension))
    assert set(board.breakdowns) == set(Dimension)
    for dimension, tile in board.breakdowns.items():
        limit = 300 if dimension in {Dimension.COUNTRY, Dimension.REGION} else 10
        assert tile == past.breakdown(dimension, "period=today" + more, limit=limit), dimension


def test_odd_texts_are_listed_as_they_are(past: Past) -> None:
    odd = ["/<script>alert(1)</script>", "/😀", "/" + "x" * 2000, "/\u202eabc", "/%00", "/'; DROP TABLE event; --", ""]
    past.append(*(an_event(f"v{page}", page=page) for page in odd))
    assert {row.value for row in past.breakdown(Dimension.PAGE).rows} == set(odd)


def a_busy_day() -> list[Event]:
    """400 events of 60 visitors with every dimension in use; the same each time."""
    dice = random.Random(7)
    people: list[dict[str, Any]] = [
        {
            "visitor": f"v{i}",
            "user_agent": dice.choice([IPHONE, an_event().user_agent]),
            "country": dice.choice(["DE", "US", "FR", None]),
            "region": dice.choice(["DE-HE", "DE-BY", None]),
            "city": dice.choice(["Frankfurt", "München", None]),
            "referrer": dice.choice(["google.com", "example.org", None, None]),
            "utm_source": dice.choice(["mail", None]),
            "language": dice.choice(["de", "en", None]),
            "screen_width": dice.choice([390, 1920, None]),
            "screen_height": 800,
        }
        for i in range(60)
    ]
    events = [
        an_event(
            at=f"{dice.randrange(23):02}:{dice.randrange(60):02}:{dice.randrange(60):02}",
            page=f"/{dice.randrange(14)}",
            event=dice.choice(["page_view", "page_view", "click", "signup", "download"]),
            **dice.choice(people),
        )
        for _ in range(380)
    ]
    return events + [an_event(None, page=f"/{i % 3}", at=f"10:{i}", user_agent=GOOGLEBOT) for i in range(20)]


def test_single_breakdowns_can_be_queried(past: Past) -> None:
    past.append(*a_busy_day())
    every = past.dashboard().breakdowns
    for some in ([Dimension.PAGE], [Dimension.COUNTRY, Dimension.BOT], [Dimension.UTM_SOURCE, Dimension.EVENT], []):
        assert tiles_of(past, some) == {dimension: every[dimension] for dimension in some}


def tiles_of(past: Past, dimensions: list[Dimension]) -> dict[Dimension, Breakdown]:
    return dict(dashboard(past.warehouse, past.query(), dimensions).breakdowns)
