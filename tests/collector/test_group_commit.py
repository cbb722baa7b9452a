"""Requests share a commit; each is answered after it, and no failure spreads to another."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Sequence

import pytest

from collector.errors import StoreUnavailable
from collector.event import Event
from collector.group_commit import MAX_BATCH, GroupCommit
from collector.parse import uuid7
from tests.collector.conftest import at
from tests.support.collector_ports import Sink


def events(count: int = 1, name: str = "page_view") -> list[Event]:
    return [Event(uuid7(), 1, name, at("2026-11-02T09:00")) for _ in range(count)]


class Gate(Sink):
    """A sink whose commits wait until the test opens it."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.entered = threading.Event()

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        self.entered.set()
        assert self.opened.wait(10)
        return super().append(events)


async def test_commits_are_in_order_and_shared() -> None:
    sink = Sink()
    writer = GroupCommit(sink)
    writer.start()
    sent = [events(1 + n % 3) for n in range(400)]
    flags = await asyncio.gather(*(writer.append(some) for some in sent))
    writer.stop()
    assert sink.events == [event for some in sent for event in some]
    assert [len(one) for one in flags] == [len(some) for some in sent]
    assert len(sink.commits) < 20
    assert max(sink.commits) <= MAX_BATCH


async def test_each_request_gets_its_own_flags() -> None:
    sink = Sink()
    writer = GroupCommit(sink)
    writer.start()
    old, new = events(2), events(3)
    assert list(await writer.append(old)) == [True, True]
    requests = ([old[0], new[0]], [old[1]], [new[1], old[0]], [new[2]])  # no two expect the same flags
    answers = await asyncio.gather(*(writer.append(request) for request in requests))
    writer.stop()
    assert [list(answer) for answer in answers] == [[False, True], [False], [True, False], [True]]


async def test_no_request_is_answered_before_the_commit() -> None:
    sink = Gate()
    writer = GroupCommit(sink)
    writer.start()
    waiting = asyncio.create_task(writer.append(events()))
    await asyncio.to_thread(sink.entered.wait, 10)
    await asyncio.sleep(0.02)
    assert not waiting.done()
    sink.opened.set()
    assert list(await waiting) == [True]
    writer.stop()


async def test_a_full_queue_rejects_and_recovers() -> None:
    sink = Gate()
    writer = GroupCommit(sink, queue_limit=3)
    writer.start()
    first = asyncio.create_task(writer.append(events()))
    await asyncio.to_thread(sink.entered.wait, 10)
    queued = asyncio.create_task(writer.append(events(3)))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="full"):
        await writer.append(events())
    sink.opened.set()
    await asyncio.gather(first, queued)
    assert list(await writer.append(events())) == [True]
    writer.stop()


async def test_an_unavailable_store_rejects_every_request_of_the_batch() -> None:
    sink = Sink()
    sink.trouble = lambda some: StoreUnavailable("The disk is full.")
    writer = GroupCommit(sink)
    writer.start()
    answers = await asyncio.gather(*(writer.append(events()) for _ in range(9)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    sink.trouble = lambda some: None
    assert list(await writer.append(events())) == [True]
    writer.stop()


async def test_one_event_that_cannot_be_stored_does_not_fail_the_others() -> None:
    sink = Sink()
    sink.trouble = lambda some: OverflowError("poison") if any(e.event == "poison" for e in some) else None
    writer = GroupCommit(sink)
    writer.start()
    await writer.append(events())  # so that the next ones share a commit
    answers = await asyncio.gather(
        writer.append(events()), writer.append(events(name="poison")), writer.append(events()), return_exceptions=True
    )
    writer.stop()
    assert [isinstance(answer, StoreUnavailable) for answer in answers] == [False, True, False]
    assert len(sink.events) == 3


async def test_stop_commits_queued_events_and_rejects_new_ones() -> None:
    sink = Gate()
    writer = GroupCommit(sink)
    writer.start()
    waiting = [asyncio.create_task(writer.append(events())) for _ in range(50)]
    await asyncio.to_thread(sink.entered.wait, 10)
    sink.opened.set()
    await asyncio.to_thread(writer.stop)
    assert len(sink.events) == 50
    assert all(list(flags) == [True] for flags in await asyncio.gather(*waiting))
    with pytest.raises(StoreUnavailable, match="stopping"):
        await writer.append(events())


async def test_a_cancelled_request_affects_no_other() -> None:
    sink = Gate()
    writer = GroupCommit(sink)
    writer.start()
    cancelled, staying = asyncio.create_task(writer.append(events())), asyncio.create_task(writer.append(events()))
    await asyncio.to_thread(sink.entered.wait, 10)
    cancelled.cancel()
    sink.opened.set()
    assert list(await staying) == [True]
    writer.stop()
    assert len(sink.events) == 2


async def test_the_commit_listener_sees_each_commit_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    commits: list[tuple[int, list[bool]]] = []

    def listen(some: Sequence[Event], flags: Sequence[bool]) -> None:
        commits.append((len(some), list(flags)))
        raise RuntimeError("deaf")

    writer = GroupCommit(Sink(), listen)
    writer.start()
    same = events()
    assert list(await writer.append(same)) == [True]
    assert list(await writer.append(same)) == [False]
    writer.stop()
    assert commits == [(1, [True]), (1, [False])]
    assert "deaf" in caplog.text


async def test_a_crashed_committer_is_replaced() -> None:
    sink = Sink()
    writer = GroupCommit(sink)
    writer.start()
    sink.trouble = lambda events: SystemExit("ended from outside")  # type: ignore[assignment, return-value]
    with pytest.raises(StoreUnavailable):
        await writer.append(events(2))
    sink.trouble = lambda events: None
    assert list(await writer.append(events())) == [True]
    writer.stop()
    assert len(sink.events) == 1


async def test_requests_behind_a_crashed_committer_are_committed() -> None:
    others, sink = set(threading.enumerate()), Gate()
    writer = GroupCommit(sink)
    writer.start()
    (committer,) = [thread for thread in threading.enumerate() if thread not in others and thread.name == "committer"]
    first = asyncio.create_task(writer.append(events()))
    await asyncio.to_thread(sink.entered.wait, 10)
    second = asyncio.create_task(writer.append(events()))
    await asyncio.sleep(0)
    end(committer)
    sink.opened.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(outcomes[0], StoreUnavailable)
    assert outcomes[1] == [True]
    writer.stop()


def end(thread: threading.Thread) -> None:
    """Raises SystemExit in it, wherever it is."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
