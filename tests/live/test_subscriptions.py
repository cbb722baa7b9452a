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
async def live_queries() -> AsyncIterator[LiveQueries]:
    live_queries = LiveQueries(min_interval_s=GAP_S)
    yield live_queries
    live_queries.close()


async def settle(rounds: float = 4) -> None:
    """Long enough for everything that is due; what is asserted afterwards does not depend on how long."""
    await asyncio.sleep(GAP_S * rounds)


async def until(happened: object, timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not happened():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def test_the_projector_may_outlive_the_event_loop() -> None:
    async def open_page() -> LiveQueries:
        live_queries = LiveQueries(min_interval_s=GAP_S)
        live_queries.subscribe(7, "visitors", Question(1), lambda _: None)
        return live_queries

    live_queries = asyncio.run(open_page())
    live_queries.invalidate([7])
    live_queries.close()


async def test_a_page_gets_the_first_and_each_new_result(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results == [1])
    question.answer = 2
    live_queries.invalidate([7])
    await until(lambda: results == [1, 2])


async def test_queries_run_in_a_thread(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    assert threading.current_thread().name not in question.threads


async def test_a_burst_of_changes_is_computed_once_with_the_newest_result(live_queries: LiveQueries) -> None:
    question, results = Question(0), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    for question.answer in range(1, 201):
        live_queries.invalidate([7])
    await until(lambda: results[-1] == 200)
    await settle()
    assert question.computed <= 3, "the first, and at most two for the burst"


async def test_a_change_during_a_computation_is_not_lost(live_queries: LiveQueries) -> None:
    is_computing, may_end, results = threading.Event(), threading.Event(), []
    answers = iter([1, 2])

    def slowly() -> int:
        answer = next(answers)
        is_computing.set()
        may_end.wait(5)
        return answer

    live_queries.subscribe(7, "visitors", slowly, results.append)
    await until(is_computing.is_set)
    live_queries.invalidate([7])
    await asyncio.sleep(0)
    may_end.set()
    await until(lambda: results == [1, 2])


async def test_pages_with_the_same_query_share_one_computation(live_queries: LiveQueries) -> None:
    question, results = Question("all the same"), []
    for _ in range(20):
        live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: len(results) == 20)
    assert question.computed == 1
    live_queries.subscribe(7, "visitors", question, results.append)
    assert len(results) == 21, "a late page gets what is known already"
    assert question.computed == 1


async def test_a_page_that_opens_during_a_computation_waits_for_its_result(live_queries: LiveQueries) -> None:
    is_computing, may_end, early, late = threading.Event(), threading.Event(), [], []

    def slowly() -> str:
        is_computing.set()
        may_end.wait(5)
        return "the answer"

    live_queries.subscribe(7, "visitors", slowly, early.append)
    await until(is_computing.is_set)
    live_queries.subscribe(7, "visitors", slowly, late.append)
    assert late == [], "nothing is known yet"
    may_end.set()
    await until(lambda: early and late)
    assert early == late == ["the answer"]


async def test_a_page_that_opens_before_a_refresh_sees_the_shared_result() -> None:
    live_queries, early, late = LiveQueries(min_interval_s=60), [], []
    question = Question("known")
    live_queries.subscribe(7, "visitors", question, early.append)
    await until(lambda: early)
    live_queries.invalidate([7])
    await asyncio.sleep(0)
    live_queries.subscribe(7, "visitors", question, late.append)
    assert late == ["known"], "though the next one may be a minute away"
    live_queries.close()


async def test_first_results_take_precedence_over_refreshes() -> None:
    live_queries, order, may_end = LiveQueries(min_interval_s=0.01, thread_count=1), [], threading.Event()

    def known() -> int:
        order.append("known")
        return len(order)

    def compute(name: str) -> str:
        may_end.wait(5)
        order.append(name)
        return name

    results: list[object] = []
    live_queries.subscribe(8, "known", known, results.append)
    await until(lambda: results == [1])
    live_queries.subscribe(7, "first", lambda: compute("first"), results.append)
    await settle(1)
    live_queries.invalidate([8])
    await settle(1)
    for name in ("second", "third"):
        live_queries.subscribe(7, name, lambda name=name: compute(name), results.append)  # type: ignore[misc]
    await settle(1)
    may_end.set()
    await until(lambda: order.count("known") == 2)
    assert order == ["known", "first", "second", "third", "known"]
    live_queries.close()


async def test_delivery_yields_between_pages(live_queries: LiveQueries) -> None:
    happened: list[str] = []
    loop = asyncio.get_running_loop()

    def draw(_: object) -> None:
        happened.append("page")
        loop.call_soon(happened.append, "event")

    for _ in range(3):
        live_queries.subscribe(7, "visitors", Question("the answer"), draw)
    await until(lambda: len(happened) == 6)
    assert happened == ["page", "event"] * 3


async def test_a_page_closed_during_delivery_gets_no_result(live_queries: LiveQueries) -> None:
    results: list[str] = []
    question = Question("the answer")
    live_queries.subscribe(7, "visitors", question, lambda _: (results.append("first"), second.close()))  # type: ignore[func-returns-value]
    second = live_queries.subscribe(7, "visitors", question, lambda _: results.append("second"))
    await until(lambda: results)
    await settle(1)
    assert results == ["first"]


async def test_an_unchanged_result_is_delivered_at_any_age(
    live_queries: LiveQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proprium.live.subscriptions.MAX_INTERVAL_S", 0.0)
    question, early, late = Question("still true"), [], []
    live_queries.subscribe(7, "visitors", question, early.append)
    await until(lambda: early)
    await settle(1)
    live_queries.subscribe(7, "visitors", question, late.append)
    assert (late, question.computed) == (["still true"], 1)


async def times_of(questions: int, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[list[float]]:
    """When each was computed, while everything moves all the time and the thread's clock says that each took 50 ms."""
    ticks = count()
    monkeypatch.setattr(subscriptions, "thread_time", lambda: next(ticks) * 0.05)
    live_queries, times = LiveQueries(min_interval_s=0.01, thread_count=1), [[] for _ in range(questions)]
    for number, computed in enumerate(times):
        live_queries.subscribe(number, "visitors", lambda computed=computed: computed.append(time.monotonic()), print)  # type: ignore[misc]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        live_queries.invalidate(range(questions))
        await asyncio.sleep(0.01)
    live_queries.close()
    return times


def shortest_gap_s(times: list[list[float]]) -> float:
    return min(later - earlier for computed in times for earlier, later in pairwise(computed))


async def test_a_slow_query_is_refreshed_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    times = await times_of(1, monkeypatch, seconds=1)
    assert shortest_gap_s(times) > 0.35, "eight times what it took"


async def test_many_queries_together_are_refreshed_less_often_still(monkeypatch: pytest.MonkeyPatch) -> None:
    times = await times_of(10, monkeypatch, seconds=3)
    after_the_first = [computed[1:] for computed in times]  # what all of them take is known once each was computed
    assert shortest_gap_s(after_the_first) > 0.9, "twice what all of them took"


async def test_another_propertys_change_computes_nothing(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    live_queries.invalidate([8])
    await settle()
    assert question.computed == 1


async def test_an_equal_result_is_not_delivered_again(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    live_queries.invalidate([7])
    await until(lambda: question.computed == 2)
    await settle()
    assert results == [1]


async def test_a_page_may_define_equality_of_results(live_queries: LiveQueries) -> None:
    question, results = Question({"visitors": 1, "took": 0.1}), []
    live_queries.subscribe(7, "k", question, results.append, is_same=lambda a, b: a["visitors"] == b["visitors"])
    await until(lambda: results)
    question.answer = {"visitors": 1, "took": 0.2}
    live_queries.invalidate([7])
    await until(lambda: question.computed == 2)
    await settle()
    assert len(results) == 1


async def test_a_hidden_page_costs_nothing_and_catches_up_when_shown(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    watch = live_queries.subscribe(7, "visitors", question, results.append, refresh_interval_s=GAP_S)
    await until(lambda: results)
    watch.pause()
    await settle(1)
    computed, question.answer = question.computed, 2
    live_queries.invalidate([7])
    await settle()
    assert (results, question.computed) == ([1], computed)
    watch.resume()
    await until(lambda: results == [1, 2])


async def test_a_hidden_page_does_not_pause_a_visible_one(live_queries: LiveQueries) -> None:
    question, hidden, shown = Question(1), [], []
    first = live_queries.subscribe(7, "visitors", question, hidden.append)
    live_queries.subscribe(7, "visitors", question, shown.append)
    await until(lambda: hidden and shown)
    first.pause()
    question.answer = 2
    live_queries.invalidate([7])
    await until(lambda: shown == [1, 2])
    assert hidden == [1]
    first.resume()
    assert hidden == [1, 2], "it is known already: no need to compute it again"


async def test_a_closed_page_leaves_no_topic(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    watch = live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    watch.close()
    watch.close()
    live_queries.invalidate([7])
    await settle()
    assert (results, question.computed, live_queries.topic_count) == ([1], 1, 0)


async def test_a_result_that_changes_with_time_is_refreshed_without_events(live_queries: LiveQueries) -> None:
    question, results = Question(5), []
    watch = live_queries.subscribe(7, "live", question, results.append, refresh_interval_s=GAP_S)
    await until(lambda: results)
    question.answer = 4
    await until(lambda: results == [5, 4])
    watch.close()


async def test_a_failed_computation_is_reported_and_retried_at_the_next_change(live_queries: LiveQueries) -> None:
    question, results, problems = Question(ValueError("no such column")), [], []
    live_queries.subscribe(7, "visitors", question, results.append, on_error=problems.append)
    await until(lambda: problems)
    await settle()
    assert question.computed == 1
    question.answer = 3
    live_queries.invalidate([7])
    await until(lambda: results == [3])


async def test_a_failing_page_does_not_block_the_others(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, lambda _: 1 / 0)
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results == [1])


async def test_invalidate_may_be_called_from_another_thread(live_queries: LiveQueries) -> None:
    question, results = Question(1), []
    live_queries.subscribe(7, "visitors", question, results.append)
    await until(lambda: results)
    question.answer = 2
    await asyncio.to_thread(live_queries.invalidate, frozenset({7}))
    await until(lambda: results == [1, 2])
