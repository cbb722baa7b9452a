"""A backfill applies many events in few transactions, with the same result."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from collector.event import Event, Identity
from proprium.properties.service import create_property, reset_property
from proprium.storage.database import Database
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.projection import incremental_sync as follower_module
from proprium.warehouse.projection import projector as projector_module
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.projector import Projector
from tests.support.builders import GOOGLEBOT, an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse


@pytest.fixture(autouse=True)
def _small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "BACKFILL_BATCH_SIZE", 20)
    monkeypatch.setattr(follower_module, "MAX_BACKFILL_BATCHES", 3)
    monkeypatch.setattr(projector_module, "BACKFILL_THRESHOLD_EVENTS", 30)


def two_nights(property: int = 1) -> list[Event]:
    """Visitors of a day who go on over midnight, late events, bots and doubles."""
    start = moment("22:00")
    events = []
    for n in range(150):
        at = start + timedelta(minutes=n * 11 - (90 if n % 17 == 0 else 0))
        into = at - at.replace(hour=0, minute=0)
        yesterday = at.date() - timedelta(days=1) if into < timedelta(minutes=30) else None
        who = n % 3
        events.append(
            an_event(
                f"{who} {at.date()}",
                at=at,
                event=("page_view", "page_view", "click", "signup", "page_leave")[n % 5],
                page=f"/{n % 7}",
                property=property,
                identity=Identity.DAILY,
                user_agent=GOOGLEBOT if n % 29 == 0 else None,
            )
        )
        if yesterday:
            events[-1].previous_visitor = an_event(f"{who} {yesterday}").visitor
    return events


def tables(filled: FilledWarehouse) -> tuple[Any, ...]:
    with filled.warehouse.read() as connection:
        return tuple(
            connection.execute(select(table).order_by(table.c[key])).all()
            for table, key in ((schema.event, "seq"), (schema.session, "session"))
        )


def test_in_bulk_the_warehouse_is_as_event_by_event(warehouse: FilledWarehouse):
    create_property(warehouse.database, "Other", None)
    for mine, other in zip(two_nights(), two_nights(2), strict=True):
        warehouse.append([mine, other])
    followed = tables(warehouse)
    assert len(followed[0]) == 300
    warehouse.projector.rebuild()
    assert tables(warehouse) == followed


def test_the_old_warehouse_follows_between_the_shares(warehouse: FilledWarehouse, monkeypatch: pytest.MonkeyPatch):
    warehouse.append(two_nights())
    progress = []
    paused = Projector._on_batch_done

    def pause(self: Projector, beside: IncrementalSync | None) -> None:
        if not progress:
            warehouse.store.append([an_event("new", page="/new")])
        paused(self, beside)
        progress.append(len(tables(warehouse)[0]))

    monkeypatch.setattr(Projector, "_on_batch_done", pause)
    warehouse.projector.rebuild()
    assert progress[0] == 151
    assert len(tables(warehouse)[0]) == 151


def test_events_after_a_reset_during_the_backfill_stay(warehouse: FilledWarehouse):
    warehouse.store.append(two_nights())
    calls = []

    def between() -> None:
        if not calls:
            reset_property(warehouse.database, warehouse.property.id)
            warehouse.store.append([an_event("new", page="/new")])
        calls.append(1)

    follower = IncrementalSync(warehouse.tail, warehouse.warehouse, warehouse.rules)
    follower.backfill(between)
    while follower.is_behind:
        follower.backfill(between)
    assert [row.page for row in tables(warehouse)[0]] == ["/new"]
    assert len(tables(warehouse)[1]) == 1


def test_changes_are_reported_and_no_event_is_applied_twice(warehouse: FilledWarehouse, database: Database):
    warehouse.store.append(two_nights())
    with database.write_transaction() as session:
        session.add(StorageChange(kind=ChangeKind.RULES_CHANGED, property=7))
    assert warehouse.projector.catch_up() == {1, 7}
    assert len(tables(warehouse)[0]) == 150
    assert warehouse.projector.catch_up() == frozenset()
