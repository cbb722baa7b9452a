"""Cached reader: dashboard queries through the warehouse's query cache, computed once for all open pages.

Totals of long periods are split: the additive counts of closed days are cached apart from the running ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from proprium.metrics.aggregate import WHOLE_PERIOD, SumsByBucket, add_sums, additive_sums, total_facts
from proprium.metrics.query.buckets import Buckets, calendar_buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dimension, Totals
from proprium.metrics.top_lists import top_lists
from proprium.metrics.totals import Timelines, TotalsByBucket, query_totals, timelines_of
from proprium.warehouse.query_cache import INVALIDATION_REACH, PropertyCache
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

    The cache is taken before the connection is opened, so that what is read is at least as new as its version.
    """

    def __init__(self, cache: PropertyCache, property_number: int) -> None:
        self._cache, self._property_number = cache, property_number

    def period(self, connection: Connection, query: Query) -> tuple[Totals, Timelines]:
        """Returns the totals and timelines of the query's period, cached until it is invalidated."""
        buckets = calendar_buckets(query.period, query.interval, query.now)
        key = ("totals", query.normalised, buckets.keys[:1], buckets.keys[-1:])

        def compute() -> TotalsByBucket:
            return query_totals(connection, query, buckets, self._sums(connection, query, buckets))

        totals_by_bucket = self._cache.get_or_compute(key, query.period.end_utc, compute)
        return totals_by_bucket[WHOLE_PERIOD], timelines_of(query, buckets, totals_by_bucket)

    def totals(self, connection: Connection, query: Query) -> Totals:
        """Returns the totals of the query's period alone, cached until they are invalidated."""
        query = replace(query.normalised, interval=Interval.DAY)
        totals = self._cache.get_or_compute(
            ("period totals", query), query.period.end_utc, lambda: query_totals(connection, query)
        )
        return totals[WHOLE_PERIOD]

    def _sums(self, connection: Connection, query: Query, buckets: Buckets) -> SumsByBucket:
        """Returns the additive facts, with those of closed days from the cache.

        A day is closed when new events cannot change it: INVALIDATION_REACH + LATE_ARRIVAL_TOLERANCE after its end.
        Closed days are computed apart only from the second request on: a query that runs once is not split.
        """
        query, now = query.normalised, query.now
        period, facts = query.period, total_facts(query)
        closed_end = min(now - INVALIDATION_REACH - LATE_ARRIVAL_TOLERANCE, period.end_utc).astimezone(period.zone)
        closed_end = datetime.combine(closed_end.date(), time(), period.zone)
        closed_query = replace(query, period=replace(period, key="closed", end=closed_end, label=""))
        covers_until = closed_query.period.end_utc
        request_key = ("sums requested", closed_query, buckets.keys[:1])

        def read(part: Query) -> SumsByBucket:
            return additive_sums(connection, part, facts, buckets)

        if closed_end.astimezone(UTC) <= period.start_utc:
            return read(query)
        if not self._cache.get(request_key):
            self._cache.put(request_key, covers_until, True)
            return read(query)
        key = ("sums", closed_query, buckets.keys[:1])
        closed_sums = self._cache.get_or_compute(key, covers_until, lambda: read(closed_query))
        return add_sums(closed_sums, read(replace(query, period=replace(period, start=closed_end))))

    def top_lists(
        self, connection: Connection, query: Query, totals: Totals, dimensions: Collection[Dimension]
    ) -> Mapping[Dimension, Breakdown]:
        """Returns the first rows of each dimension; those that are not cached are computed in one pass.

        `totals`: of the same query, which the shares are of.
        """
        query = replace(query.normalised, interval=Interval.DAY, custom_cards=(), goals=(), goal="")
        cached_lists = {name: self._cache.get(("top list", query, name)) for name in dimensions}
        missing_dimensions = tuple(name for name, breakdown in cached_lists.items() if breakdown is None)
        if not missing_dimensions:
            return cached_lists
        covers_until = query.period.end_utc
        computed_lists = self._cache.get_or_compute(
            ("top lists", query, missing_dimensions),
            covers_until,
            lambda: top_lists(connection, query, totals, missing_dimensions),
        )
        for name, breakdown in computed_lists.items():
            key = ("top list", query, name)
            self._cache.put(key, covers_until, breakdown)
        return {**cached_lists, **computed_lists}

    def custom_events(self, connection: Connection) -> tuple[str, ...]:
        """Returns the sorted names of all custom events; reads only events since the last call."""
        key = ("custom events", self._property_number)
        last_seq, names = self._cache.get(key) or (0, frozenset())
        current_seq = connection.scalar(select(position.c.event_seq)) or 0
        new_names = select(event.c.event).where(
            event.c.property == self._property_number, event.c.is_custom, event.c.seq > last_seq
        )
        names |= set(connection.scalars(new_names.distinct().limit(MAX_CUSTOM_EVENTS)))
        self._cache.put(key, _UNAFFECTED_BY_EVENTS, (current_seq, names))
        return tuple(sorted(names)[:MAX_CUSTOM_EVENTS])

    def has_events(self, connection: Connection) -> bool:
        """Returns True where the property has an event in the warehouse, bots included."""
        first_event = select(event.c.seq).where(event.c.property == self._property_number).limit(1)
        return connection.execute(first_event).first() is not None


def first_event_at(warehouse: Warehouse, property_number: int) -> datetime | None:
    """Returns the time of the first event, where "all time" begins; None without events.

    Cached: every page reads it, and only an earlier event or a deletion changes it.
    """
    cache, key = warehouse.query_cache.for_property(property_number), ("first event", property_number)
    first_event: datetime | None = cache.get(key)
    if first_event is None:
        with warehouse.read() as connection:
            first_event = connection.scalar(
                select(func.min(event.c.created_at)).where(event.c.property == property_number)
            )
        if first_event is not None:
            first_event = first_event.astimezone(UTC)  # drivers have time zone objects of their own
        cache.put(key, first_event, first_event)
    return first_event
