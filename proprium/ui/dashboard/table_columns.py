"""What a list shows of each dimension before anybody chooses, and what dimensions are called in a choice."""

from __future__ import annotations

from collections.abc import Iterable

from proprium.figures import numbers
from proprium.metrics.breakdown_query import BOT_DIMENSIONS, PAGE_VIEW_DIMENSIONS, default_metric
from proprium.metrics.data_keys import DataKey
from proprium.metrics.query.filters import DATA_PREFIX, dimension_name
from proprium.metrics.results import Dimension as D
from proprium.metrics.results import Metric as M

PAGE_COLUMNS = (M.PAGE_VIEWS, M.VISITORS, M.TIME_ON_PAGE, M.SCROLL_DEPTH, M.EXIT_RATE, M.BOUNCE_RATE)
EVENT_COLUMNS = (M.EVENTS, M.VISITORS, M.SESSIONS)
CLOCK_COLUMNS = (M.PAGE_VIEWS, M.VISITORS, M.SESSIONS, M.EVENTS)
SESSION_COLUMNS = (M.VISITORS, M.SESSIONS, M.PAGE_VIEWS, M.VIEWS_PER_SESSION, M.BOUNCE_RATE, M.VISIT_DURATION)
CLOCK_DIMENSIONS = frozenset({D.WEEKDAY, D.HOUR, D.WEEKDAY_HOUR})

DIMENSION_TITLES = {
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
    if dimension in BOT_DIMENSIONS:
        return (M.EVENTS, M.PAGE_VIEWS)
    columns: tuple[M, ...] = (
        CLOCK_COLUMNS
        if dimension in CLOCK_DIMENSIONS
        else PAGE_COLUMNS
        if dimension in PAGE_VIEW_DIMENSIONS
        else SESSION_COLUMNS
    )
    if default_metric(dimension) is M.EVENTS:
        columns = EVENT_COLUMNS
    return (*columns, M.CONVERSIONS, M.CONVERSION_RATE) if has_goals else columns


def possible_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """In the order of the cards."""
    if dimension in BOT_DIMENSIONS:
        return (M.EVENTS, M.PAGE_VIEWS)
    return tuple(metric for metric in numbers.METRIC_TITLES if has_goals or metric not in numbers.GOAL_METRICS)


def column_title(metric: M, dimension: str) -> str:
    return "Hits" if dimension in BOT_DIMENSIONS and metric is M.EVENTS else numbers.METRIC_TITLES[metric]


def dimension_title(dimension: str) -> str:
    if dimension.startswith(DATA_PREFIX):
        return f"Data: {dimension.removeprefix(DATA_PREFIX)}"
    return DIMENSION_TITLES.get(D(dimension)) or dimension_name(dimension)


def dimension_choices(keys: Iterable[DataKey] = ()) -> dict[str, str]:
    """Everything that a list can be broken down by: key → title."""
    return {
        dimension: dimension_title(dimension) for dimension in (*D, *(DATA_PREFIX + data_key.key for data_key in keys))
    }
