"""Requests through a real collector into a warehouse, and the rows of a tile afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.query import Query
from proprium.metrics.query.url import facts_of, query_from
from proprium.metrics.results import Dimension, Metric
from proprium.properties.service import find_any, update_settings
from tests.adversarial.test_replay import FIRST, Replay
from tests.support.builders import CHROME
from tests.support.warehouse_fixture import FilledWarehouse

CASES = Path(__file__).parent / "cases"


async def arrive(
    warehouse: FilledWarehouse, events: Iterable[dict[str, Any]], origin: str = "https://example.com"
) -> Any:
    """Sends data of page views, each by another visitor; "$origin" and "$event" say otherwise. Returns counters."""
    log = []
    for place, data in enumerate(events):
        headers = {"user-agent": CHROME, "origin": data.get("$origin", origin), "x-forwarded-for": "203.0.113.9"}
        sent = {"user_id": str(place)} | {key: value for key, value in data.items() if key[0] != "$"}
        body = {
            "collectorId": str(warehouse.property.id),
            "event": data.get("$event", "page_view"),
            "data": sent,
        }
        log.append((FIRST + timedelta(hours=place), headers, json.dumps(body).encode()))
    replay = Replay(warehouse)
    await replay.play(log)
    return replay.counters


async def arrive_as_in(warehouse: FilledWarehouse, case: str) -> Any:
    """Sends what a case file holds, to a property as it says. Returns counters."""
    lines = [json.loads(line) for line in (CASES / f"{case}.jsonl").read_text(encoding="utf-8").splitlines()]
    events = []
    for line in lines:
        if settings := line.get("property"):
            update_settings(warehouse.database, warehouse.property.id, **settings)
            continue
        body, headers = line["body"], line.get("headers", {})
        events.append(
            {**body["data"], "$event": body["event"], "$origin": headers.get("Origin", "https://example.com")}
        )
    return await arrive(warehouse, events)


def decide(warehouse: FilledWarehouse, **settings: Any) -> None:
    update_settings(warehouse.database, warehouse.property.id, **settings)
    warehouse.projector.catch_up()


def week(warehouse: FilledWarehouse, *filters: str) -> Query:
    property_ = find_any(warehouse.database, warehouse.property.id)
    parameters = [("from", "2026-11-02"), ("to", "2026-11-08"), *(("filter", text) for text in filters)]
    return query_from(parameters, facts_of(property_, None, EVERY_KEY), FIRST + timedelta(days=7))


def rows(
    warehouse: FilledWarehouse, dimension: str, *filters: str, metric: Metric = Metric.VISITORS
) -> dict[str | None, float | None]:
    """The rows of a table: value → number."""
    known = Dimension(dimension) if dimension in set(Dimension) else dimension
    table = breakdown_table(warehouse.warehouse, week(warehouse, *filters), known, metrics=[metric])
    return {row.value: row.numbers[metric] for row in table.rows}
