"""Ports of the ingestion: interfaces to properties, storage and visitor keys.

proprium.server.app provides the implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from collector.event import Event


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
    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Commits all events in one durable transaction, in order.

        Returns one bool per event: True stored, False a duplicate of a stored one. Blocking; called from the committer
        thread only. Raises StoreUnavailable when nothing was stored.
        """


class VisitorKeySource(Protocol):
    def key(self, property_number: int, day: date) -> bytes:
        """Returns the random 32-byte key of (property, local day), shared by all processes.

        Cached; may block once a day.
        """
