"""Facts: the aggregate columns of a query, each over one kind of rows, that metrics are computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, func

from proprium.warehouse import dialect

Column = ColumnElement[Any]


class Rows(StrEnum):
    """Kinds of rows that facts aggregate, with the columns that `metrics.aggregate` selects for each."""

    HITS = "hits"  # visitor, event, is_view, is_exit
    VISITORS = "visitors"  # visitor, is_daily: of hits, or of sessions where these give the same number faster
    SESSIONS = "sessions"  # is_bounce, duration (seconds), is_converted, goal_<index>
    VIEWS = "views"  # page views with engagement: engaged_ms (NULL: under 1 s), depth (percent)
    BOTS = "bots"  # no columns: bot hits, which no metric of humans includes


@dataclass(frozen=True)
class Fact:
    """An aggregate column. `aggregate` maps the columns of a row, as attributes, to an aggregate expression."""

    name: str
    rows: Rows
    aggregate: Callable[[Any], Column]


def count_if(condition: Column) -> Column:
    return func.count().filter(condition)


def count_events(name: str, event: str) -> Fact:
    """Returns the fact that counts the events of one name."""
    return Fact(name, Rows.HITS, lambda hit: count_if(hit.event == event))


def count_reached_goal(index: int) -> Fact:
    """Returns the fact that counts the sessions that reached one of the query's goals."""
    return Fact(f"reached_{index}", Rows.SESSIONS, lambda session: count_if(getattr(session, f"goal_{index}")))


VISITORS = Fact("visitors", Rows.VISITORS, lambda row: func.count(row.visitor.distinct()))
SINGLE_DAY_VISITORS = Fact(
    "single_day_visitors", Rows.VISITORS, lambda row: func.count(row.visitor.distinct()).filter(row.is_daily)
)
"""Visitors without a cookie, who are recognised for one day only."""
NEW_VISITORS = count_events("new_visitors", "session_start")
PAGE_VIEWS = Fact("page_views", Rows.HITS, lambda hit: count_if(hit.is_view))
CLICKS = count_events("clicks", "click")
SCROLLS = count_events("scrolls", "scroll")
EVENTS = Fact("events", Rows.HITS, lambda hit: func.count())
EXITS = Fact("exits", Rows.HITS, lambda hit: count_if(hit.is_exit))

SESSIONS = Fact("sessions", Rows.SESSIONS, lambda session: func.count())
BOUNCES = Fact("bounces", Rows.SESSIONS, lambda session: count_if(session.is_bounce))
DURATION_MEDIAN = Fact("duration_median", Rows.SESSIONS, lambda session: dialect.median(session.duration))
DURATION_MEAN = Fact("duration_mean", Rows.SESSIONS, lambda session: func.avg(session.duration, type_=Double))
CONVERTED = Fact("converted", Rows.SESSIONS, lambda session: count_if(session.is_converted))

# Sums and counts instead of averages, so that those of closed days can be cached and added to today's.
ENGAGED_MS = Fact("engaged_ms_sum", Rows.VIEWS, lambda view: func.sum(view.engaged_ms, type_=BigInteger))
ENGAGED_VIEWS = Fact("engaged_ms_number", Rows.VIEWS, lambda view: func.count(view.engaged_ms))
DEPTH = Fact("depth_sum", Rows.VIEWS, lambda view: func.sum(view.depth, type_=BigInteger))
DEPTH_VIEWS = Fact("depth_number", Rows.VIEWS, lambda view: func.count(view.depth))

BOTS = Fact("bots", Rows.BOTS, lambda hit: func.count())
