"""Recent results: many pages that are fetched at once or shortly after each other cost one computation."""

from __future__ import annotations

import asyncio
import threading

import pytest

from proprium.errors import QueryTimeout
from proprium.live.recent_results import RecentResults


async def test_readers_at_once_and_shortly_after_share_one_computation() -> None:
    results, calls = RecentResults(), []

    def compute() -> int:
        calls.append(threading.current_thread())
        return len(calls)

    assert await asyncio.gather(*(results.get("key", compute) for _ in range(50))) == [1] * 50
    assert await results.get("key", compute) == 1
    assert await results.get("other", compute) == 2
    assert await results.get("key", compute, max_age_s=-1) == 3
    assert threading.main_thread() not in calls


async def test_a_failure_is_not_kept() -> None:
    results = RecentResults()

    def fail() -> int:
        raise QueryTimeout("too slow")

    with pytest.raises(QueryTimeout):
        await results.get("key", fail)
    assert await results.get("key", lambda: 1) == 1


async def test_a_reader_who_leaves_does_not_take_the_result_from_others() -> None:
    results, released = RecentResults(), threading.Event()

    def compute() -> int:
        released.wait(5)
        return 1

    first = asyncio.ensure_future(results.get("key", compute))
    second = asyncio.ensure_future(results.get("key", compute))
    await asyncio.sleep(0.05)
    first.cancel()
    released.set()
    assert await second == 1
    assert results.computation_count == 1


async def test_memory_is_bounded() -> None:
    results = RecentResults(max_results=3)
    for number in range(10):
        await results.get(number, lambda number=number: number)
    assert len(results._entries) == 3
