"""Large pages are built one after another and in pieces, so that the event loop hears of everything else in between.

A dashboard takes a tenth of a CPU second to build. Eight of them at once, each in one go, kept every event that arrived
meanwhile waiting for a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class RenderQueue:
    """Of one server. `async with turns.mine(): …` with `await pause()` between the pieces of a page that is built;
    `async with turns.piece(): …` around each piece of one that is redrawn."""

    def __init__(self) -> None:
        self._build_lock, self._patch_lock = asyncio.Lock(), asyncio.Lock()

    @asynccontextmanager
    async def build(self) -> AsyncIterator[None]:
        """Waits for those who came earlier."""
        async with self._build_lock:
            await yield_to_loop()
            yield

    @asynccontextmanager
    async def patch(self) -> AsyncIterator[None]:
        """One at a time over all pages: eight of 20 ms in a row would be a sixth of a second for everybody else."""
        async with self._patch_lock:
            await yield_to_loop()
            yield


async def yield_to_loop() -> None:
    """Everything else that is ready comes first."""
    await asyncio.sleep(0)
