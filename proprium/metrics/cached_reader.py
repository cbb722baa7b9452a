"""Questions whose answers the warehouse's memo keeps: asked once, however many pages show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import Query, normalised_query
from proprium.metrics.results import Breakdown, Dimension, Totals
from proprium.metrics.top_lists import top_lists
from proprium.metrics.totals_query import SumsByBucket, add_sums, query_sums, query_totals
from proprium.warehouse.query_cache import INVALIDATION_REACH
from proprium.warehouse.schema import event, position

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_CUSTOM_EVENTS = 500

LATE_ARRIVAL_TOLERANCE = timedelta(hours=1)
"""What arrives later than this makes closed days be read again."""
_UNAFFECTED_BY_EVENTS = datetime.min.replace(tzinfo=UTC)
"""What only a deletion or another rule can change is about no time that an event could touch."""


class CachedReader:
    """One reading of the warehouse. Make it before the connection is opened: what that reads is as new, or newer."""

    def __init__(self, warehouse: Warehouse, property_number: int) -> None:
        self._query_cache, self._property_number = warehouse.query_cache, property_number
        self._cache_version = self._query_cache.current_version()

    def totals(self, connection: Connection, query: Query, buckets: Buckets) -> Mapping[int | None, Totals]:
        key = ("measure", normalised_query(query), buckets.keys[:1], buckets.keys[-1:])

        def compute() -> Mapping[int | None, Totals]:
            return query_totals(connection, query, buckets, self._sums(connection, query, buckets))

        return self._query_cache.get_or_compute(
            key, self._property_number, query.period.end_utc, self._cache_version, compute
        )

    def _sums(self, connection: Connection, query: Query, buckets: Buckets) -> SumsByBucket:
        """Those of closed days are kept from the second time on: what is asked once is read at once."""
        closed_query, open_query = _split_closed_days(query)
        if closed_query is None:
            return query_sums(connection, query, buckets)
        cache_key, covers_until = (normalised_query(closed_query), buckets.keys[:1]), closed_query.period.end_utc
        if not self._query_cache.get(("asked", *cache_key)):
            self._query_cache.put(("asked", *cache_key), self._property_number, covers_until, self._cache_version, True)
            return query_sums(connection, query, buckets)
        closed_sums = self._query_cache.get_or_compute(
            ("sums", *cache_key),
            self._property_number,
            covers_until,
            self._cache_version,
            lambda: query_sums(connection, closed_query, buckets),
        )
        return add_sums(closed_sums, query_sums(connection, open_query, buckets))

    def top_lists(
        self, connection: Connection, query: Query, dimensions: Collection[Dimension]
    ) -> Mapping[Dimension, Breakdown]:
        """Those that are not remembered are asked for together, in one pass."""
        cache_query = replace(normalised_query(query), interval=Interval.DAY, custom_cards=(), goals=(), goal="")
        cached_lists = {name: self._query_cache.get(("tile", cache_query, name)) for name in dimensions}
        missing_dimensions = tuple(name for name, breakdown in cached_lists.items() if breakdown is None)
        if not missing_dimensions:
            return cached_lists
        covers_until = query.period.end_utc
        computed_lists = self._query_cache.get_or_compute(
            ("tiles", cache_query, missing_dimensions),
            self._property_number,
            covers_until,
            self._cache_version,
            lambda: top_lists(connection, cache_query, missing_dimensions),
        )
        for name, breakdown in computed_lists.items():
            self._query_cache.put(
                ("tile", cache_query, name), self._property_number, covers_until, self._cache_version, breakdown
            )
        return {**cached_lists, **computed_lists}

    def custom_events(self, connection: Connection) -> tuple[str, ...]:
        """Every custom event ever seen, by name; only what came since the last look is read."""
        key = ("custom events", self._property_number)
        last_seq, names = self._query_cache.get(key) or (0, frozenset())
        current_seq = connection.scalar(select(position.c.event_seq)) or 0
        new_names = select(event.c.event).where(
            event.c.property == self._property_number, event.c.is_custom, event.c.seq > last_seq
        )
        names |= set(connection.scalars(new_names.distinct().limit(MAX_CUSTOM_EVENTS)))
        self._query_cache.put(
            key, self._property_number, _UNAFFECTED_BY_EVENTS, self._cache_version, (current_seq, names)
        )
        return tuple(sorted(names)[:MAX_CUSTOM_EVENTS])


def _split_closed_days(query: Query) -> tuple[Query | None, Query]:
    """The days of the period that nothing new touches any more, None where it has none, and the rest of it."""
    period = query.period
    closed_end = min(query.now - INVALIDATION_REACH - LATE_ARRIVAL_TOLERANCE, period.end_utc).astimezone(period.zone)
    closed_end = datetime.combine(closed_end.date(), time(), period.zone)
    if closed_end.astimezone(UTC) <= period.start_utc:
        return None, query
    closed_period = replace(period, key="closed", end=closed_end, label="")
    return replace(query, period=closed_period), replace(query, period=replace(period, start=closed_end))
