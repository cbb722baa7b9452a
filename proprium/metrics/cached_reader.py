"""Cached reader: dashboard queries through the warehouse's query cache, computed once for all open pages.

Totals of long periods are split: the additive counts of closed days are cached apart from the running ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from proprium.metrics.aggregate import SumsByBucket, add_sums, additive_sums, total_facts
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import Query, normalised_query
from proprium.metrics.results import Breakdown, Dimension
from proprium.metrics.top_lists import top_lists
from proprium.metrics.totals import TotalsByBucket, query_totals
from proprium.warehouse.query_cache import INVALIDATION_REACH
from proprium.warehouse.schema import event, position

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_CUSTOM_EVENTS = 500

LATE_ARRIVAL_TOLERANCE = timedelta(hours=1)
"""Events that arrive later than this invalidate the cached counts of closed days."""
_UNAFFECTED_BY_EVENTS = datetime.min.replace(tzinfo=UTC)
"""`covers_until` of results that new events do not change, but only a deletion or a changed rule."""


class CachedReader:
    """Reads through the query cache, for one property and one snapshot.

    Create it before the connection is opened, so that what is read is at least as new as the cache version noted here.
    """

    def __init__(self, warehouse: Warehouse, property_number: int) -> None:
        self._query_cache, self._property_number = warehouse.query_cache, property_number
        self._cache_version = self._query_cache.current_version()

    def totals(self, connection: Connection, query: Query, buckets: Buckets) -> TotalsByBucket:
        """Returns `totals.query_totals`, cached until the period is invalidated."""
        key = ("totals", normalised_query(query), buckets.keys[:1], buckets.keys[-1:])
        return self._query_cache.get_or_compute(
            key,
            self._property_number,
            query.period.end_utc,
            self._cache_version,
            lambda: query_totals(connection, query, buckets, self._sums(connection, query, buckets)),
        )

    def _sums(self, connection: Connection, query: Query, buckets: Buckets) -> SumsByBucket:
        """Returns the additive facts, with those of closed days from the cache.

        A day is closed when new events cannot change it: INVALIDATION_REACH + LATE_ARRIVAL_TOLERANCE after its end.
        Closed days are computed apart only from the second request on: a query that runs once is not split.
        """
        period, now = query.period, query.now
        query = normalised_query(query)
        facts = total_facts(query)
        closed_end = min(now - INVALIDATION_REACH - LATE_ARRIVAL_TOLERANCE, period.end_utc).astimezone(period.zone)
        closed_end = datetime.combine(closed_end.date(), time(), period.zone)
        if closed_end.astimezone(UTC) <= period.start_utc:
            return additive_sums(connection, query, facts, buckets)
        closed_query = replace(query, period=replace(period, key="closed", end=closed_end, label=""))
        cache_key, covers_until = (closed_query, buckets.keys[:1]), closed_query.period.end_utc
        if not self._query_cache.get(("sums requested", *cache_key)):
            self._query_cache.put(
                ("sums requested", *cache_key), self._property_number, covers_until, self._cache_version, True
            )
            return additive_sums(connection, query, facts, buckets)
        closed_sums = self._query_cache.get_or_compute(
            ("sums", *cache_key),
            self._property_number,
            covers_until,
            self._cache_version,
            lambda: additive_sums(connection, closed_query, facts, buckets),
        )
        open_query = replace(query, period=replace(period, start=closed_end))
        return add_sums(closed_sums, additive_sums(connection, open_query, facts, buckets))

    def top_lists(
        self, connection: Connection, query: Query, dimensions: Collection[Dimension]
    ) -> Mapping[Dimension, Breakdown]:
        """Returns the first rows of each dimension; those that are not cached are computed in one pass."""
        cache_query = replace(normalised_query(query), interval=Interval.DAY, custom_cards=(), goals=(), goal="")
        cached_lists = {name: self._query_cache.get(("top list", cache_query, name)) for name in dimensions}
        missing_dimensions = tuple(name for name, breakdown in cached_lists.items() if breakdown is None)
        if not missing_dimensions:
            return cached_lists
        covers_until = query.period.end_utc
        computed_lists = self._query_cache.get_or_compute(
            ("top lists", cache_query, missing_dimensions),
            self._property_number,
            covers_until,
            self._cache_version,
            lambda: top_lists(connection, cache_query, missing_dimensions),
        )
        for name, breakdown in computed_lists.items():
            self._query_cache.put(
                ("top list", cache_query, name), self._property_number, covers_until, self._cache_version, breakdown
            )
        return {**cached_lists, **computed_lists}

    def custom_events(self, connection: Connection) -> tuple[str, ...]:
        """Returns the sorted names of all custom events; reads only events since the last call."""
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
