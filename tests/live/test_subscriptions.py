"""Live queries: pages get new results soon, at a bounded cost, computed once for all subscribers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from itertools import count, pairwise

import pytest
import pytest_asyncio

from proprium.live import subscriptions
from proprium.live.subscriptions import LiveQueries

GAP_S = 0.05


class Question:
    """An answer that a test can change, and a count of how often it was computed."""

    def __init__(self, answer: object = 0) -> None:
        self.answer, self.computed = answer, 0
        self.threads: set[str] = set()

    def __call__(self) -> object:
        self.computed += 1
        self.threads.add(threading.current_thread().name)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[LiveQueries]:
    hub = LiveQueries(min_interval_s=GAP_S)
    yield hub
    hub.close()


async def settle(rounds: float = 4) -> None:
    """Long enough for everything that is due; what is asserted afterwards does not depend on how long."""
    await asyncio.sleep(GAP_S * rounds)


async def until(happened: object, timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not happened():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_a_page_gets_the_first_and_each_new_result(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen == [1])
    question.answer = 2
    hub.invalidate([7])
    await until(lambda: seen == [1, 2])


async def test_queries_run_in_a_thread(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    assert threading.current_thread().name not in question.threads


async def test_a_burst_of_changes_is_computed_once_with_the_newest_result(hub: LiveQueries) -> None:
    question, seen = Question(0), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    for question.answer in range(1, 201):
        hub.invalidate([7])
    await until(lambda: seen[-1] == 200)
    await settle()
    assert question.computed <= 3, "the first, and at most two for the burst"


async def test_a_change_during_a_computation_is_not_lost(hub: LiveQueries) -> None:
    is_computing, may_end, seen = threading.Event(), threading.Event(), []
    answers = iter([1, 2])

    def slowly() -> int:
        answer = next(answers)
        is_computing.set()
        may_end.wait(5)
        return answer

    hub.subscribe(7, "visitors", slowly, seen.append)
    await until(is_computing.is_set)
    hub.invalidate([7])
    await asyncio.sleep(0)
    may_end.set()
    await until(lambda: seen == [1, 2])


async def test_pages_with_the_same_query_share_one_computation(hub: LiveQueries) -> None:
    question, seen = Question("all the same"), []
    for _ in range(20):
        hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: len(seen) == 20)
    assert question.computed == 1
    hub.subscribe(7, "visitors", question, seen.append)
    assert len(seen) == 21, "a late page gets what is known already"
    assert question.computed == 1


async def test_a_page_that_opens_during_a_computation_waits_for_its_result(hub: LiveQueries) -> None:
    is_computing, may_end, early, late = threading.Event(), threading.Event(), [], []

    def slowly() -> str:
        is_computing.set()
        may_end.wait(5)
        return "the answer"

    hub.subscribe(7, "visitors", slowly, early.append)
    await until(is_computing.is_set)
    hub.subscribe(7, "visitors", slowly, late.append)
    assert late == [], "nothing is known yet"
    may_end.set()
    await until(lambda: early and late)
    assert early == late == ["the answer"]


async def test_a_page_that_opens_before_a_refresh_sees_the_shared_result() -> None:
    hub, early, late = LiveQueries(min_interval_s=60), [], []
    question = Question("known")
    hub.subscribe(7, "visitors", question, early.append)
    await until(lambda: early)
    hub.invalidate([7])
    await asyncio.sleep(0)
    hub.subscribe(7, "visitors", question, late.append)
    assert late == ["known"], "though the next one may be a minute away"
    hub.close()


async def test_first_results_take_precedence_over_refreshes() -> None:
    hub, order, may_end = LiveQueries(min_interval_s=0.01, thread_count=1), [], threading.Event()

    def known() -> int:
        order.append("known")
        return len(order)

    def asked(name: str) -> str:
        may_end.wait(5)
        order.append(name)
        return name

    seen: list[object] = []
    hub.subscribe(8, "known", known, seen.append)
    await until(lambda: seen == [1])
    hub.subscribe(7, "first", lambda: asked("first"), seen.append)
    await settle(1)
    hub.invalidate([8])
    await settle(1)
    for name in ("second", "third"):
        hub.subscribe(7, name, lambda name=name: asked(name), seen.append)  # type: ignore[misc]
    await settle(1)
    may_end.set()
    await until(lambda: order.count("known") == 2)
    assert order == ["known", "first", "second", "third", "known"]
    hub.close()


async def test_delivery_yields_between_pages(hub: LiveQueries) -> None:
    happened: list[str] = []
    loop = asyncio.get_running_loop()

    def draw(_: object) -> None:
        happened.append("page")
        loop.call_soon(happened.append, "event")

    for _ in range(3):
        hub.subscribe(7, "visitors", Question("the answer"), draw)
    await until(lambda: len(happened) == 6)
    assert happened == ["page", "event"] * 3


async def test_a_page_closed_during_delivery_gets_no_result(hub: LiveQueries) -> None:
    seen: list[str] = []
    question = Question("the answer")
    hub.subscribe(7, "visitors", question, lambda _: (seen.append("first"), second.close()))  # type: ignore[func-returns-value]
    second = hub.subscribe(7, "visitors", question, lambda _: seen.append("second"))
    await until(lambda: seen)
    await settle(1)
    assert seen == ["first"]


async def test_an_unchanged_result_is_delivered_at_any_age(hub: LiveQueries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proprium.live.subscriptions.MAX_INTERVAL_S", 0.0)
    question, early, late = Question("still true"), [], []
    hub.subscribe(7, "visitors", question, early.append)
    await until(lambda: early)
    await settle(1)
    hub.subscribe(7, "visitors", question, late.append)
    assert (late, question.computed) == (["still true"], 1)


async def times_of(questions: int, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[list[float]]:
    """When each was computed, while everything moves all the time and the thread's clock says that each took 50 ms."""
    ticks = count()
    monkeypatch.setattr(subscriptions, "thread_time", lambda: next(ticks) * 0.05)
    hub, times = LiveQueries(min_interval_s=0.01, thread_count=1), [[] for _ in range(questions)]
    for number, computed in enumerate(times):
        hub.subscribe(number, "visitors", lambda computed=computed: computed.append(time.monotonic()), print)  # type: ignore[misc]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        hub.invalidate(range(questions))
        await asyncio.sleep(0.01)
    hub.close()
    return times


