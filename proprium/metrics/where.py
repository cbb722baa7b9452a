"""WHERE conditions: the hits and sessions that a query selects by property, period, audience and filters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, not_, or_, select
from sqlalchemy.sql import visitors

from collector.url_normalisation import PageRules
from proprium.metrics.catalog.dimension_spec import DimensionSpec
from proprium.metrics.catalog.dimensions import DATA_PREFIX, spec_of
from proprium.metrics.catalog.expressions import data_column, public_data_column
from proprium.metrics.catalog.metrics import Metric
from proprium.metrics.query.buckets import local_clock
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filter_values import with_all_spellings
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.query import Audience, Goal, Query
from proprium.warehouse.schema import event, session

MAX_SESSION_LENGTH = timedelta(hours=24)
NO_LOOKBACK = timedelta()

Condition = ColumnElement[bool]


class Selection:
    """The conditions of one query on the tables `event` and `session`, each built when it is first read."""

    def __init__(self, query: Query) -> None:
        self.query = query

    @cached_property
    def hits_in_period(self) -> Condition:
        """Matches every hit of the property in the period, of humans and bots, regardless of filters."""
        return and_(
            event.c.property == self.query.property_number,
            event.c.created_at >= self.query.period.start_utc,
            event.c.created_at < self.query.period.end_utc,
        )

    @cached_property
    def hits(self) -> Condition:
        """Matches hits of the query's audience under its filters."""
        match self.query.audience:
            case Audience.HUMANS:
                return self.human_hits
            case Audience.BOTS:
                return self.bot_hits
            case Audience.ALL:
                return self.all_hits

    @cached_property
    def human_hits(self) -> Condition:
        """Matches hits that are not from bots, under all filters.

        A hit's source, device and location are those of its session, so that session filters select by session.
        """
        conditions = [self.hits_in_period, not_(event.c.is_bot), *self._hit_conditions]
        if self._session_conditions:
            sessions = select(session.c.session).where(self.sessions_in_reach, *self._session_conditions)
            conditions.append(event.c.session.in_(sessions))
        return and_(*conditions)

    @cached_property
    def bot_hits(self) -> Condition:
        """Matches bot hits, under the filters that a hit can have: bots have no session.

        A principal who is restricted to visits that only sessions can match sees no bots at all.
        """
        if not all(filter_.applies_to_bots for filter_ in self.query.data_access.restriction):
            return false()
        conditions = (
            _matches(_bot_column(spec_of(filter_.dimension), self._query_of(filter_)), filter_, self.query.page_rules)
            for filter_ in self.query.conditions
            if filter_.applies_to_bots
        )
        return and_(self.hits_in_period, event.c.is_bot, *conditions)

    @cached_property
    def all_hits(self) -> Condition:
        """Matches hits of humans and bots, each under the filters that apply to them."""
        return or_(self.human_hits, self.bot_hits) if self.query.conditions else self.hits_in_period

    @cached_property
    def sessions(self) -> Condition:
        """Matches sessions that start in the period; under a hit filter, those with a matching hit in it."""
        if self.query.audience is Audience.BOTS:
            return false()
        if self._hit_conditions:
            return self._has_matching_hit()
        return and_(self.sessions_from(NO_LOOKBACK), *self._session_conditions)

    @cached_property
    def active_sessions(self) -> Condition:
        """Matches sessions with a hit in the period, under the filters; used to count the period's visitors.

        Under a filter on pages, they are those that viewed one (`counts_viewers`).
        """
        if self.query.audience is Audience.BOTS:
            return false()
        if self._hit_conditions:
            return self._has_matching_hit(event.c.is_view) if counts_viewers(self.query) else self._has_matching_hit()
        is_still_active = session.c.ended_at >= self.query.period.start_utc
        return and_(self.sessions_from(MAX_SESSION_LENGTH), is_still_active, *self._session_conditions)

    @cached_property
    def sessions_in_reach(self) -> Condition:
        """Matches the sessions that hits of the period can belong to."""
        return self.sessions_from(MAX_SESSION_LENGTH)

    @cached_property
    def is_last_view(self) -> Condition:
        """Matches hits that are the last page view of their session."""
        return event.c.seq.in_(select(session.c.exit_view).where(self.sessions_in_reach))

    def sessions_from(self, lookback: timedelta) -> Condition:
        """Matches sessions of the property that start in the period or at most `lookback` before it."""
        return and_(
            session.c.property == self.query.property_number,
            session.c.started_at >= self.query.period.start_utc - lookback,
            session.c.started_at < self.query.period.end_utc,
        )

    def sessions_reaching_goal(self, goal: Goal) -> Select[Any]:
        """Selects ids of sessions with a hit that reaches the goal, regardless of the query's filters.

        Hits of the session before and after the period count as well.
        """
        as_defined = self._query_as_defined  # conversions are the same for owners and readers
        return select(event.c.session).where(
            event.c.property == self.query.property_number,
            event.c.created_at >= self.query.period.start_utc - MAX_SESSION_LENGTH,
            event.c.created_at < self.query.period.end_utc + MAX_SESSION_LENGTH,
            not_(event.c.is_bot),
            event.c.session.is_not(None),
            *(
                _matches(column_of(spec_of(filter_.dimension), as_defined), filter_, self.query.page_rules)
                for filter_ in goal.filters
            ),
        )

    @cached_property
    def _query_as_defined(self) -> Query:
        """The query with access to every key, for conditions that the property's owner has defined."""
        return replace(self.query, data_access=EVERY_KEY)

    def _query_of(self, filter_: Filter) -> Query:
        """Returns the query by whose rights a filter is evaluated: those of its author."""
        is_own = filter_.data_key is not None and filter_ not in self.query.data_access.restriction
        return self.query if is_own else self._query_as_defined

    def _has_matching_hit(self, *conditions: Condition) -> Condition:
        matching_sessions = select(event.c.session).where(
            self.hits_in_period, not_(event.c.is_bot), event.c.session.is_not(None), *self._hit_conditions, *conditions
        )
        return and_(self.sessions_in_reach, *self._session_conditions, session.c.session.in_(matching_sessions))

    @cached_property
    def _hit_conditions(self) -> list[Condition]:
        return [
            _matches(column_of(spec_of(filter_.dimension), self._query_of(filter_)), filter_, self.query.page_rules)
            for filter_ in self.query.conditions
            if filter_.is_hit_filter
        ]

    @cached_property
    def _session_conditions(self) -> list[Condition]:
        return [
            _matches(column_of(spec_of(filter_.dimension), self._query_of(filter_)), filter_, self.query.page_rules)
            for filter_ in self.query.conditions
            if not filter_.is_hit_filter
        ]


