"""Hit (an event as received), Event (enriched, as stored) and HitOutcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID

BUILT_IN_EVENTS = frozenset({"session_start", "page_view", "click", "scroll", "page_leave"})
"""The script's own event names; any other name is a custom event."""


class Identity(IntEnum):
    """Source of a visitor's identity."""

    NONE = 0  # a server-side sender without user_id: an event without a visitor
    COOKIE = 1  # the user_id that was sent
    DAILY = 2  # a keyed hash that is valid for one local day


class Hit(NamedTuple):  # a frozen dataclass takes four times as long to create, and every event creates one
    """An event as it was received, sanitised, with the client's facts from its request."""

    property_id: UUID
    event: str
    data: dict[str, Any]  # every key that was sent, sanitised; user_id included, also when it was sent at the top level
    id: UUID  # the idempotency key that was sent, else a new UUIDv7
    received_at: datetime  # UTC, aware
    address: str | None = None  # of the client; None: unknown. Used in the pipeline, never stored
    user_agent: str = ""  # data.user_agent, else the header
    origin_host: str | None = None  # host of the Origin header, else of the Referer
    is_prefetch: bool = False
    happened_at: datetime | None = None  # UTC, aware; None: at received_at. Set by batch imports of past events
    has_privacy_signal: bool = False  # Sec-GPC or DNT: daily identity, as in cookieless mode


@dataclass(slots=True)
class Event:
    """The enriched event that is stored.

    It has no field for an IP address, so that none can be stored. Known keys of `data` have typed fields as well; an
    unusable value leaves its field None.
    """

    id: UUID
    property: int  # property number
    event: str
    created_at: datetime  # UTC, aware, microseconds
    data: dict[str, Any] = field(default_factory=dict)  # every key that was sent
    identity: Identity = Identity.NONE
    visitor: int | None = None  # signed 64-bit
    previous_visitor: int | None = None  # yesterday's id, within a session gap after local midnight
    user_agent: str = ""  # raw text
    user_id: str | None = None
    view_id: str | None = None
    page: str | None = None  # path, with the query keys that the property keeps
    title: str | None = None
    hostname: str | None = None
    referrer: str | None = None  # bare host, lower case, without www.
    screen_width: int | None = None
    screen_height: int | None = None
    language: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id: str | None = None  # name of the click id in the URL, such as "gclid"; never its value
    time_on_page: int | None = None  # engaged milliseconds
    scroll_depth: int | None = None  # percent
    automated: bool = False  # navigator.webdriver was true
    country: str | None = None  # ISO 3166-1 alpha-2, or XK
    region: str | None = None  # ISO 3166-2 id of our maps, else the name in the GeoIP database
    city: str | None = None


class HitOutcome(NamedTuple):
    """Outcome of a hit, for the install page.

    A NamedTuple, because every hit creates one.
    """

    received_at: datetime
    event: str
    page: str | None
    is_stored: bool
    is_duplicate: bool
    reason: str | None  # why it was dropped or rejected: a DropReason's value, or status and message ("400: …")
    has_address: bool
    country: str | None
    browser: str
    is_bot: bool
    hostname: str | None
    is_automated: bool = False  # a program drives the browser: a bot, unless the property counts automated browsers
