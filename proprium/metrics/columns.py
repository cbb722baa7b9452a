"""Dimension columns: the SQL expression of each dimension, over hits or over sessions.

A session has the values of its first hit.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, func, literal, or_

from proprium.metrics.query.buckets import DAY_US, EPOCH_WEEKDAY, HOUR_US, local_clock
from proprium.metrics.query.filters import DATA_PREFIX, SESSION_DIMENSIONS
from proprium.metrics.query.period import Period
from proprium.metrics.query.query import Query
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]

COLUMN_BY_DATA_KEY: dict[str, Column] = {
    "user_id": event.c.user_id,
    "url": event.c.page,
    "screen_width": dialect.text_part(event.c.screen, "×", 1),
    "screen_height": dialect.text_part(event.c.screen, "×", 2),
    "title": event.c.title,
    "hostname": event.c.hostname,
    "referrer": event.c.referrer,
    "language": event.c.language,
    "utm_source": event.c.utm_source,
    "utm_medium": event.c.utm_medium,
    "utm_campaign": event.c.utm_campaign,
    "utm_term": event.c.utm_term,
    "utm_content": event.c.utm_content,
    "time_on_page": event.c.engaged_ms,
    "scroll_depth": event.c.scroll_depth,
}
"""Keys of `data` that have a warehouse column of their own instead of the JSON column, if it holds what was sent."""
_URL_KEYS = ("url", "referrer")
_LINK_KEYS = frozenset({"href", "link", "src", "action", "location", "uri"})

SCREEN_CLASSES = ((576, "Phone"), (992, "Tablet"), (1440, "Laptop"))
"""(width in CSS pixels, name): screens narrower than that; wider ones are Desktop.

576 and 992 are Bootstrap's breakpoints, 1440 is a common laptop's width.
"""
LARGEST_SCREEN_CLASS = "Desktop"


def is_session_dimension(dimension: str) -> bool:
    return dimension in SESSION_DIMENSIONS


def session_column(dimension: str) -> Column:
    """Returns the expression of a session dimension."""
    derived = _DERIVED_SESSION_COLUMNS.get(dimension)
    return session.c[dimension] if derived is None else derived


def hit_column(dimension: str, query: Query) -> Column:
    """Returns the expression of a hit dimension or of data.<key>.

    Weekday and hour are in the period's time zone. Without full data access, URLs in data have no query string.
    """
    if dimension.startswith(DATA_PREFIX):
        key = dimension.removeprefix(DATA_PREFIX)
        return data_column(key) if query.data_access.is_full else public_data_column(key)
    if dimension in _CLOCK_DIMENSIONS:
        return _clock_column(dimension, query.period)
    return _SECTION if dimension == "section" else event.c[dimension]


def data_column(key: str) -> Column:
    """Returns data.<key> of a hit as text, as it was sent; NULL: not sent."""
    json_value = dialect.data_value(event.c.data, key)
    column = COLUMN_BY_DATA_KEY.get(key)
    return json_value if column is None else func.coalesce(json_value, cast(column, Text))


def public_data_column(key: str) -> Column:
    """Returns data.<key> as text for readers without full data access: URLs without query and fragment.

    `url` is the page, which keeps the query keys that the property allows; `referrer` is the bare host.
    """
    if key in _URL_KEYS:
        return COLUMN_BY_DATA_KEY[key]
    sent = data_column(key)
    plain = dialect.text_part(dialect.text_part(sent, "?", 1), "#", 1)
    if key.casefold() in _LINK_KEYS:  # a relative URL cannot be distinguished from other text by its form
        return plain
    return case((or_(sent.like("%://%"), sent.like("/%"), sent.like("?%")), plain), else_=sent)


def _name_with_version(name: Column, version: Column) -> Column:
    """Concatenates to "Firefox 145" or "iOS 26.1"; the name alone where the version is unknown."""
    return case((version.is_(None), name), else_=name + " " + version)


def _screen_class(screen: Column) -> Column:
    width = cast(dialect.text_part(screen, "×", 1), BigInteger)
    cases = [(width < limit_px, literal(name)) for limit_px, name in SCREEN_CLASSES]
    return case((screen.is_(None), literal(None, Text)), *cases, else_=literal(LARGEST_SCREEN_CLASS))


def _section(page: Column) -> Column:
    """Maps a path to its first folder: "/blog/2026/hello" to "/blog/*"; "/pricing" stays."""
    folder = dialect.text_part(page, "/", 2)
    return case((page.like("/_%/%"), literal("/") + folder + "/*"), else_=page)


_SECTION = _section(event.c.page)
COOKIE_IDENTITY = 1  # session.identity: the client's own user_id
_VISITOR_KIND = case((session.c.is_new, literal("new")), (session.c.identity == COOKIE_IDENTITY, literal("returning")))

_DERIVED_SESSION_COLUMNS: dict[str, Column] = {
    "visitor_kind": _VISITOR_KIND,
    "browser_version": _name_with_version(session.c.browser, dialect.text_part(session.c.browser_version, ".", 1)),
    "platform_version": _name_with_version(session.c.platform, session.c.platform_version),
    "screen_class": _screen_class(session.c.screen),
}
_CLOCK_DIMENSIONS = frozenset({"weekday", "hour", "weekday_hour"})


def _clock_column(dimension: str, period: Period) -> Column:
    local_us = local_clock(event.c.created_at, period)
    weekday = cast((dialect.integer_divide(local_us, DAY_US) + EPOCH_WEEKDAY) % 7 + 1, Text)
    hour = func.lpad(cast(dialect.integer_divide(local_us, HOUR_US) % 24, Text), 2, "0", type_=Text)
    column_by_dimension: dict[str, Column] = {"weekday": weekday, "hour": hour, "weekday_hour": weekday + "-" + hour}
    return column_by_dimension[dimension]
