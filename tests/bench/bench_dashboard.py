"""CPU seconds of one dashboard over a year of events: `python -m tests.bench.bench_dashboard [--sizes 1m 10m]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from proprium.live.subscriptions import IDLE_PER_CPU_SECOND, MAX_INTERVAL_S
from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Dashboard, Dimension
from proprium.ui.dashboard.state import state_from
from proprium.warehouse.schema import event
from proprium.warehouse.warehouse import Warehouse
from tests.bench.filled import CARDS, SIZES, progress_printer, projected, requested_sizes, storage_of

ROUNDS = 8
BUSY = PropertyFacts(UUID(int=1), 1, "Europe/Berlin", tuple(CARDS), data_access=EVERY_KEY)
NARROW = "filter=country:is:DE&filter=browser:is:Chrome"

GOALS: dict[tuple[str, str], float] = {
    ("1m", "28 days, compared"): 0.2,
    ("10m", "28 days, compared"): 1.0,
    ("10m", "the same, filtered by country and browser"): 0.6,
    ("10m", "365 days, compared"): 5.0,
}
"""CPU seconds of all threads."""


def main() -> None:
    missed = [line for size in requested_sizes(__doc__, ["1m", "10m"]) for line in measure(size)]
    if missed:
        sys.exit("Over the goal: " + ", ".join(missed))


def measure(size: str) -> list[str]:
    """Prints a line for each question; those that missed their goal."""
    with projected(storage_of(SIZES[size])) as (warehouse, projector):
        projector.catch_up(progress_printer("projected"))
        queries = TimedQueries(warehouse)
        print(f"{size} events, the property with most of them", flush=True)
        cpu_seconds = {
            "28 days, compared": queries.cold("period=28d"),
            "the same with every tab": queries.cold("period=28d", REPORT_DIMENSIONS),
            "the same, filtered by country and browser": queries.cold(f"period=28d&{NARROW}"),
            "365 days, compared": queries.cold("from={year_ago}&to={today}", rounds=2),
            "a live refresh of 28 days": queries.refreshed("period=28d"),
            "a table of pages with every metric": queries.listed("period=28d"),
        }
    return [f"{size}: {name}" for name, cpu_s in cpu_seconds.items() if cpu_s > GOALS.get((size, name), cpu_s)]


class TimedQueries:
    """Queries as a page runs them, at the moment of the last event; each returns its CPU seconds."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        with warehouse.read() as connection:
            newest = connection.scalar(select(func.max(event.c.created_at)))
        assert isinstance(newest, datetime)
        self._now = newest.astimezone(UTC)

    def cold(self, text: str, dimensions: tuple[Dimension, ...] | None = None, rounds: int = ROUNDS) -> float:
        """Nothing is cached: the first page after a restart."""
        return self._best(text, text, self._warehouse.query_cache.clear, dimensions, rounds)

    def refreshed(self, text: str) -> float:
        """An event came in: results about the past are still cached."""
        number = BUSY.number
        cpu_s = self._best(
            "live", text, lambda: self._warehouse.query_cache.invalidate(number, self._now), None, ROUNDS
        )
        print(
            f"{'':45} at this pace every {min(MAX_INTERVAL_S, max(1.0, IDLE_PER_CPU_SECOND * cpu_s / 2)):.1f} s",
            flush=True,
        )
        return cpu_s

    def listed(self, text: str) -> float:
        query = query_from(_pairs(text, self._now), BUSY, self._now)
        return _best(
            "table of pages", lambda: breakdown_table(self._warehouse, query, Dimension.PAGE), lambda: None, ROUNDS
        )[0]

    def _best(
        self,
        name: str,
        text: str,
        before: Callable[[], None],
        dimensions: tuple[Dimension, ...] | None,
        rounds: int,
    ) -> float:
        view = state_from(_pairs(text, self._now), BUSY, self._now)
        chosen_dimensions = view.dimensions if dimensions is None else dimensions
        label = name + (", every tab" if dimensions else "")
        cpu_s, answer = _best(label, lambda: dashboard(self._warehouse, view.query, chosen_dimensions), before, rounds)
        assert isinstance(answer, Dashboard)
        return cpu_s


def _best(name: str, ask: Callable[[], Any], before: Callable[[], None], rounds: int) -> tuple[float, Any]:
    """The best of some rounds: of all threads, DuckDB's included."""
    times = []
    for _ in range(rounds):
        before()
        cpu, wall = process_time(), perf_counter()
        answer = ask()
        times.append((process_time() - cpu, perf_counter() - wall))
    cpu_s, wall_s = min(times)
    print(f"    {name:60} {cpu_s:.3f} CPU s  {wall_s:.3f} s", flush=True)
    return cpu_s, answer


def _pairs(text: str, now: datetime) -> list[tuple[str, str]]:
    days = {"today": now.date().isoformat(), "year_ago": now.replace(year=now.year - 1).date().isoformat()}
    return [(name, value) for name, _, value in (part.partition("=") for part in text.format(**days).split("&"))]


if __name__ == "__main__":
    main()
