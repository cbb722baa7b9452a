"""Default columns of breakdown tables, and labels of columns, dimensions and counts."""

from __future__ import annotations

from collections.abc import Iterable

from proprium.i18n import gettext as _
from proprium.metrics.breakdown_query import default_metric
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.catalog.metrics import by_group
from proprium.metrics.data_keys import DataKey
from proprium.metrics.definitions import title as metric_title
from proprium.metrics.query.filters import DATA_PREFIX
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dimension as D
from proprium.metrics.results import Metric as M

PAGE_COLUMNS = (M.PAGE_VIEWS, M.VISITORS, M.TIME_ON_PAGE, M.SCROLL_DEPTH, M.EXIT_RATE, M.BOUNCE_RATE)
EVENT_COLUMNS = (M.EVENTS, M.VISITORS, M.SESSIONS)
CLOCK_COLUMNS = (M.PAGE_VIEWS, M.VISITORS, M.SESSIONS, M.EVENTS)
SESSION_COLUMNS = (M.VISITORS, M.SESSIONS, M.PAGE_VIEWS, M.VIEWS_PER_SESSION, M.BOUNCE_RATE, M.VISIT_DURATION)
CLOCK_DIMENSIONS = frozenset(dimension for dimension in D if dimension.spec.is_clock)


def default_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """Returns the default columns: the dimension's own count first; conversions only with goals."""
    if spec_of(dimension).scope is Scope.BOT:
        return (M.EVENTS,)
    columns: tuple[M, ...] = (
        CLOCK_COLUMNS
        if dimension in CLOCK_DIMENSIONS
        else PAGE_COLUMNS
        if default_metric(dimension) is M.PAGE_VIEWS
        else SESSION_COLUMNS
    )
    if default_metric(dimension) is M.EVENTS:
        columns = EVENT_COLUMNS
    return (*columns, M.CONVERSIONS, M.CONVERSION_RATE) if has_goals else columns


def possible_columns(dimension: str, *, has_goals: bool) -> tuple[M, ...]:
    """Returns all columns that can be chosen, in the order of the cards. Of bots, all but their hits would be 0."""
    if spec_of(dimension).scope is Scope.BOT:
        return (M.EVENTS,)
    return by_group(has_goals=has_goals)


def column_title(metric: M, dimension: str, query: Query) -> str:
    spec = spec_of(dimension)
    return _(spec.count_title) if metric is spec.default_metric is not M.VISITORS else metric_title(metric, query)


def dimension_title(dimension: str) -> str:
    if dimension.startswith(DATA_PREFIX):
        return _("Data: {key}", key=dimension.removeprefix(DATA_PREFIX))
    return _(spec_of(dimension).title)


def row_count_text(dimension: str, count: int) -> str:
    """Counts a table's rows: "1 page", "35 countries"."""
    return spec_of(dimension).row_count_text(count)


def dimension_choices(keys: Iterable[DataKey] = ()) -> dict[str, str]:
    """Returns all dimensions and custom data keys for a select: key → title."""
    return {
        dimension: dimension_title(dimension) for dimension in (*D, *(DATA_PREFIX + data_key.key for data_key in keys))
    }
