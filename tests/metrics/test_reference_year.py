"""The demo's year against the reference: every card, line and tile of typical queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.event import Event
from proprium.demo.exemplar import population
from proprium.demo.history import history
from proprium.metrics.breakdown import breakdown
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.filters import parse_filters
from proprium.metrics.query.goals import parse_goal
from tests.metrics.agreement import differences, of_tile, query_of
from tests.metrics.reference.query_spec import History, QuerySpec
from tests.metrics.reference.tiles import tile
from tests.support.warehouse_fixture import FilledWarehouse

UNTIL = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")

STRETCH, YEAR = (9, 2_500), (365, 200_000)  # days, events
SHORT = [("today", "hour", [], BERLIN), ("7d", "day", ["page:contains:/docs", "device:is:Desktop"], KOLKATA)]
LONG = [
    ("24h", "hour", [], BERLIN),
    ("28d", "day", [], BERLIN),
    ("28d", "day", ["country:is:DE", "browser:is_not:Chrome"], BERLIN),
    ("28d", "hour", ["channel:one_of:Organic search|Paid search"], KOLKATA),
    ("12mo", "month", [], BERLIN),
    ("12mo", "week", ["page:contains:/blog", "event:is:page_view"], KOLKATA),
    ("90d", "week", ["utm_source:is:newsletter", "entry_page:not_contains:/blog"], BERLIN),
    ("ytd", "month", ["exit_page:is:/signup", "referrer:is:"], BERLIN),
]


def question(period: str, interval: str, filters: list[str], zone: ZoneInfo) -> QuerySpec:
    return QuerySpec(
        now=UNTIL - timedelta(hours=2, minutes=11),
        zone=zone,
        period=period,
        filters=parse_filters(filters),
        interval=interval,
        custom_cards=("signup", "search"),
        goals=(parse_goal("Signed up", ["event:is:signup"]), parse_goal("Read on", ["page:matches:/blog/*"])),
    )


def fill(warehouse: FilledWarehouse, days: int, count: int) -> list[Event]:
    events: list[Event] = []
    for day in history(population(), warehouse.property.number or 0, UNTIL, count, days=days):
        warehouse.store.append(day)
        events += day
    warehouse.projector.catch_up()
    return events


def test_the_demo_counts_to_what_the_definitions_say(warehouse: FilledWarehouse, fuzz: bool) -> None:
    history = History(fill(warehouse, *(YEAR if fuzz else STRETCH)))
    for spec in [*SHORT, *(LONG if fuzz else [])]:
        one = question(*spec)
        query = query_of(warehouse.property, one)
        assert differences(dashboard(warehouse.warehouse, query), history, one) == []
        table = breakdown(warehouse.warehouse, query, "data.plan")
        assert of_tile(table, tile(history, one, one.span, "data.plan")) == []
