"""Live sample visitors pass through the real pipeline and the real group commit."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from collector.group_commit import GroupCommit
from proprium.demo.exemplar import EVENT_COUNT, population
from proprium.demo.history import history, visits_per_minute
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
    traffic = Traffic(
        population(),
        exemplar.id,
        directory,
        keys,
        writer,
        visits_per_minute=lambda _: 1500,
        warm_up=timedelta(minutes=5),
        seed=1,
    )
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


def test_traffic_of_a_day_is_that_of_the_year_s_last_day_hour_by_hour():
    """After an hour, or a day, the charts have no spike: the rate is the one by which the year was written."""
    day = datetime(2026, 11, 24, tzinfo=UTC)
    hours = [visits_per_minute(day + timedelta(hours=hour, minutes=30), EVENT_COUNT) * 60 for hour in range(24)]
    starts = Counter(
        event.created_at.hour
        for events in history(population(), 7, day + timedelta(days=1) - timedelta(seconds=1), EVENT_COUNT // 10)
        for event in events
        if event.event == "page_view" and event.created_at >= day
    )
    views_per_visit = 10 * sum(starts.values()) / sum(hours)
    assert 1 < views_per_visit < 3.5
    assert 50 < sum(hours) < 400
    busiest = max(range(24), key=hours.__getitem__)
    assert starts[busiest] >= median(starts.values())
    assert hours[3] < 0.2 * hours[busiest]


async def test_an_hour_of_traffic_has_about_as_many_visits_as_the_hour_of_the_day_before(database, exemplar):
    noon = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    expected = visits_per_minute(noon, EVENT_COUNT) * 60
    traffic = Traffic(population(), exemplar.id, PropertyRulesCache(database), VisitorKeys(database), None, seed=3)
    started = 0
    moment = noon
    while moment < noon + timedelta(hours=20 / 24):
        moment += traffic.pause_after(moment)
        started += 1
    assert 0.3 * expected < started < 2.5 * expected
