"""When full garbage collections run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
import uvicorn

from proprium.server import uvicorn_server
from proprium.server.uvicorn_server import CollectingServer, FullCollections


class Knot:
    """A reference cycle of a known size."""

    def __init__(self, blocks: int) -> None:
        self.held = [self, *(object() for _ in range(blocks))]


@pytest.fixture
def collections() -> Iterator[FullCollections]:
    """Only full collections happen."""
    was_enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    yield FullCollections()
    gc.collect()
    if was_enabled:
        gc.enable()


def test_without_memory_growth_no_collection_is_due(collections: FullCollections) -> None:
    assert not collections.is_due()
    Knot(uvicorn_server.MIN_ADDED_BLOCKS // 2)
    assert not collections.is_due()


def test_enough_cycles_are_collected_but_not_twice_in_a_row(collections: FullCollections) -> None:
    cycle_ref = ref(Knot(uvicorn_server.MIN_ADDED_BLOCKS + 1_000))
    assert collections.is_due()
    collections.collect()
    assert cycle_ref() is None
    assert not collections.is_due()
    live_cycle = Knot(uvicorn_server.MIN_ADDED_BLOCKS + 1_000)
    assert not collections.is_due(), "a hundredth of the time at most"
    collections._last_ended_s -= 1_000
    assert collections.is_due()
    collections.collect()
    assert not collections.is_due(), f"{live_cycle} is alive: there is nothing to win"


def test_memory_freed_meanwhile_is_no_growth(collections: FullCollections) -> None:
    pages = [object() for _ in range(uvicorn_server.MIN_ADDED_BLOCKS)]
    collections.collect()
    pages.clear()
    assert not collections.is_due()
    Knot(uvicorn_server.MIN_ADDED_BLOCKS + 1_000)
    collections._last_ended_s -= 1_000
    assert collections.is_due()


def test_with_some_pages_open_a_collection_waits_a_minute_for_their_end(collections: FullCollections) -> None:
    pages = [object() for _ in range(uvicorn_server.MAX_CHEAP_BLOCKS + 1_000)]
    assert not collections.is_due()
    collections._last_modest_s -= uvicorn_server.MAX_DELAY_S
    assert collections.is_due(), "it is affordable"
    pages = pages[: uvicorn_server.MIN_ADDED_BLOCKS * 2]
    collections._last_modest_s += uvicorn_server.MAX_DELAY_S
    assert collections.is_due(), "the other pages have been closed"


def test_a_delay_counts_from_the_growth_that_makes_a_collection_worthwhile(collections: FullCollections) -> None:
    collections._last_modest_s -= uvicorn_server.MAX_DELAY_S
    assert not collections.is_due()
    pages = [object() for _ in range(uvicorn_server.MAX_CHEAP_BLOCKS + 1_000)]
    assert not collections.is_due(), f"{len(pages)} blocks have only just been added"


def test_with_many_pages_open_a_collection_waits_until_much_was_added(collections: FullCollections) -> None:
    pages = [object() for _ in range(uvicorn_server.MAX_AFFORDABLE_BLOCKS + 1_000)]
    collections._last_modest_s -= uvicorn_server.MAX_DELAY_S
    assert not collections.is_due()
    pages += [object() for _ in range(uvicorn_server.MAX_ADDED_BLOCKS)]
    assert not collections.is_due()
    collections._last_small_s -= uvicorn_server.MAX_GROWTH_S
    assert collections.is_due(), "that was long enough"
    pages.clear()
    assert not collections.is_due()
    pages += [object() for _ in range(uvicorn_server.MAX_AFFORDABLE_BLOCKS + uvicorn_server.MAX_ADDED_BLOCKS)]
    assert not collections.is_due(), "it has only just grown again"


async def test_the_server_collects_in_its_tick() -> None:
    server = CollectingServer(uvicorn.Config("none:none"))
    gc.disable()
    try:
        cycle_ref = ref(Knot(uvicorn_server.MIN_ADDED_BLOCKS + 1_000))
        server.should_exit = True  # after its first round
        await server.main_loop()
        assert cycle_ref() is None
    finally:
        gc.enable()
