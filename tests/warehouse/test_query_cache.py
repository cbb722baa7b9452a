"""The query cache: results are valid until something touches their time range."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from proprium.warehouse.query_cache import MAX_CACHED_RESULTS, MAX_INVALIDATIONS_PER_PROPERTY, QueryCache

LAST_WEEK = datetime(2026, 11, 2, tzinfo=UTC)
NOW = LAST_WEEK + timedelta(days=7)


class Asked:
    """A question about property 1 that ends last week; each computing gives another number."""

    def __init__(self) -> None:
        self.memo = QueryCache()
        self._numbers = count(1)

    def __call__(self, key: str = "question", number: int = 1, until: datetime | None = LAST_WEEK) -> int:
        return self.memo.get_or_compute(key, number, until, self.memo.current_version(), lambda: next(self._numbers))


def test_an_answer_is_computed_once() -> None:
    ask = Asked()
    assert [ask(), ask(), ask("another"), ask()] == [1, 1, 2, 1]


def test_new_events_leave_an_answer_about_last_week_alone() -> None:
    ask = Asked()
    ask()
    ask.memo.invalidate(1, NOW)
    assert ask() == 1


@pytest.mark.parametrize("since", [LAST_WEEK - timedelta(days=9), LAST_WEEK + timedelta(hours=30), None])
def test_a_late_event_or_a_deletion_invalidates_a_result(since: datetime | None) -> None:
    ask = Asked()
    ask()
    ask.memo.invalidate(1, since)
    assert [ask(), ask()] == [2, 2]


def test_another_propertys_events_do_not_matter() -> None:
    ask = Asked()
    ask()
    ask.memo.invalidate(2, None)
    assert ask() == 1


def test_an_answer_without_an_end_is_stale_after_every_event() -> None:
    ask = Asked()
    ask(until=None)
    ask.memo.invalidate(1, NOW)
    assert ask(until=None) == 2


def test_an_answer_that_was_read_before_a_move_does_not_hold_after_it() -> None:
    ask = Asked()
    tick = ask.memo.current_version()
    ask.memo.invalidate(1, LAST_WEEK)
    ask.memo.put("question", 1, LAST_WEEK, tick, -1)
    assert ask.memo.get("question") is None
    assert ask() == 1


def test_a_result_older_than_the_recorded_changes_is_stale() -> None:
    ask = Asked()
    ask()
    for _ in range(MAX_INVALIDATIONS_PER_PROPERTY + 1):
        ask.memo.invalidate(1, NOW)
    assert ask() == 2


def test_a_new_warehouse_remembers_nothing() -> None:
    ask = Asked()
    ask()
    ask.memo.clear()
    assert ask() == 2


def test_the_cache_is_bounded() -> None:
    ask = Asked()
    for number in range(MAX_CACHED_RESULTS + 10):
        ask(f"question {number}")
    assert ask.memo.get("question 1") is None
    assert ask.memo.get(f"question {MAX_CACHED_RESULTS}") is not None


def test_a_query_that_is_being_computed_is_shared() -> None:
    memo, begun, may_end = QueryCache(), threading.Event(), threading.Event()
    answers: list[int] = []

    def slowly() -> int:
        begun.set()
        assert may_end.wait(30)
        return 7

    def ask(compute: object) -> None:
        answers.append(memo.get_or_compute("question", 1, None, memo.current_version(), compute))  # type: ignore[arg-type]

    first = threading.Thread(target=ask, args=(slowly,))
    first.start()
    assert begun.wait(30)
    second = threading.Thread(target=ask, args=(lambda: 8,))
    second.start()
    may_end.set()
    first.join(30)
    second.join(30)
    assert answers == [7, 7]


def test_a_waiter_computes_the_result_when_the_first_query_failed() -> None:
    memo, begun, may_end = QueryCache(), threading.Event(), threading.Event()
    answers: list[int] = []

    def give_up() -> int:
        begun.set()
        assert may_end.wait(30)
        raise RuntimeError("nobody waits here any more")

    def first_asks() -> None:
        with pytest.raises(RuntimeError):
            memo.get_or_compute("question", 1, None, memo.current_version(), give_up)

    first = threading.Thread(target=first_asks)
    first.start()
    assert begun.wait(30)
    second = threading.Thread(
        target=lambda: answers.append(memo.get_or_compute("question", 1, None, memo.current_version(), lambda: 8))
    )
    second.start()
    may_end.set()
    first.join(30)
    second.join(30)
    assert answers == [8]


def test_the_cache_of_a_property_serves_nothing_that_was_read_before_a_change() -> None:
    memo = QueryCache()
    early = memo.for_property(1)
    memo.invalidate(1, None)
    early.put("question", None, 7)
    assert early.get("question") is None
    late = memo.for_property(1)
    assert late.get_or_compute("question", None, lambda: 8) == 8
    assert memo.for_property(1).get("question") == 8


def test_the_results_that_were_read_last_stay() -> None:
    cache = QueryCache()
    for number in range(MAX_CACHED_RESULTS):
        cache.put(number, 1, LAST_WEEK, cache.current_version(), f"result {number}")
    assert cache.get(0) == "result 0"
    cache.put("one more", 1, LAST_WEEK, cache.current_version(), "result")
    assert (cache.get(0), cache.get(1)) == ("result 0", None)
