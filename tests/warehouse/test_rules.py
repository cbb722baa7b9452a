"""Rules of a property about sessions and pages hold for history too, and are reverted exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.explain import explain
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Dimension, Metric
from proprium.properties.service import find_any, update_settings
from proprium.serialization.raw_events import events_of
from proprium.warehouse import schema
from tests.metrics.histories import HEADLESS
from tests.support.builders import CHROME, CURL, GOOGLEBOT, IPHONE, an_event
from tests.support.period_totals import period_totals
from tests.support.warehouse_fixture import FilledWarehouse

NOW = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)


def today(warehouse: FilledWarehouse) -> Any:
    facts = PropertyFacts(UUID(int=1), warehouse.property.number or 0, data_access=EVERY_KEY)
    return query_from([("period", "today")], facts, NOW)


def decide(warehouse: FilledWarehouse, **rules: Any) -> None:
    update_settings(warehouse.database, warehouse.property.id, **rules)
    warehouse.projector.catch_up()


def pages(warehouse: FilledWarehouse) -> dict[str | None, float | None]:
    table = breakdown_table(warehouse.warehouse, today(warehouse), Dimension.PAGE, metrics=[Metric.PAGE_VIEWS])
    return {row.value: row.numbers[Metric.PAGE_VIEWS] for row in table.rows}


def everything(warehouse: FilledWarehouse) -> list[Any]:
    with warehouse.warehouse.read() as connection:
        tables = (schema.event, schema.session)
        return [sorted(map(repr, connection.execute(select(each)).all())) for each in tables]


def test_a_longer_pause_joins_visits_of_the_past_and_of_today(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event("ada", at) for at in ("09:00", "09:40", "11:00")])
    before = everything(warehouse)
    assert period_totals(warehouse.warehouse, today(warehouse)).sessions == 3
    decide(warehouse, session_gap_min=60)
    assert period_totals(warehouse.warehouse, today(warehouse)).sessions == 2
    warehouse.append([an_event("ada", "11:55"), an_event("ada", "10:20")])
    assert period_totals(warehouse.warehouse, today(warehouse)).sessions == 1
    joined = everything(warehouse)
    warehouse.projector.rebuild()
    assert everything(warehouse) == joined != before


def test_a_shorter_pause_is_known_after_a_restart(warehouse: FilledWarehouse) -> None:
    decide(warehouse, session_gap_min=5)
    warehouse.append([an_event("ada", "09:00"), an_event("ada", "09:04")])
    warehouse.warehouse.close()
    warehouse.open()
    warehouse.append([an_event("ada", "09:08"), an_event("ada", "09:14")])
    assert period_totals(warehouse.warehouse, today(warehouse)).sessions == 2


def test_how_long_a_reader_must_read_is_the_propertys(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event("ada"), an_event("ada", "09:01", event="page_leave", time_on_page=12_000)])
    assert period_totals(warehouse.warehouse, today(warehouse)).bounce_rate == 0
    decide(warehouse, bounce_s=20)
    assert period_totals(warehouse.warehouse, today(warehouse)).bounce_rate == 100


def test_pages_that_match_a_pattern_are_one_page_until_it_is_removed(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event("ada", f"09:0{name}", f"/user/{name}/edit") for name in ("1", "2")])
    warehouse.append([an_event("ada", "09:05", "/users")])
    before = everything(warehouse)
    decide(warehouse, path_patterns=["/user/*"])
    assert pages(warehouse) == {"/user/*": 2, "/users": 1}
    decide(warehouse, path_patterns=[])
    assert everything(warehouse) == before


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"excluded_paths": ["/admin/*"]}, "Excluded paths"),
        ({"excluded_countries": ["DE"]}, "Excluded countries"),
        ({"excluded_user_agents": ["Chrome"]}, "Excluded User-Agents"),
    ],
)
def test_why_a_number_is_small_names_the_rule_that_left_hits_out(
    warehouse: FilledWarehouse, rule: dict[str, Any], reason: str
) -> None:
    warehouse.append([an_event("ada", page="/admin/x", country="DE"), an_event("bob", user_agent=IPHONE)])
    decide(warehouse, **rule)
    explanation = explain(warehouse.warehouse, today(warehouse), Metric.EVENTS)
    assert [(each.reason, each.count) for each in explanation.left_out] == [(reason, 1)]
    decide(warehouse, **{name: [] for name in rule})
    assert explain(warehouse.warehouse, today(warehouse), Metric.EVENTS).left_out == ()


@pytest.mark.parametrize("counts_automated", [None, True, False])
def test_the_raw_export_and_the_sql_console_name_the_same_bots(
    warehouse: FilledWarehouse, counts_automated: bool | None
) -> None:
    agents = (CHROME, IPHONE, HEADLESS, GOOGLEBOT, CURL, "")
    events = [
        an_event(visitor, event=name, user_agent=agent, automated=automated)
        for agent in agents
        for automated in (True, False)
        for name in ("page_view", "order")
        for visitor in ("ada", None)
    ]
    warehouse.append(events)
    decide(warehouse, counts_automated=counts_automated)
    row = schema.event.c
    with warehouse.warehouse.read() as connection:
        rows = connection.execute(select(row.is_bot, row.bot_name, row.is_automated).order_by(row.seq)).all()
    property_ = find_any(warehouse.database, warehouse.property.id)
    exported = [
        (one.is_bot, one.bot_name or None, one.is_automated) for one in events_of(warehouse.database, property_)
    ]
    assert exported == [tuple(one) for one in rows]
    assert any(is_automated and not is_bot for is_bot, _, is_automated in exported) is bool(counts_automated)
