"""Pages are drawn in turns, and whatever else the loop has to do comes in between."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from proprium.ui.render_queue import RenderQueue


class Loop:
    """What happens, in order: pieces by the name of their page, and "." each time that everybody else had a turn."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.turns = RenderQueue()

    async def draw(self, page: str, pieces: int = 3) -> None:
        for _ in range(pieces):
            async with self.turns.patch():
                self.happened.append(page)

    async def watch(self, *pages: str) -> list[str]:
        """Draws these at the same time, beside somebody who is always ready."""
        others = asyncio.create_task(self._others())
        await asyncio.gather(*(self.draw(page) for page in pages))
        others.cancel()
        return self.happened

    async def _others(self) -> None:
        while True:
            self.happened.append(".")
            await asyncio.sleep(0)


def in_a_row(happened: list[str]) -> list[tuple[str, str]]:
    return [(one, next_) for one, next_ in pairwise(happened) if "." not in (one, next_)]


async def test_no_two_pieces_are_drawn_in_a_row_however_many_pages_are_open() -> None:
    happened = await Loop().watch("a", "b", "c", "d", "e", "f", "g", "h")
    assert len([one for one in happened if one != "."]) == 8 * 3
    assert in_a_row(happened) == []


async def test_the_pieces_of_one_page_let_everybody_in_between() -> None:
    assert in_a_row(await Loop().watch("a")) == []


async def test_a_piece_waits_until_the_one_before_is_drawn() -> None:
    loop, drawn = Loop(), asyncio.Event()

    async def slow() -> None:
        async with loop.turns.patch():
            await drawn.wait()
            loop.happened.append("slow")

    first, second = asyncio.create_task(slow()), asyncio.create_task(loop.draw("quick", 1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert loop.happened == []
    drawn.set()
    await asyncio.gather(first, second)
    assert loop.happened == ["slow", "quick"]


async def test_a_piece_that_breaks_or_is_given_up_holds_nobody_up() -> None:
    loop = Loop()
    with pytest.raises(ValueError, match="broken"):
        async with loop.turns.patch():
            raise ValueError("broken")
    await asyncio.wait_for(loop.draw("next", 1), 5)
    async with loop.turns.patch():
        given_up = asyncio.create_task(loop.draw("given up", 1))
        await asyncio.sleep(0)
        given_up.cancel()
    await asyncio.wait_for(loop.draw("last", 1), 5)
    assert loop.happened == ["next", "last"]


async def test_what_is_redrawn_does_not_wait_for_a_page_that_is_built() -> None:
    loop = Loop()
    async with loop.turns.build():
        await asyncio.wait_for(loop.draw("open one", 1), 5)
    assert loop.happened == ["open one"]


async def test_pages_are_built_one_after_another_in_the_order_in_which_they_came() -> None:
    loop = Loop()

    async def build(page: str) -> None:
        async with loop.turns.build():
            loop.happened.append(f"{page} begun")
            await asyncio.sleep(0)
            loop.happened.append(f"{page} built")

    await asyncio.gather(*map(build, "abc"))
    assert loop.happened == [f"{page} {what}" for page in "abc" for what in ("begun", "built")]
