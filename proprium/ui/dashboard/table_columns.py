"""Default columns of breakdown tables, and labels of columns, dimensions and counts."""

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
    D.EVENT_PAGE: "Page (all events)",
    D.SCREEN: "Screen size",
    D.SCREEN_CLASS: "Screen class",
    D.VISITOR_KIND: "New or returning",
    D.BOT_CATEGORY: "Bot category",
    D.BOT_PAGE: "Page (bots)",
}
"""Titles that differ from those of filters (`dimension_name`)."""
ROW_NOUNS: dict[str, str] = {
    D.PAGE: "pages",
    D.ENTRY_PAGE: "entry pages",
    D.EXIT_PAGE: "exit pages",
    D.EVENT_PAGE: "pages",
    D.BOT_PAGE: "pages",
    D.CHANNEL: "channels",
    D.REFERRER: "referrers",
    D.SOURCE: "sources",
    D.COUNTRY: "countries",
    D.REGION: "regions",
    D.CITY: "cities",
    D.BROWSER: "browsers",
    D.BROWSER_VERSION: "browser versions",
    D.PLATFORM: "platforms",
    D.PLATFORM_VERSION: "platform versions",
    D.DEVICE: "devices",
    D.LANGUAGE: "languages",
    D.EVENT: "custom events",
    D.EVENT_NAME: "event names",
    D.BOT: "bots",
    D.BOT_CATEGORY: "bot categories",
}
"""What the rows of a table are counted as; "rows" where missing."""


def default_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """Returns the default columns: the dimension's own count first; conversions only with goals."""
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
    """Returns all columns that can be chosen, in the order of the cards."""
    if dimension in BOT_DIMENSIONS:
        return (M.EVENTS, M.PAGE_VIEWS)
    return tuple(metric for metric in numbers.METRIC_TITLES if has_goals or metric not in numbers.GOAL_METRICS)


def count_text(count: int, plural_noun: str) -> str:
    """Formats a count with its noun: "1 page", "35 countries". Takes nouns in -s and -ies."""
    if count != 1:
        return f"{numbers.exact(count)} {plural_noun}"
    singular = f"{plural_noun[:-3]}y" if plural_noun.endswith("ies") else plural_noun.removesuffix("s")
    return f"1 {singular}"


def column_title(metric: M, dimension: str) -> str:
    return "Hits" if dimension in BOT_DIMENSIONS and metric is M.EVENTS else numbers.METRIC_TITLES[metric]


def dimension_title(dimension: str) -> str:
    if dimension.startswith(DATA_PREFIX):
        return f"Data: {dimension.removeprefix(DATA_PREFIX)}"
    return DIMENSION_TITLES.get(D(dimension)) or dimension_name(dimension)


def row_noun(dimension: str) -> str:
    return ROW_NOUNS.get(dimension, "rows")


def dimension_choices(keys: Iterable[DataKey] = ()) -> dict[str, str]:
    """Returns all dimensions and custom data keys for a select: key → title."""
    return {
        dimension: dimension_title(dimension) for dimension in (*D, *(DATA_PREFIX + data_key.key for data_key in keys))
    }