def shortest_gap_s(times: list[list[float]]) -> float:
    return min(later - earlier for computed in times for earlier, later in pairwise(computed))


async def test_a_slow_query_is_refreshed_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    times = await times_of(1, monkeypatch, seconds=1)
    assert shortest_gap_s(times) > 0.35, "eight times what it took"


async def test_many_queries_together_are_refreshed_less_often_still(monkeypatch: pytest.MonkeyPatch) -> None:
    times = await times_of(10, monkeypatch, seconds=3)
    assert shortest_gap_s(times) > 0.9, "twice what all of them took"


async def test_another_propertys_change_computes_nothing(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    hub.invalidate([8])
    await settle()
    assert question.computed == 1


async def test_an_equal_result_is_not_delivered_again(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    hub.invalidate([7])
    await until(lambda: question.computed == 2)
    await settle()
    assert seen == [1]


async def test_a_page_may_define_equality_of_results(hub: LiveQueries) -> None:
    question, seen = Question({"visitors": 1, "took": 0.1}), []
    hub.subscribe(7, "k", question, seen.append, is_same=lambda a, b: a["visitors"] == b["visitors"])
    await until(lambda: seen)
    question.answer = {"visitors": 1, "took": 0.2}
    hub.invalidate([7])
    await until(lambda: question.computed == 2)
    await settle()
    assert len(seen) == 1


async def test_a_hidden_page_costs_nothing_and_catches_up_when_shown(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    watch = hub.subscribe(7, "visitors", question, seen.append, refresh_interval_s=GAP_S)
    await until(lambda: seen)
    watch.pause()
    await settle(1)
    computed, question.answer = question.computed, 2
    hub.invalidate([7])
    await settle()
    assert (seen, question.computed) == ([1], computed)
    watch.resume()
    await until(lambda: seen == [1, 2])


async def test_a_hidden_page_does_not_pause_a_visible_one(hub: LiveQueries) -> None:
    question, hidden, shown = Question(1), [], []
    first = hub.subscribe(7, "visitors", question, hidden.append)
    hub.subscribe(7, "visitors", question, shown.append)
    await until(lambda: hidden and shown)
    first.pause()
    question.answer = 2
    hub.invalidate([7])
    await until(lambda: shown == [1, 2])
    assert hidden == [1]
    first.resume()
    assert hidden == [1, 2], "it is known already: no need to compute it again"


async def test_a_closed_page_leaves_no_topic(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    watch = hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    watch.close()
    watch.close()
    hub.invalidate([7])
    await settle()
    assert (seen, question.computed, hub.topic_count) == ([1], 1, 0)


async def test_a_result_that_changes_with_time_is_refreshed_without_events(hub: LiveQueries) -> None:
    question, seen = Question(5), []
    watch = hub.subscribe(7, "live", question, seen.append, refresh_interval_s=GAP_S)
    await until(lambda: seen)
    question.answer = 4
    await until(lambda: seen == [5, 4])
    watch.close()


async def test_a_failed_computation_is_reported_and_retried_at_the_next_change(hub: LiveQueries) -> None:
    question, seen, problems = Question(ValueError("no such column")), [], []
    hub.subscribe(7, "visitors", question, seen.append, on_error=problems.append)
    await until(lambda: problems)
    await settle()
    assert question.computed == 1
    question.answer = 3
    hub.invalidate([7])
    await until(lambda: seen == [3])


async def test_a_failing_page_does_not_block_the_others(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, lambda _: 1 / 0)
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen == [1])


async def test_invalidate_may_be_called_from_another_thread(hub: LiveQueries) -> None:
    question, seen = Question(1), []
    hub.subscribe(7, "visitors", question, seen.append)
    await until(lambda: seen)
    question.answer = 2
    await asyncio.to_thread(hub.invalidate, frozenset({7}))
    await until(lambda: seen == [1, 2])
