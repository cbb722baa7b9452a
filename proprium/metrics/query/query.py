"""One question, as one frozen value: page, PDF, Markdown and API all ask with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from proprium.metrics.query.data_access import NO_KEY, DataAccess
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.period import Compare, Interval, Period

MAX_CACHED_STATEMENTS = 64
"""Statements of each kind that are kept, ready to be asked again."""


class Audience(StrEnum):
    HUMANS = "humans"
    BOTS = "bots"
    ALL = "all"  # hits of both; sessions are of people only


@dataclass(frozen=True)
class Goal:
    """What a session must do to count as converted: one hit that all these filters match."""

    name: str
    filters: tuple[Filter, ...]  # on hits only: page, section, title, event, data.<key>


@dataclass(frozen=True)
class Query:
    """(property, period, compare, filters, time zone, interval, audience). Periods are cut in `timezone`."""

    property_id: UUID
    property_number: int  # its number in the warehouse
    timezone: ZoneInfo
    period: Period
    now: datetime  # UTC, aware: what "today" and "up to the same minute" mean; a cache's key takes its minute
    compare: Compare = Compare.PREVIOUS
    filters: tuple[Filter, ...] = ()
    interval: Interval = Interval.DAY
    audience: Audience = Audience.HUMANS
    open_country: str | None = None  # alpha-2: whose regions and cities the places tile shows; not a filter
    custom_cards: tuple[str, ...] = ()  # custom events whose counts the totals hold
    goals: tuple[Goal, ...] = ()
    live_min: int = 5  # who was here so lately is here now
    with_exits: bool = True  # False: the exit rate is not asked for
    goal: str = ""  # name of the goal that conversions are about; "": any of them
    has_chosen_timezone: bool = False  # True: the reader asked for another zone than the property's
    data_access: DataAccess = NO_KEY  # keys of `data` that the principal may ask about

    def __post_init__(self) -> None:
        """Raises DataKeyNotPublic for a filter on a data key out of reach: such a query cannot exist."""
        for wanted in self.filters:
            self.data_access.require(wanted.dimension)

    def with_filters(self, *filters: Filter) -> Query:
        return replace(self, filters=filters)

    def comparison_query(self) -> Query | None:
        """The same question about the compared period; None where there is nothing to compare with."""
        period = self.period.previous(self.now, self.compare)
        return replace(self, period=period, compare=Compare.NONE) if period else None


def normalised_query(query: Query) -> Query:
    """Without what an answer does not depend on, once its period and buckets are known."""
    # Editors and readers share the answers that depend on no data key.
    has_data = any(wanted.data_key is not None for wanted in query.filters)
    data_access = query.data_access if has_data else NO_KEY
    return replace(query, now=_FIXED_NOW, compare=Compare.NONE, has_chosen_timezone=False, data_access=data_access)


_FIXED_NOW = datetime(1970, 1, 1, tzinfo=UTC)
