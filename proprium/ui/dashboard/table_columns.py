"""Default columns of breakdown tables, and labels of columns, dimensions and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proprium.figures import numbers
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
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
    D.EVENT: N_("Custom event"),
    D.EVENT_NAME: N_("Event"),
    D.EVENT_PAGE: N_("Page (all events)"),
    D.SCREEN: N_("Screen size"),
    D.SCREEN_CLASS: N_("Screen class"),
    D.VISITOR_KIND: N_("New or returning"),
    D.BOT_CATEGORY: N_("Bot category"),
    D.BOT_PAGE: N_("Page (bots)"),
}
"""Titles that differ from those of filters (`dimension_name`)."""
ROW_COUNTS: dict[str, Callable[[int], str]] = {
    D.PAGE: lambda count: ngettext("{count} page", "{count} pages", count),
    D.ENTRY_PAGE: lambda count: ngettext("{count} entry page", "{count} entry pages", count),
    D.EXIT_PAGE: lambda count: ngettext("{count} exit page", "{count} exit pages", count),
    D.EVENT_PAGE: lambda count: ngettext("{count} page", "{count} pages", count),
    D.BOT_PAGE: lambda count: ngettext("{count} page", "{count} pages", count),
    D.CHANNEL: lambda count: ngettext("{count} channel", "{count} channels", count),
    D.REFERRER: lambda count: ngettext("{count} referrer", "{count} referrers", count),
    D.SOURCE: lambda count: ngettext("{count} source", "{count} sources", count),
    D.COUNTRY: lambda count: ngettext("{count} country", "{count} countries", count),
    D.REGION: lambda count: ngettext("{count} region", "{count} regions", count),
    D.CITY: lambda count: ngettext("{count} city", "{count} cities", count),
    D.BROWSER: lambda count: ngettext("{count} browser", "{count} browsers", count),
    D.BROWSER_VERSION: lambda count: ngettext("{count} browser version", "{count} browser versions", count),
    D.PLATFORM: lambda count: ngettext("{count} platform", "{count} platforms", count),
    D.PLATFORM_VERSION: lambda count: ngettext("{count} platform version", "{count} platform versions", count),
    D.DEVICE: lambda count: ngettext("{count} device", "{count} devices", count),
    D.LANGUAGE: lambda count: ngettext("{count} language", "{count} languages", count),
    D.EVENT: lambda count: ngettext("{count} custom event", "{count} custom events", count),
    D.EVENT_NAME: lambda count: ngettext("{count} event name", "{count} event names", count),
    D.BOT: lambda count: ngettext("{count} bot", "{count} bots", count),
    D.BOT_CATEGORY: lambda count: ngettext("{count} bot category", "{count} bot categories", count),
}
"""Text of the number of a table's rows, where they have a name."""


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


def column_title(metric: M, dimension: str) -> str:
    return _("Hits") if dimension in BOT_DIMENSIONS and metric is M.EVENTS else _(numbers.METRIC_TITLES[metric])


def dimension_title(dimension: str) -> str:
    if dimension.startswith(DATA_PREFIX):
        return _("Data: {key}", key=dimension.removeprefix(DATA_PREFIX))
    return _(DIMENSION_TITLES.get(D(dimension)) or dimension_name(dimension))


def row_count_text(count: int, dimension: str) -> str:
    """Formats the number of a table's rows: "1 page", "35 countries"."""
    row_count = ROW_COUNTS.get(dimension)
    return row_count(count) if row_count else ngettext("{count} row", "{count} rows", count)


def dimension_choices(keys: Iterable[DataKey] = ()) -> dict[str, str]:
    """Returns all dimensions and custom data keys for a select: key → title."""
    return {
        dimension: dimension_title(dimension) for dimension in (*D, *(DATA_PREFIX + data_key.key for data_key in keys))
    }
