"""Cancellation of reports: when the HTTP client disconnects, and of work that runs in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from proprium.warehouse.query_timeout import QueryDeadline, with_deadline

T = TypeVar("T")


async def cancel_on_disconnect(
    coroutine: Coroutine[Any, Any, T], receive: Callable[[], Awaitable[Mapping[str, Any]]]
) -> T | None:
    """Runs `coroutine`; cancels it and returns None when the HTTP client disconnects.

    `receive` is the ASGI receive callable of the request.
    """

    async def wait_for_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(coroutine)
    disconnect_task = asyncio.create_task(wait_for_disconnect())
    try:
        await asyncio.wait({task, disconnect_task}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        disconnect_task.cancel()
        await cancel_and_wait(task)


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits until its cleanup has finished."""
    task.cancel()
    await asyncio.wait({task})


async def run_in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Runs `function` in a thread. On cancellation, interrupts its queries and waits until the thread has ended.

    The caller keeps its slot in the report queue until then: otherwise the number of busy threads would be unbounded.
    """
    deadline = QueryDeadline()

    def run() -> T:
        with with_deadline(deadline):
            return function(*args, **kwargs)

    future = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        deadline.cancel()
        await asyncio.wait({future})
        raise
