"""A collector behind real ASGI calls, with fakes of its ports; its counters are checked after every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest

from collector.asgi import Scope, Send, collector_middleware
from collector.counters import Counters
from collector.event import Event, HitOutcome
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.outcome_reporter import OutcomeReporter
from collector.pipeline import Pipeline
from collector.ports import CollectorObserver, PropertyRules
from collector.request import Receive
from collector.service import Collector
from collector.tracker_script import ScriptFile

SCRIPT = ScriptFile()
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


@dataclass
class CollectorHarness:
    """The collector, and what a test may look at behind it."""

    client: httpx.AsyncClient
    collector: Collector
    script: ScriptFile
    directory: Directory
    sink: Sink
    counters: Counters
    outcomes: list[HitOutcome]
    notified: list[UUID]  # the property of each outcome

    async def send(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else None
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            "/collect", content=content, json=None if content is not None else body, headers=known
        )

    async def hit(self, data: dict[str, Any] | None = None, event: str = "page_view", **headers: str) -> Event:
        """Sends one event and returns it as it was stored."""
        response = await self.send({"collectorId": str(PROPERTY), "event": event, "data": data or {}}, **headers)
        assert response.status_code == 204, response.text
        return self.sink.events[-1]


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"the app behind"})


MakeHarness = Callable[..., CollectorHarness]


@pytest.fixture
async def make_harness() -> AsyncIterator[MakeHarness]:
    """Doors with other settings than the default; checks the books of each in the end."""
    harnesses: list[tuple[CollectorHarness, GroupCommit]] = []

    def make(
        peer: str = "203.0.113.9",
        geo: GeoIPDatabase | None = None,
        queue_limit: int = 10_000,
        script: ScriptFile = SCRIPT,
        observers: Sequence[CollectorObserver] = (),
        **settings: Any,
    ) -> CollectorHarness:
        directory, sink, counters = Directory(), Sink(), Counters()
        outcomes, notified = list[HitOutcome](), list[UUID]()

        def listener(property_id: UUID, outcome: HitOutcome) -> None:
            outcomes.append(outcome)
            notified.append(property_id)

        writer = GroupCommit(sink, queue_limit=queue_limit)
        writer.start()
        collector = Collector(
            directory,
            writer,
            Pipeline(geo or GeoIPDatabase(None), Salts()),
            observers=[*observers, counters, OutcomeReporter(directory, listener)],
            **{"collect_rate": 0, **settings},
        )
        app = collector_middleware(not_found, collector, script)
        transport = httpx.ASGITransport(app, client=(peer, 50_000), raise_app_exceptions=True)
        client = httpx.AsyncClient(transport=transport, base_url="http://stats.example", headers={"user-agent": CHROME})
        harnesses.append(
            (CollectorHarness(client, collector, script, directory, sink, counters, outcomes, notified), writer)
        )
        return harnesses[-1][0]

    yield make
    for harness, writer in harnesses:
        writer.stop()
        await harness.client.aclose()
        assert_books_balance(harness)


@pytest.fixture
async def harness(make_harness: MakeHarness) -> CollectorHarness:
    return make_harness()


def assert_books_balance(harness: CollectorHarness) -> None:
    """Received = stored + duplicate + dropped + rejected, and stored is what the sink holds."""
    counters = harness.counters
    assert counters.received == counters.outcome_count, counters
    assert counters.stored == len(harness.sink.events)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
