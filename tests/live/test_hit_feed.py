"""The hit feed: subscribers get the hits of their property, late ones the latest."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from proprium.live.hit_feed import HitFeed


async def test_a_subscriber_gets_the_hits_of_its_property_only() -> None:
    feed: HitFeed[str] = HitFeed()
    property_id, other_id, outcomes = uuid4(), uuid4(), []
    unsubscribe = feed.subscribe(property_id, outcomes.append)
    await asyncio.to_thread(feed.publish, property_id, "stored")
    await asyncio.to_thread(feed.publish, other_id, "not for us")
    async with asyncio.timeout(5):
        while outcomes != ["stored"]:
            await asyncio.sleep(0.005)
    unsubscribe()
    feed.publish(property_id, "after we left")
    await asyncio.sleep(0.01)
    assert outcomes == ["stored"]


def test_the_collector_may_outlive_the_event_loop_of_a_subscriber() -> None:
    feed: HitFeed[str] = HitFeed()
    property_id = uuid4()

    async def open_page() -> None:
        feed.subscribe(property_id, lambda _: None)

    asyncio.run(open_page())
    feed.publish(property_id, "stored")
    assert feed.recent(property_id) == ["stored"]


@pytest.mark.parametrize(("sent", "expected_count"), [(3, 3), (50, 20)])
async def test_a_late_subscriber_sees_the_latest_hits(sent: int, expected_count: int) -> None:
    feed: HitFeed[int] = HitFeed(max_hits_per_property=20)
    property_id = uuid4()
    for number in range(sent):
        feed.publish(property_id, number)
    assert feed.recent(property_id) == list(range(sent))[-expected_count:]


async def test_the_memory_of_hits_is_bounded() -> None:
    feed: HitFeed[int] = HitFeed(max_properties=2)
    ids = [uuid4() for _ in range(3)]
    for property_id in ids:
        feed.publish(property_id, 1)
    assert [len(feed.recent(property_id)) for property_id in ids] == [0, 1, 1]
