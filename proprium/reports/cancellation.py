"""Cancellation of reports: by a client that disconnects, and of work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from proprium.warehouse.query_timeout import Patience, asking

T = TypeVar("T")


async def cancel_on_disconnect(
    work: Coroutine[Any, Any, T], receive: Callable[[], Awaitable[Mapping[str, Any]]]
) -> T | None:
    """Runs `work`, and cancels it when the HTTP client disconnects: then None. `receive` is the request's."""
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        watch.cancel()
        await cancelled(task)


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels a task, and waits until it has cleaned up after itself."""
    task.cancel()
    await asyncio.wait({task})


async def in_thread(work: Callable[..., T], *args: Any, **options: Any) -> T:
    """Runs `work` in a thread. When it is cancelled, its queries are interrupted, and it waits for the thread's end.

    A turn of the queue is not given back before: threads that go on computing would not be bounded.
    """
    patience = Patience()

    def run() -> T:
        with asking(patience):
            return work(*args, **options)

    future = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        patience.cancel()
        await asyncio.wait({future})
        raise


async def _disconnect(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
