"""Open sessions after a restart: loaded in parts that are bounded in hits, and the same as when loaded at once."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from collector.event import Event
from collector.visitor import visitor_of
from proprium.warehouse.projection import bulk_writes, event_projection
from proprium.warehouse.projection.event_projection import Projection
from tests.support.builders import an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.test_projector import assert_same_books, tables

VISITORS, HITS = 40, 600


def a_busy_hour(first: int = 0, count: int = HITS) -> list[Event]:
    """Every visitor has a hit every other minute; some began on the day before, and some under another day's key."""
    return [
        an_event(
            visitor=f"v{index % VISITORS}",
            at=moment("23:20") + timedelta(seconds=index * 6),
            page=f"/{index % 7}",
            event="signup" if index % 31 == 0 else "page_view",
            previous_visitor=visitor_of(f"v{(index + 1) % VISITORS}") if index % 199 == 0 else None,
        )
        for index in range(first, first + count)
    ]


def loaded(filled: FilledWarehouse) -> dict[Any, Any]:
    projection = Projection()
    with filled.warehouse.read() as connection:
        projection.load(connection)
    return {
        key: asdict(session)
        for open_sessions in projection._open_sessions.values()
        for key, session in open_sessions._sessions.items()
    }


@pytest.mark.parametrize("limit", [1, 50, 10_000])
def test_sessions_loaded_in_parts_are_those_loaded_at_once(
    warehouse: FilledWarehouse, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.append(a_busy_hour())
    at_once = loaded(warehouse)
    assert len(at_once) >= VISITORS
    monkeypatch.setattr(event_projection, "MAX_LOADED_HITS", limit)
    assert loaded(warehouse) == at_once


def test_hits_in_memory_are_bounded_however_many_the_visitors_have(
    warehouse: FilledWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.append([event for event in a_busy_hour() if event.previous_visitor is None])
    monkeypatch.setattr(event_projection, "MAX_LOADED_HITS", 100)
    read_counts: list[int] = []
    read_hits = bulk_writes.read_hits

    def counted(*arguments: Any) -> Any:
        hits = read_hits(*arguments)
        read_counts.append(len(hits))
        return hits

    monkeypatch.setattr(bulk_writes, "read_hits", counted)
    loaded(warehouse)
    assert sum(read_counts) >= HITS - 10
    assert max(read_counts) <= 100


def test_what_arrives_after_a_restart_continues_the_sessions(
    warehouse: FilledWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_projection, "MAX_LOADED_HITS", 20)
    warehouse.append(a_busy_hour())
    warehouse.warehouse.close()
    warehouse.open()
    warehouse.append(a_busy_hour(HITS, 100))
    assert_same_books(warehouse)
    continued = tables(warehouse)
    warehouse.projector.rebuild()
    assert tables(warehouse) == continued
