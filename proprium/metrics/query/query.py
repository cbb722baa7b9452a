"""Query: the parameters of every metric query, one frozen value for dashboard, reports and API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from collector.url_normalisation import DEFAULT_PAGE_RULES, PageRules
from proprium.metrics.query.data_access import NO_KEY, DataAccess
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.period import Compare, Interval, Period

MAX_CACHED_STATEMENTS = 64
"""Size of each LRU cache of built SQL statements."""


class Audience(StrEnum):
    HUMANS = "humans"
    BOTS = "bots"
    ALL = "all"  # hits of both; sessions are of humans only


@dataclass(frozen=True)
class Goal:
    """A conversion goal: a session converts with one hit that matches all filters."""

    name: str
    filters: tuple[Filter, ...]  # on hits only: page, section, title, event, data.<key>


@dataclass(frozen=True)
class Limits:
    """A property's own limits, which its definitions, tooltips, reports and API responses state."""

    session_timeout_min: int = 30
    engagement_threshold_s: int = 10  # a session of one page with less is a bounce
    live_window_min: int = 5  # of "online now"


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Query:
    """The parameters of one query. Days, weeks and months begin in `timezone`."""

    property_id: UUID
    property_number: int  # the property's key in the warehouse
    timezone: ZoneInfo
    period: Period
    now: datetime  # UTC, aware: defines "today" and "up to the same minute"; `normalised` removes it
    compare: Compare = Compare.PREVIOUS
    filters: tuple[Filter, ...] = ()
    interval: Interval = Interval.DAY
    audience: Audience = Audience.HUMANS
    open_country: str | None = None  # alpha-2 code; the locations tile shows its regions and cities; not a filter
    custom_cards: tuple[str, ...] = ()  # names of custom events that Totals.custom counts
    goals: tuple[Goal, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    page_rules: PageRules = DEFAULT_PAGE_RULES  # by which values of filters are spelled
    with_exits: bool = True  # False: leaves out the exit rate, which is expensive
    goal: str = ""  # name of the goal that conversions count; "": any goal
    has_chosen_timezone: bool = False  # True: the request sets another zone than the property's
    data_access: DataAccess = NO_KEY  # what the principal may query, and of which visits
    is_cookieless: bool = False  # the property knows its visitors for one day only

    def __post_init__(self) -> None:
        """Raises DataKeyNotPublic for a filter on a data key that is not allowed, so that no such query exists."""
        for filter_ in self.filters:
            self.data_access.require(filter_.dimension)

    @property
    def daily_visitors(self) -> bool:
        """True: visitors are a sum of daily visitors, of several days of a cookieless property."""
        return self.is_cookieless and self.period.day_count > 1

    def with_filters(self, *filters: Filter) -> Query:
        return replace(self, filters=filters)

    @property
    def conditions(self) -> tuple[Filter, ...]:
        """The filters, and those that always apply for the query's principal."""
        return (*self.filters, *self.data_access.restriction)

    @property
    def filters_not_for_bots(self) -> tuple[Filter, ...]:
        """The filters that do not apply to bots, which are counted regardless of them."""
        return tuple(filter_ for filter_ in self.filters if not filter_.applies_to_bots)

    @property
    def map_country(self) -> str | None:
        """The country that the map shows: the open one, or the only one that a filter selects."""
        if self.open_country:
            return self.open_country
        selected = [
            filter_.values
            for filter_ in self.filters
            if filter_.dimension == "country" and filter_.operator in {Operator.IS, Operator.ONE_OF}
        ]
        return selected[0][0] or None if len(selected) == 1 and len(selected[0]) == 1 else None

    def comparison_query(self) -> Query | None:
        """Returns the same query for the compared period; None without one."""
        period = self.period.previous(self.now, self.compare)
        return replace(self, period=period, compare=Compare.NONE) if period else None

    @cached_property
    def normalised(self) -> Query:
        """The query without the fields that results do not depend on once period and buckets are known, for cache keys.

        Editors and readers share cached results that depend on no data key; readers of a share link with a segment
        share theirs with each other.
        """
        has_data = any(filter_.data_key is not None for filter_ in self.filters)
        data_access = self.data_access if has_data else self.data_access.shared_part
        return replace(self, now=_FIXED_NOW, compare=Compare.NONE, has_chosen_timezone=False, data_access=data_access)


_FIXED_NOW = datetime(1970, 1, 1, tzinfo=UTC)
