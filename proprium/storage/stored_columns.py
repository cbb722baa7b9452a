"""The columns of a stored event, described once: type, key of `data`, and where their values appear.

From this list come the column order of inserts and the bits of `sent` (event_codec), the select list of the change feed
(event_columns), columns of the warehouse (warehouse.schema), of the SQL console (sql_console.views) and of Parquet
files. The table itself is in `tables`; values are put by the collector.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.types import TypeEngine


class WarehouseScope(Enum):
    """Which rows of the warehouse have a column, with the stored value unchanged."""

    EVENT = auto()
    SESSION = auto()  # events, and sessions, which copy it from one of their hits


@dataclass(frozen=True)
class StoredColumn:
    """A column of the table `event`. A new one also needs a field of `EventRow`, a migration, and a value."""

    name: str
    type: type[TypeEngine[Any]]
    key: str | None = None  # the key of `data` that it holds
    sent_bit: int | None = None  # with `key`: the number of its bit in `sent`, which stored rows have: never change it
    is_shared: bool = False  # the events of a visit share its values: read with dictionary encoding
    scope: WarehouseScope | None = None  # None: not in the warehouse, or there in another form
    meaning: str = ""  # description in the SQL console; "": not shown there
    is_private: bool = False  # in the SQL console for those who may edit the property only


_EVENT, _SESSION = WarehouseScope.EVENT, WarehouseScope.SESSION

STORED_COLUMNS = (
    StoredColumn("seq", BigInteger),
    StoredColumn("id", LargeBinary),
    StoredColumn("property", Integer, is_shared=True),
    StoredColumn("event", String),
    StoredColumn("created_at", BigInteger),
    StoredColumn("identity", SmallInteger, is_shared=True, scope=_SESSION),
    StoredColumn("visitor", BigInteger),
    StoredColumn("previous_visitor", BigInteger),
    StoredColumn("user_agent", String, key="user_agent", sent_bit=17, is_shared=True),
    StoredColumn("sent", BigInteger),
    StoredColumn("view_id", String, key="view_id", sent_bit=1),
    StoredColumn("page", String, key="url", sent_bit=2),
    StoredColumn("title", String, key="title", sent_bit=3, scope=_EVENT, meaning="Title of the page"),
    StoredColumn(
        *("user_id", String),
        key="user_id",
        sent_bit=0,
        scope=_EVENT,
        meaning="User id as sent by your site",
        is_private=True,
    ),
    StoredColumn(
        *("hostname", String),
        key="hostname",
        sent_bit=4,
        is_shared=True,
        scope=_SESSION,
        meaning="Hostname of the page",
    ),
    StoredColumn(
        *("referrer", String),
        key="referrer",
        sent_bit=5,
        is_shared=True,
        scope=_SESSION,
        meaning="Hostname of the referring page; NULL: none",
    ),
    *(
        StoredColumn(
            *(name, String),
            key=name,
            sent_bit=sent_bit,
            is_shared=True,
            scope=_SESSION,
            meaning=f"UTM {name.removeprefix('utm_')} of the link that led here",
        )
        for sent_bit, name in enumerate(("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"), 9)
    ),
    StoredColumn(
        *("click_id", String),
        key="click_id",
        sent_bit=18,
        is_shared=True,
        scope=_EVENT,
        meaning="Name of the click id of the link that led here: gclid",
    ),
    StoredColumn("country", String, is_shared=True, scope=_SESSION, meaning="ISO 3166-1 alpha-2: DE"),
    StoredColumn("region", String, is_shared=True, scope=_SESSION, meaning="ISO 3166-2: DE-HE"),
    StoredColumn("city", String, is_shared=True, scope=_SESSION, meaning="Name of the city"),
    StoredColumn(
        *("language", String),
        key="language",
        sent_bit=8,
        is_shared=True,
        scope=_SESSION,
        meaning="Browser language: en-US",
    ),
    StoredColumn("screen_width", Integer, key="screen_width", sent_bit=6, is_shared=True),
    StoredColumn("screen_height", Integer, key="screen_height", sent_bit=7, is_shared=True),
    StoredColumn("time_on_page", BigInteger, key="time_on_page", sent_bit=14),
    StoredColumn("scroll_depth", Integer, key="scroll_depth", sent_bit=15),
    StoredColumn("automated", Boolean, key="automated", sent_bit=16, is_shared=True),
    StoredColumn("rest", String),
)

COLUMN_BY_KEY = {
    column.key: column
    for column in sorted(STORED_COLUMNS, key=lambda column: column.sent_bit or 0)
    if column.key is not None
}
"""Columns that hold a key of `data`, in the order of their bits."""


def columns_in(scope: WarehouseScope) -> tuple[StoredColumn, ...]:
    """Returns the columns of a warehouse scope, in the order of the list."""
    return tuple(column for column in STORED_COLUMNS if column.scope is scope)
