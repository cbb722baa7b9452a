"""Questions whose answers the warehouse's memo keeps: asked once, however many pages show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import Query, timeless
from proprium.metrics.results import Breakdown, Dimension, Totals
from proprium.metrics.top_lists import tiles
from proprium.metrics.totals_query import Sums, added, measure, sums
from proprium.warehouse.query_cache import REACH
from proprium.warehouse.schema import event, position

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_CUSTOM_EVENTS = 500

LATE = timedelta(hours=1)
"""What arrives later than this makes closed days be read again."""
_ALWAYS = datetime.min.replace(tzinfo=UTC)
"""What only a deletion or another rule can change is about no time that an event could touch."""


class Reader:
    """One reading of the warehouse. Make it before the connection is opened: what that reads is as new, or newer."""

    def __init__(self, warehouse: Warehouse, property_number: int) -> None:
        self._memo, self._number = warehouse.memo, property_number
        self._tick = self._memo.tick()

    def measure(self, connection: Connection, query: Query, buckets: Buckets) -> Mapping[int | None, Totals]:
        key = ("measure", timeless(query), buckets.keys[:1], buckets.keys[-1:])

        def asked() -> Mapping[int | None, Totals]:
            return measure(connection, query, buckets, self._sums(connection, query, buckets))

        return self._memo.ask(key, self._number, query.period.end_utc, self._tick, asked)

    def _sums(self, connection: Connection, query: Query, buckets: Buckets) -> Sums:
        """Those of closed days are kept from the second time on: what is asked once is read at once."""
        closed, still_open = _cut(query)
        if closed is None:
            return sums(connection, query, buckets)
        about, until = (timeless(closed), buckets.keys[:1]), closed.period.end_utc
        if not self._memo.find(("asked", *about)):
            self._memo.keep(("asked", *about), self._number, until, self._tick, True)
            return sums(connection, query, buckets)
        kept = self._memo.ask(
            ("sums", *about), self._number, until, self._tick, lambda: sums(connection, closed, buckets)
        )
        return added(kept, sums(connection, still_open, buckets))

    def tiles(
        self, connection: Connection, query: Query, dimensions: Collection[Dimension]
    ) -> Mapping[Dimension, Breakdown]:
        """Those that are not remembered are asked for together, in one pass."""
        about = replace(timeless(query), interval=Interval.DAY, custom_cards=(), goals=(), goal="")
        found = {name: self._memo.find(("tile", about, name)) for name in dimensions}
        missing = tuple(name for name, tile in found.items() if tile is None)
        if not missing:
            return found
        until = query.period.end_utc
        asked = self._memo.ask(
            ("tiles", about, missing), self._number, until, self._tick, lambda: tiles(connection, about, missing)
        )
        for name, tile in asked.items():
            self._memo.keep(("tile", about, name), self._number, until, self._tick, tile)
        return {**found, **asked}

    def custom_events(self, connection: Connection) -> tuple[str, ...]:
        """Every custom event ever seen, by name; only what came since the last look is read."""
        key = ("custom events", self._number)
        seen, names = self._memo.find(key) or (0, frozenset())
        reached = connection.scalar(select(position.c.event_seq)) or 0
        fresh = select(event.c.event).where(event.c.property == self._number, event.c.is_custom, event.c.seq > seen)
        names |= set(connection.scalars(fresh.distinct().limit(MAX_CUSTOM_EVENTS)))
        self._memo.keep(key, self._number, _ALWAYS, self._tick, (reached, names))
        return tuple(sorted(names)[:MAX_CUSTOM_EVENTS])


def _cut(query: Query) -> tuple[Query | None, Query]:
    """The days of the period that nothing new touches any more, None where it has none, and the rest of it."""
    period = query.period
    until = min(query.now - REACH - LATE, period.end_utc).astimezone(period.zone)
    until = datetime.combine(until.date(), time(), period.zone)
    if until.astimezone(UTC) <= period.start_utc:
        return None, query
    closed = replace(period, key="closed", end=until, label="")
    return replace(query, period=closed), replace(query, period=replace(period, start=until))
