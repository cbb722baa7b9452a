"""SQL expressions of dimensions that the warehouse does not store as a column of their own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, func, literal, or_

from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
"""Microseconds."""
EPOCH_WEEKDAY = 3  # 1970 began on a Thursday

COOKIE_IDENTITY = 1  # session.identity: the client's own user_id
VISITOR_KIND = case((session.c.is_new, literal("new")), (session.c.identity == COOKIE_IDENTITY, literal("returning")))
"""NULL where the visitor has no cookie."""

_folder = dialect.text_part(event.c.page, "/", 2)
SECTION = case((event.c.page.like("/_%/%"), literal("/") + _folder + "/*"), else_=event.c.page)
"""The first folder of a path: "/blog/*" of "/blog/2026/hello"; "/pricing" stays."""

SCREEN_CLASSES = ((576, "Phone"), (992, "Tablet"), (1440, "Laptop"))
"""(width in CSS pixels, name): screens narrower than that; wider ones are Desktop.

576 and 992 are Bootstrap's breakpoints, 1440 is a common laptop's width.
"""
LARGEST_SCREEN_CLASS = "Desktop"
_width = cast(dialect.text_part(session.c.screen, "×", 1), BigInteger)
SCREEN_CLASS = case(
    # Not a constant NULL: DuckDB 2.0 fails on a CASE of constants that is compared with a text which is none of them.
    (session.c.screen.is_(None), cast(session.c.screen, Text)),
    *((_width < limit_px, literal(name)) for limit_px, name in SCREEN_CLASSES),
    else_=literal(LARGEST_SCREEN_CLASS),
)


def name_with_version(name: Column, version: Column) -> Column:
    """Concatenates to "Firefox 145" or "iOS 26.1"; the name alone where the version is unknown."""
    return case((version.is_(None), name), else_=name + " " + version)


# Of a local clock: microseconds since 1970 in the period's time zone.


def weekday(local_us: Column) -> Column:
    """Returns the day of the week, "1" for Monday."""
    return cast((dialect.integer_divide(local_us, DAY_US) + EPOCH_WEEKDAY) % 7 + 1, Text)


def hour(local_us: Column) -> Column:
    """Returns the hour of the day, "00" to "23"."""
    return func.lpad(cast(dialect.integer_divide(local_us, HOUR_US) % 24, Text), 2, "0", type_=Text)


def weekday_hour(local_us: Column) -> Column:
    """Returns both: "1-09"."""
    return weekday(local_us) + "-" + hour(local_us)


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
    "click_id": event.c.click_id,
    "time_on_page": event.c.engaged_ms,
    "scroll_depth": event.c.scroll_depth,
}
"""Keys of `data` that have a warehouse column of their own instead of the JSON column, if it holds what was sent."""
_URL_KEYS = ("url", "referrer")
_LINK_KEYS = frozenset({"href", "link", "src", "action", "location", "uri"})


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
