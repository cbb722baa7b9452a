"""Ports of the ingestion: interfaces to properties, storage, visitor keys and observers.

proprium.server.collector_app provides the implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from collector.errors import EventDropped, RequestRejected
from collector.event import Event, Hit
from collector.request import Request

AcceptedHits = Sequence[tuple[Hit, Event]]
DroppedHits = Sequence[tuple[Hit, EventDropped]]
StoredFlags = Sequence[bool]
"""One bool per event: True stored, False a duplicate."""


@dataclass(frozen=True, slots=True)
class PropertyRules:
    """Collection rules of a property. Changed settings are reloaded within 1 s."""

    id: UUID
    number: int
    timezone: str = "UTC"  # IANA name
    hostnames: tuple[str, ...] = ()  # empty: all are allowed
    is_cookieless: bool = False
    discards_bots: bool = False
    keeps_click_text: bool = True
    query_keys: tuple[str, ...] = ()  # query keys of the url that belong to the page
    excluded_addresses: tuple[str, ...] = ()  # CIDRs


class PropertyDirectory(Protocol):
    def find(self, property_id: UUID) -> PropertyRules | None:
        """Returns the rules of a property, or None when it does not exist.

        Cached; cheap enough for every hit.
        """


class EventSink(Protocol):
    def append(self, events: Sequence[Event]) -> StoredFlags:
        """Commits all events in one durable transaction, in order.

        Returns whether each was stored, or is a duplicate of a stored one. Blocking; called from the committer thread
        only. Raises StoreUnavailable when nothing was stored.
        """


class VisitorKeySource(Protocol):
    def key(self, property_number: int, day: date) -> bytes:
        """Returns the random 32-byte key of (property, local day), shared by all processes.

        Cached; may block once a day.
        """


class CollectorObserver:
    """Observes the outcome of all events: counters, hit feed, log of rejected events. Does nothing by default.

    The collector calls its observers in their order on the event loop, before it responds: every call must be quick.
    An exception is logged; it harms neither the response nor another observer.
    """

    def on_received(self, event_count: int) -> None:
        """Called once per request. An unreadable body counts as one event, an array as its length."""

    def on_stored(self, hits: AcceptedHits, flags: StoredFlags) -> None:
        """Called after the commit of hits, with one flag per hit."""

    def on_dropped(self, hits: DroppedHits) -> None:
        """Called with the hits that the pipeline dropped."""

    def on_not_stored(self, hits: AcceptedHits, problem: RequestRejected) -> None:
        """Called with hits that passed the pipeline but could not be stored; `on_rejected` counts them."""

    def on_rejected(self, status: int, event_count: int) -> None:
        """Called with the number of events that were rejected with one HTTP status."""

    def on_request_rejected(self, request: Request, problem: RequestRejected) -> None:
        """Called with a sample of the rejected requests, a few a second, which are worth a look at their content."""
