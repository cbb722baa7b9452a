"""The install page hears of every hit of its property, and of the latest ones when it comes late."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from proprium.live.hit_feed import HitFeed


async def test_the_listener_hears_hits_of_its_property_only() -> None:
    heard: HitFeed[str] = HitFeed()
    ours, theirs, seen = uuid4(), uuid4(), []
    unsubscribe = heard.subscribe(ours, seen.append)
    await asyncio.to_thread(heard.publish, ours, "stored")
    await asyncio.to_thread(heard.publish, theirs, "not for us")
    async with asyncio.timeout(5):
        while seen != ["stored"]:
            await asyncio.sleep(0.005)
    unsubscribe()
    heard.publish(ours, "after we left")
    await asyncio.sleep(0.01)
    assert seen == ["stored"]


@pytest.mark.parametrize(("sent", "kept"), [(3, 3), (50, 20)])
async def test_a_page_that_comes_late_sees_the_latest_hits(sent: int, kept: int) -> None:
    heard: HitFeed[int] = HitFeed(max_hits_per_property=20)
    property_id = uuid4()
    for number in range(sent):
        heard.publish(property_id, number)
    assert heard.recent(property_id) == list(range(sent))[-kept:]


async def test_the_memory_of_hits_is_bounded() -> None:
    heard: HitFeed[int] = HitFeed(max_properties=2)
    ids = [uuid4() for _ in range(3)]
    for property_id in ids:
        heard.publish(property_id, 1)
    assert [len(heard.recent(property_id)) for property_id in ids] == [0, 1, 1]
