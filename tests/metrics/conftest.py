"""A property with a history: appends events as the collector does, and queries as an address does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from collector.event import Event
from proprium.metrics.breakdown import breakdown
from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.buckets import calendar_buckets
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.query import Goal, Query
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Breakdown, BreakdownTable, Dashboard, Dimension, Metric, Series, Totals
from proprium.metrics.totals import query_totals, timelines_of
from proprium.storage.database import Database
from proprium.warehouse.warehouse import Warehouse
from tests.support.builders import moment
from tests.support.period_totals import period_totals
from tests.support.warehouse_fixture import FilledWarehouse

EVENING = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)
"""Of the day whose events the builders make."""


MOST_PROPERTIES = 1000
"""Of one test: its properties are numbered from 1, and stored from a number on that no other test has."""


class Past:
    """One test's properties in the warehouse that all tests share, and the questions about number 1."""

    def __init__(self, filled: FilledWarehouse, test: int) -> None:
        self._filled = filled
        self._first = test * MOST_PROPERTIES
        self.warehouse: Warehouse = filled.warehouse
        self.timezone = "UTC"
        self.number = 1
        self.custom_cards: tuple[str, ...] = ()
        self.goals: tuple[Goal, ...] = ()
        self.data_access = EVERY_KEY
        self.is_cookieless = False

    def append(self, *events: Event) -> None:
        self._filled.append([replace(event, property=self.stored(event.property)) for event in events])

    def stored(self, number: int) -> int:
        """What a property that the test calls `number` is called in storage."""
        return self._first + number

    def query(self, text: str = "period=today", now: str | datetime = EVENING) -> Query:
        """`text` is an address's query, with its filters as they are written there."""
        facts = PropertyFacts(
            UUID(int=1),
            self.stored(self.number),
            self.timezone,
            self.custom_cards,
            goals=self.goals,
            data_access=self.data_access,
            is_cookieless=self.is_cookieless,
        )
        pairs = [(name, value) for name, _, value in (part.partition("=") for part in text.split("&") if part)]
        return query_from(pairs, facts, moment(now))

    def totals(self, text: str = "period=today", now: str | datetime = EVENING) -> Totals:
        return period_totals(self.warehouse, self.query(text, now))

    def before(self, text: str = "period=today", now: str | datetime = EVENING) -> Totals:
        """The period that it is compared with."""
        query = self.query(text, now).comparison_query()
        assert query is not None
        return period_totals(self.warehouse, query)

    def timeline(self, text: str = "period=today", now: str | datetime = EVENING) -> Mapping[Metric, Series]:
        query = self.query(text, now)
        buckets = calendar_buckets(query.period, query.interval, query.now)
        with self.warehouse.read() as connection:
            return timelines_of(query, buckets, query_totals(connection, query, buckets)).by_metric

    def top(self, dimension: Dimension | str, text: str = "period=today", *, limit: int = 10) -> list[tuple[str, int]]:
        """What a reader sees of a tile: labels and counts."""
        return [(row.label, row.count) for row in self.breakdown(dimension, text, limit=limit).rows]

    def breakdown(
        self,
        dimension: Dimension | str,
        text: str = "period=today",
        *,
        limit: int = 10,
        offset: int = 0,
        search: str = "",
    ) -> Breakdown:
        return breakdown(self.warehouse, self.query(text), dimension, limit=limit, offset=offset, search=search)

    def table(
        self, dimension: Dimension | str, text: str = "period=today", now: str | datetime = EVENING, **options: Any
    ) -> BreakdownTable:
        return breakdown_table(self.warehouse, self.query(text, now), dimension, **options)

    def dashboard(self, text: str = "period=today", now: str | datetime = EVENING) -> Dashboard:
        return dashboard(self.warehouse, self.query(text, now))


@pytest.fixture(scope="session")
def _shared(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledWarehouse]:
    """Opening storage, projector and warehouse takes longer than asking a question."""
    folder = tmp_path_factory.mktemp("past")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    filled = FilledWarehouse(database, folder)
    yield filled
    filled.close()
    database.close()


_tests = count(1)


@pytest.fixture
def past(_shared: FilledWarehouse) -> Past:
    return Past(_shared, next(_tests))


def sum_of(series: Series) -> float:
    """Of its buckets; rates of nothing count 0."""
    return sum(value or 0.0 for value in series.values)
