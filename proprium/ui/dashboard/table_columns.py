"""What a list shows of each dimension before anybody chooses, and what dimensions are called in a choice."""

from __future__ import annotations

from collections.abc import Iterable

from proprium.figures import numbers
from proprium.metrics.breakdown_query import OF_BOTS, VIEWED, own_count
from proprium.metrics.data_keys import DataKey
from proprium.metrics.query.filters import DATA_PREFIX, dimension_name
from proprium.metrics.results import Dimension as D
from proprium.metrics.results import Metric as M

OF_PAGES = (M.PAGE_VIEWS, M.VISITORS, M.TIME_ON_PAGE, M.SCROLL_DEPTH, M.EXIT_RATE, M.BOUNCE_RATE)
OF_EVENTS = (M.EVENTS, M.VISITORS, M.SESSIONS)
OF_CLOCK = (M.PAGE_VIEWS, M.VISITORS, M.SESSIONS, M.EVENTS)
OF_VISITS = (M.VISITORS, M.SESSIONS, M.PAGE_VIEWS, M.VIEWS_PER_SESSION, M.BOUNCE_RATE, M.VISIT_DURATION)
CLOCK = frozenset({D.WEEKDAY, D.HOUR, D.WEEKDAY_HOUR})

NAMES = {
    D.EVENT: "Custom event",
    D.EVENT_NAME: "Event",
    D.EVENT_PAGE: "Page of all events",
    D.SCREEN: "Screen size",
    D.SCREEN_CLASS: "Screen class",
    D.VISITOR_KIND: "New or returning",
    D.BOT_CATEGORY: "Kind of bot",
    D.BOT_PAGE: "Page of bots",
}


def default_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """The dimension's own count first; conversions only where there are goals."""
    if dimension in OF_BOTS:
        return (M.EVENTS, M.PAGE_VIEWS)
    chosen: tuple[M, ...] = OF_CLOCK if dimension in CLOCK else OF_PAGES if dimension in VIEWED else OF_VISITS
    if own_count(dimension) is M.EVENTS:
        chosen = OF_EVENTS
    return (*chosen, M.CONVERSIONS, M.CONVERSION_RATE) if has_goals else chosen


def possible_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """In the order of the cards."""
    if dimension in OF_BOTS:
        return (M.EVENTS, M.PAGE_VIEWS)
    return tuple(metric for metric in numbers.TITLES if has_goals or metric not in numbers.OF_GOALS)


def column_title(metric: M, dimension: str) -> str:
    return "Hits" if dimension in OF_BOTS and metric is M.EVENTS else numbers.TITLES[metric]


def dimension_title(dimension: str) -> str:
    if dimension.startswith(DATA_PREFIX):
        return f"Data: {dimension.removeprefix(DATA_PREFIX)}"
    return NAMES.get(D(dimension)) or dimension_name(dimension)


def choices(keys: Iterable[DataKey] = ()) -> dict[str, str]:
    """Everything that a list can be broken down by: key → title."""
    return {each: dimension_title(each) for each in (*D, *(DATA_PREFIX + found.key for found in keys))}
