"""Fakes of the collector's ports: properties, storage and visitor keys in memory, and an app behind its middleware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from collector.asgi import Scope, Send
from collector.event import Event
from collector.ports import PropertyRules
from collector.request import Receive

PROPERTY = UUID("0e7b1f1a-6a3c-4c59-9a52-3d1f5b3f8a01")
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@dataclass
class Directory:
    """Properties in memory."""

    rules: dict[UUID, PropertyRules] = field(default_factory=lambda: {PROPERTY: PropertyRules(PROPERTY, 7)})

    def find(self, property_id: UUID) -> PropertyRules | None:
        return self.rules.get(property_id)

    def set(self, **rules: Any) -> None:
        self.rules[PROPERTY] = PropertyRules(PROPERTY, 7, **rules)


@dataclass
class Sink:
    """Keeps what is committed, once an id. `trouble` is raised instead while it is set."""

    events: list[Event] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    trouble: Callable[[Sequence[Event]], Exception | None] = lambda events: None

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        if problem := self.trouble(events):
            raise problem
        self.commits.append(len(events))
        known = {(event.property, event.id) for event in self.events}
        flags = []
        for event in events:
            flags.append((event.property, event.id) not in known)
            known.add((event.property, event.id))
        self.events += [event for event, is_new in zip(events, flags, strict=True) if is_new]
        return flags


class Salts:
    """A key that depends on property and day only."""

    def key(self, property_number: int, day: date) -> bytes:
        return sha256(f"{property_number} {day}".encode()).digest()


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"the app behind"})
