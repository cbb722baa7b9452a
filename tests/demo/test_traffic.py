"""Live sample visitors pass through the real pipeline and the real group commit."""

from __future__ import annotations

import asyncio

import pytest

from collector.group_commit import GroupCommit
from proprium.demo.exemplar import population
from proprium.demo.traffic import Traffic
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.properties.service import update_settings
from proprium.storage.database import Database
from proprium.storage.events import EventStore, read_events
from proprium.storage.tables import Property
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import a_property


@pytest.fixture
def exemplar(database: Database) -> Property:
    return a_property(database, "Exemplar", hostnames=["exemplar.example"])


async def send_until(database: Database, exemplar: Property, enough: int) -> int:
    """Busy traffic, until so many events are committed; returns how many are."""
    committed = 0
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def count(events, flags) -> None:
        nonlocal committed
        committed += sum(flags)
        if committed >= enough:
            loop.call_soon_threadsafe(reached.set)

    writer = GroupCommit(EventStore(database), count)
    writer.start()
    directory, keys = PropertyRulesCache(database), VisitorKeys(database)
    traffic = Traffic(population(), exemplar.id, directory, keys, writer, visits_per_minute=1500, seed=1)
    task = asyncio.create_task(traffic.run())
    try:
        await asyncio.wait_for(reached.wait(), 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.stop()
    return committed


async def test_events_arrive_with_places_browsers_and_sources(database: Database, exemplar: Property):
    committed = await send_until(database, exemplar, 80)
    events = list(read_events(database, exemplar.number))
    assert len(events) == committed
    people = [event for event in events if not event.is_bot]
    assert all(event.country and event.browser for event in people)
    assert len({event.country for event in people}) > 5
    assert {"page_view", "page_leave", "click", "scroll"} <= {event.event for event in people}


async def test_no_address_is_kept(database: Database, exemplar: Property):
    await send_until(database, exemplar, 50)
    assert b"198.18." not in database.path.read_bytes()
    assert not any("198.18." in str(event) for event in read_events(database, exemplar.number))


async def test_the_propertys_rules_hold_for_sample_visitors_too(database: Database, exemplar: Property):
    update_settings(database, exemplar.id, discards_bots=True)
    await send_until(database, exemplar, 100)
    assert not any(event.is_bot for event in read_events(database, exemplar.number))
