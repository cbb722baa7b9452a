"""What a sender sends (Hit), and what we keep of it (Event)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID

BUILT_IN_EVENTS = frozenset({"session_start", "page_view", "click", "scroll", "page_leave"})
"""The script's own event names; any other name is a custom event."""


class Identity(IntEnum):
    """How a visitor is known."""

    NONE = 0  # a server-side sender without user_id: an event, but nobody's
    COOKIE = 1  # the sender's user_id
    DAILY = 2  # a keyed hash that lives for one local day


class Hit(NamedTuple):  # a frozen dataclass costs four times as much to make, and one is made for every event
    """One event as it was sent, cleaned, with what its request says about the sender."""

    property_id: UUID
    event: str
    data: dict[str, Any]  # every key that was sent, cleaned; user_id included, wherever it stood
    id: UUID  # the sender's, or ours when it sent none
    received_at: datetime  # UTC, aware
    address: str | None = None  # of the client; None when unknown. Ends in the pipeline
    user_agent: str = ""  # data.user_agent, else the header
    origin_host: str | None = None  # host of the Origin header, else of the Referer
    is_prefetch: bool = False
    happened_at: datetime | None = None  # UTC, aware; None: when it was received. Servers tell of the past
    has_privacy_signal: bool = False  # Sec-GPC or DNT: known for one day, as without a cookie


@dataclass(slots=True)
class Event:
    """What we keep. There is no field for an address, so that none can be stored.

    Known keys of `data` stand in typed fields as well; a known key whose value is unusable leaves its field None.
    """

    id: UUID
    property: int  # the property's number
    event: str
    created_at: datetime  # UTC, aware, microseconds
    data: dict[str, Any] = field(default_factory=dict)  # every key that was sent
    identity: Identity = Identity.NONE
    visitor: int | None = None  # signed 64-bit
    previous_visitor: int | None = None  # yesterday's id, in the first session gap after local midnight
    user_agent: str = ""  # raw text
    user_id: str | None = None
    view_id: str | None = None
    page: str | None = None  # path, as kept by the property's rules
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
    time_on_page: int | None = None  # engaged milliseconds
    scroll_depth: int | None = None  # percent
    automated: bool = False  # navigator.webdriver said so
    country: str | None = None  # ISO 3166-1 alpha-2, or XK
    region: str | None = None  # ISO 3166-2 id of our maps, else the name as the database wrote it
    city: str | None = None


class HitOutcome(NamedTuple):
    """What became of a hit: what the install page shows. (A NamedTuple, because one is made for every hit.)"""

    received_at: datetime
    event: str
    page: str | None
    is_stored: bool
    is_duplicate: bool
    reason: str | None  # why it was dropped or refused: a Reason's value, or a status and a sentence: "400: …"
    has_address: bool
    country: str | None
    browser: str
    is_bot: bool
    hostname: str | None
    is_automated: bool = False  # a program drives the browser: a bot, unless the property counts them
