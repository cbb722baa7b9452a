"""A collector behind real ASGI calls, with fakes of its ports; its counters are checked after every test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from collector.asgi import collector_middleware
from collector.counters import Counters
from collector.event import Event, HitOutcome
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.outcome_reporter import OutcomeReporter
from collector.pipeline import Pipeline
from collector.ports import CollectorObserver
from collector.service import Collector
from collector.tracker_script import ScriptFile
from tests.collector.script_site import browser, context, page, served, site  # noqa: F401  (fixtures)
from tests.support.collector_ports import CHROME, PROPERTY, Directory, Salts, Sink, not_found

SCRIPT = ScriptFile()


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
        async with asyncio.timeout(30):  # an answer that never comes is a failure, not a hanging suite
            return await self.client.post(
                "/collect", content=content, json=None if content is not None else body, headers=known
            )

    async def hit(self, data: dict[str, Any] | None = None, event: str = "page_view", **headers: str) -> Event:
        """Sends one event and returns it as it was stored."""
        response = await self.send({"collectorId": str(PROPERTY), "event": event, "data": data or {}}, **headers)
        assert response.status_code == 204, response.text
        return self.sink.events[-1]


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
