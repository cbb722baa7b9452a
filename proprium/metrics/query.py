"""One question, as one frozen value: page, PDF, Markdown and API all ask with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from proprium.metrics.filters import Filter
from proprium.metrics.period import Compare, Interval, Period


class Audience(StrEnum):
    HUMANS = "humans"
    BOTS = "bots"


@dataclass(frozen=True)
class Query:
    """(property, period, compare, filters, time zone, interval, audience). Periods are cut in `timezone`."""

    property_id: UUID
    property: int  # its number in the warehouse
    timezone: ZoneInfo
    period: Period
    now: datetime  # UTC, aware: what "today" and "up to the same minute" mean; not part of the cache key beyond its minute
    compare: Compare = Compare.PREVIOUS
    filters: tuple[Filter, ...] = ()
    interval: Interval = Interval.DAY
    audience: Audience = Audience.HUMANS
    open_country: str | None = None  # alpha-2: whose regions and cities the places tile shows; not a filter
    custom_cards: tuple[str, ...] = ()  # custom events whose counts the totals hold

    def with_filters(self, *filters: Filter) -> Query:
        return replace(self, filters=filters)