def counts_viewers(query: Query, *dimensions: str) -> bool:
    """Returns True where visitors are those who viewed a page: the query, or a row's dimension, is about pages.

    Anything else that happened there, such as leaving a page that was opened the day before, makes no visitor of it.
    A condition on events or their data selects these instead, whatever page they are on.
    """
    specs = [spec_of(dimension) for dimension in (*(filter_.dimension for filter_ in query.conditions), *dimensions)]
    is_about_events = any(spec.default_metric is Metric.EVENTS and not spec.is_page for spec in specs)
    return any(spec.is_page for spec in specs) and not is_about_events


def column_of(spec: DimensionSpec, query: Query) -> ColumnElement[Any]:
    """Returns the expression of a dimension or of data.<key>, over hits or, of session dimensions, sessions.

    Weekday and hour are in the period's time zone. Without full data access, URLs in data have no query string.
    """
    if spec.key.startswith(DATA_PREFIX):
        key = spec.key.removeprefix(DATA_PREFIX)
        return data_column(key) if query.data_access.is_full else public_data_column(key)
    if spec.clock is not None:
        return spec.clock(local_clock(event.c.created_at, query.period))
    assert spec.column is not None
    return spec.column


def _bot_column(spec: DimensionSpec, query: Query) -> ColumnElement[Any]:
    """Returns the expression of a dimension over a bot's hit: events and sessions name their columns alike."""
    column: ColumnElement[Any] = visitors.replacement_traverse(column_of(spec, query), {}, _event_column_instead)
    return column


def _event_column_instead(element: Any, **kw: Any) -> Any:
    """Returns the column of `event` for the one of `session` with the same name; None for other elements."""
    return event.c[element.name] if getattr(element, "table", None) is session else None


def _matches(column: ColumnElement[Any], filter_: Filter, page_rules: PageRules) -> Condition:
    values = with_all_spellings(filter_, page_rules).values
    match filter_.operator:
        case Operator.IS if filter_.value == "":
            return or_(column.is_(None), column == "")
        case Operator.IS_NOT if filter_.value == "":
            return and_(column.is_not(None), column != "")
        case Operator.IS | Operator.ONE_OF:
            return column == values[0] if len(values) == 1 else column.in_(values)
        case Operator.IS_NOT:
            return column.is_distinct_from(values[0]) if len(values) == 1 else not_(_is_one_of(column, values))
        case Operator.CONTAINS:
            return or_(*(column.icontains(value, autoescape=True) for value in values))
        case Operator.NOT_CONTAINS:
            return or_(column.is_(None), not_(or_(*(column.icontains(value, autoescape=True) for value in values))))
        case Operator.MATCHES:
            return or_(*(column.like(_like_pattern(value), escape="\\") for value in values))
        case Operator.IS_SET:
            return column.is_not(None)


def _is_one_of(column: ColumnElement[Any], values: tuple[str, ...]) -> Condition:
    """Matches as `in_` does, but is false for NULL instead of unknown."""
    return and_(column.is_not(None), column.in_(values))


def _like_pattern(wildcard: str) -> str:
    for character in "\\%_":  # special in LIKE
        wildcard = wildcard.replace(character, "\\" + character)
    return wildcard.replace("*", "%")
