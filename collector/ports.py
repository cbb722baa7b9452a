"""What ingestion needs from the outside; proprium.server.app hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from collector.event import Event


@dataclass(frozen=True, slots=True)
class PropertyRules:
    """What the collector must know of a property. Settings are read again at most 1 s after a change."""

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
        """The rules of a property, None when there is none. Answers from memory; cheap enough for every hit."""


class EventSink(Protocol):
    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Commits all events in one durable transaction, in order.

        Returns one bool an event: True stored, False a duplicate of one that is there already. Blocking; called
        from the committer's own thread only. Raises StoreUnavailable when nothing was stored.
        """


class VisitorKeySource(Protocol):
    def key(self, property_number: int, day: date) -> bytes:
        """The random 32-byte key of (property, local day), the same for every process. Cached; may block once a day."""
