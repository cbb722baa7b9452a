"""Pages are built one at a time, and other tasks of the event loop run in between."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from proprium.ui.render_queue import RenderQueue


class Recorder:
    """Records, in order, patches by the name of their page, and "." for each run of other tasks."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.queue = RenderQueue()

    async def draw(self, page: str, patches: int = 3) -> None:
        for _ in range(patches):
            async with self.queue.patch():
                self.log.append(page)

    async def watch(self, *pages: str) -> list[str]:
        """Draws these pages concurrently, beside a task that is always ready."""
        others = asyncio.create_task(self._run_other_tasks())
        await asyncio.gather(*(self.draw(page) for page in pages))
        others.cancel()
        return self.log

    async def _run_other_tasks(self) -> None:
        while True:
            self.log.append(".")
            await asyncio.sleep(0)


def adjacent_patches(log: list[str]) -> list[tuple[str, str]]:
    return [(one, next_) for one, next_ in pairwise(log) if "." not in (one, next_)]


async def test_other_tasks_run_between_any_two_patches() -> None:
    log = await Recorder().watch("a", "b", "c", "d", "e", "f", "g", "h")
    assert len([one for one in log if one != "."]) == 8 * 3
    assert adjacent_patches(log) == []


async def test_other_tasks_run_between_patches_of_one_page() -> None:
    assert adjacent_patches(await Recorder().watch("a")) == []


async def test_a_patch_waits_for_the_one_before() -> None:
    recorder, drawn = Recorder(), asyncio.Event()

    async def slow() -> None:
        async with recorder.queue.patch():
            await drawn.wait()
            recorder.log.append("slow")

    first, second = asyncio.create_task(slow()), asyncio.create_task(recorder.draw("quick", 1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert recorder.log == []
    drawn.set()
    await asyncio.gather(first, second)
    assert recorder.log == ["slow", "quick"]


async def test_a_failed_or_cancelled_patch_does_not_block_the_next_one() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="broken"):
        async with recorder.queue.patch():
            raise ValueError("broken")
    await asyncio.wait_for(recorder.draw("next", 1), 5)
    async with recorder.queue.patch():
        cancelled = asyncio.create_task(recorder.draw("cancelled", 1))
        await asyncio.sleep(0)
        cancelled.cancel()
    await asyncio.wait_for(recorder.draw("last", 1), 5)
    assert recorder.log == ["next", "last"]


async def test_a_patch_does_not_wait_for_a_page_that_is_being_built() -> None:
    recorder = Recorder()
    async with recorder.queue.build():
        await asyncio.wait_for(recorder.draw("open one", 1), 5)
    assert recorder.log == ["open one"]


async def test_pages_are_built_one_at_a_time_in_order_of_arrival() -> None:
    recorder = Recorder()

    async def build(page: str) -> None:
        async with recorder.queue.build():
            recorder.log.append(f"{page} started")
            await asyncio.sleep(0)
            recorder.log.append(f"{page} built")

    await asyncio.gather(*map(build, "abc"))
    assert recorder.log == [f"{page} {what}" for page in "abc" for what in ("started", "built")]
