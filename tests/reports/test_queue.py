"""The queue of reports: who waits, who is refused, and what a cancelled report leaves behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from proprium.errors import PrintFailed, ReportsBusy, TooManyRequests
from proprium.reports.cancellation import cancel_on_disconnect, run_in_thread
from proprium.reports.chromium import print_html
from proprium.reports.report_queue import LOCAL_COMMAND, ReportQueue, ReportQueueLimits, Requester, requester_of
from tests.reports.test_pdf import a_browser


class Desk:
    """Reports that end when they are told to."""

    def __init__(self, limits: ReportQueueLimits | None = None) -> None:
        self.queue = ReportQueue(limits)
        self.running: list[Requester] = []
        self.most = 0
        self._open = asyncio.Event()

    async def make(self, requester: Requester) -> str:
        async with self.queue.turn(requester):
            self.running.append(requester)
            self.most = max(self.most, len(self.running))
            try:
                await self._open.wait()
                await asyncio.sleep(0)
            finally:
                self.running.remove(requester)
        return "made"

    def ask(self, requester: Requester, count: int = 1) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.make(requester)) for _ in range(count)]

    async def end(self, tasks: list[asyncio.Task[str]]) -> Counter[str]:
        """Lets everything that was accepted finish; how often each outcome."""
        await settled()
        self._open.set()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
        return Counter(result if isinstance(result, str) else type(result).__name__ for result in results)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def anonymous(address: str) -> Requester:
    return requester_of(None, address)


async def test_thirty_at_once_from_one_address_are_four_reports_and_26_refusals() -> None:
    desk = Desk()
    assert await desk.end(desk.ask(anonymous("203.0.113.7"), 30)) == {"made": 4, "ReportsBusy": 26}
    assert desk.most == 2
    assert desk.queue.in_progress == 0


async def test_addresses_whose_reports_have_ended_leave_nothing_in_memory() -> None:
    queue = ReportQueue()
    for number in range(50):
        async with queue.turn(anonymous(f"203.0.113.{number}")):
            pass
    assert len(queue._in_progress) == 0  # a Counter keeps entries of 0


async def test_a_refusal_says_when_to_try_again() -> None:
    desk = Desk()
    tasks = desk.ask(anonymous("203.0.113.7"), 4)
    await settled()
    with pytest.raises(ReportsBusy, match=r"address already has 4 reports .* Try again in 6 seconds") as refused:
        await desk.make(anonymous("203.0.113.7"))
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "6")
    await desk.end(tasks)


async def test_a_crowd_from_many_addresses_fills_half_and_leaves_room_for_people_with_an_account() -> None:
    desk = Desk()
    crowd = [task for n in range(200) for task in desk.ask(anonymous(f"203.0.113.{n}"))]
    await settled()
    assert desk.queue.in_progress == 12
    ada = desk.ask(requester_of(uuid4(), "203.0.113.7"), 3)
    outcomes = await desk.end(crowd + ada)
    assert outcomes == {"made": 12 + 3, "ReportsBusy": 200 - 12}
    assert desk.most == 2


async def test_one_person_s_many_tabs_do_not_shut_out_the_next_person() -> None:
    desk = Desk()
    ada, bob = requester_of(uuid4(), None), requester_of(uuid4(), None)
    assert await desk.end(desk.ask(ada, 30) + desk.ask(bob)) == {"made": 9, "ReportsBusy": 22}


async def test_nobody_can_fill_memory_not_even_with_many_accounts() -> None:
    desk = Desk()
    tasks = [task for _ in range(50) for task in desk.ask(requester_of(uuid4(), None))]
    assert await desk.end(tasks + desk.ask(LOCAL_COMMAND)) == {"made": 24, "ReportsBusy": 27}


async def test_who_has_an_account_comes_before_anonymous_readers_who_wait() -> None:
    desk, order = Desk(), []

    async def note(name: str, requester: Requester) -> None:
        async with desk.queue.turn(requester):
            order.append(name)

    first = desk.ask(anonymous("203.0.113.1"), 2)
    await settled()
    later = [asyncio.create_task(note("anonymous", anonymous("203.0.113.2")))]
    await settled()
    later.append(asyncio.create_task(note("account", requester_of(uuid4(), None))))
    await desk.end(first)
    await asyncio.gather(*later)
    assert order == ["account", "anonymous"]


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
    ],
)
def test_a_network_of_ipv6_is_one_reader(one: str, other: str, are_one: bool) -> None:
    assert (anonymous(one) == anonymous(other)) is are_one


async def test_a_reader_whose_address_is_unknown_is_not_mistaken_for_all_the_others() -> None:
    desk = Desk()
    assert await desk.end(desk.ask(requester_of(None, None), 30)) == {"made": 12, "ReportsBusy": 18}


async def test_an_anonymous_address_may_ask_twenty_times_a_minute_and_an_account_more_often() -> None:
    queue, ada = ReportQueue(), requester_of(uuid4(), "203.0.113.7")
    for _ in range(20):
        async with queue.turn(anonymous("203.0.113.7")):
            pass
    with pytest.raises(TooManyRequests, match="sign in") as refused:
        async with queue.turn(anonymous("203.0.113.7")):
            pass
    assert refused.value.headers["Retry-After"] == "60"
    async with queue.turn(anonymous("203.0.113.8")):
        pass
    for _ in range(50):
        async with queue.turn(ada):
            pass


async def test_who_leaves_the_queue_leaves_no_gap_in_it() -> None:
    desk = Desk()
    running = desk.ask(anonymous("203.0.113.1"), 2)
    await settled()
    waiting = desk.ask(anonymous("203.0.113.2"), 3)
    await settled()
    waiting[0].cancel()
    waiting[1].cancel()
    running[0].cancel()  # its turn passes over the two that have left
    await settled()
    assert len(desk.running) == 2
    assert desk.queue.in_progress == 2
    assert await desk.end(running + waiting) == {"made": 2, "CancelledError": 3}
    assert await desk.end(desk.ask(anonymous("203.0.113.2"), 5)) == {"made": 4, "ReportsBusy": 1}


async def test_a_turn_that_comes_as_its_report_is_cancelled_is_passed_on() -> None:
    desk = Desk(ReportQueueLimits(max_running=1))
    first, second, third = (desk.ask(anonymous(f"203.0.113.{n}"))[0] for n in range(3))
    await settled()
    first.cancel()
    await asyncio.sleep(0)  # it has released its turn to the second, which has not run yet
    second.cancel()
    assert await desk.end([first, second, third]) == {"CancelledError": 2, "made": 1}


async def test_a_report_without_a_turn_for_a_minute_is_refused_with_a_sentence() -> None:
    desk = Desk(ReportQueueLimits(max_running=1, turn_timeout_s=0.05))
    running = desk.ask(anonymous("203.0.113.1"))
    await settled()
    with pytest.raises(ReportsBusy, match=r"not be started within 0\.05 seconds"):
        await desk.make(anonymous("203.0.113.2"))
    assert await desk.end(running) == {"made": 1}


async def test_two_browsers_run_at_a_time_and_the_third_waits(tmp_path: Path) -> None:
    log, queue = tmp_path / "log", ReportQueue()
    slow = a_browser(tmp_path, f"echo begin >> {log}; sleep 0.2; echo end >> {log}")

    async def make() -> None:
        async with queue.turn(LOCAL_COMMAND):
            await print_html("<p>", slow)

    results = await asyncio.gather(*(make() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, PrintFailed) for result in results)
    running = most = 0
    for line in log.read_text().split():
        running += 1 if line == "begin" else -1
        most = max(most, running)
    assert most == 2


async def test_a_turn_is_kept_until_the_thread_has_ended_that_computes_for_it() -> None:
    """Else a client that connects and disconnects quickly could start any number of threads."""
    queue = ReportQueue(ReportQueueLimits(max_running=1))
    began, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def compute() -> None:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(20)

    async def make() -> None:
        async with queue.turn(LOCAL_COMMAND):
            await run_in_thread(compute)

    task = asyncio.create_task(make())
    await asyncio.wait_for(began.wait(), 20)
    task.cancel()
    await settled()
    assert queue.in_progress == 1
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert queue.in_progress == 0


async def test_work_is_cancelled_as_soon_as_the_client_disconnects() -> None:
    cleaned_up = asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned_up.set()
        return "made"

    messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, str]:
        return next(messages)

    assert await asyncio.wait_for(cancel_on_disconnect(work(), receive), 10) is None
    assert cleaned_up.is_set()
