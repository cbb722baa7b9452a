"""Composition root of `collect`: the collector without UI and warehouse; also a part of `serve`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from collector.asgi import App, collector_middleware
from collector.client_address import AddressChoice
from collector.counters import Counters
from collector.event import Event
from collector.geolocation import GeoIPDatabase, GeoIPState
from collector.group_commit import GroupCommit
from collector.outcome_reporter import OutcomeListener, OutcomeReporter
from collector.pipeline import Pipeline
from collector.service import Collector
from collector.tracker_script import ScriptFile
from maps.atlas import Atlas
from proprium.config import ASSETS, Settings
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.server.body_limit import BodyLimitMiddleware
from proprium.server.collector_upkeep import CollectorUpkeep
from proprium.server.health import HealthCheck, health_routes
from proprium.server.uvicorn_server import run_server
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import wait_for_schema
from proprium.storage.rejected_events import RejectedEventBuffer
from proprium.storage.visitor_keys import VisitorKeys

log = logging.getLogger(__name__)

MAX_QUEUE_SHARE = 0.8  # of the queue limit; above, /readyz fails


@dataclass(frozen=True)
class CollectorParts:
    """Components that collect events; the same in `serve` and `collect`."""

    database: Database
    rules_cache: PropertyRulesCache
    visitor_keys: VisitorKeys
    event_store: EventStore
    group_commit: GroupCommit
    collector: Collector
    counters: Counters
    tracker_script: ScriptFile
    upkeep: CollectorUpkeep
    geoip: GeoIPDatabase

    def start(self) -> None:
        if (problem := self.geoip_problem()) is not None:
            log.warning("visitors have no location", extra={"cause": problem, "file": str(self.geoip.path)})
        self.group_commit.start()
        self.upkeep.start()

    def stop(self) -> None:
        """Commits queued events, then closes storage."""
        self.group_commit.stop()
        self.upkeep.stop()
        self.event_store.close()
        self.rules_cache.close()

    def wrap(self, app: App) -> App:
        """Wraps `app` in the collector's routes, and in a request body limit for all other paths."""
        return collector_middleware(BodyLimitMiddleware(app), self.collector, self.tracker_script)

    def address_of(self, connection: HTTPConnection) -> str | None:
        """Returns the client address of a request, by the collector's trusted proxy rules."""
        peer = connection.client.host if connection.client else None
        raw_headers = connection.scope["headers"]
        return self.collector.client_addresses.resolve(peer, dict(raw_headers), raw_headers)

    def address_choice_of(self, connection: HTTPConnection) -> AddressChoice:
        """Returns the same address as `address_of`, with the rule by which it was chosen."""
        peer = connection.client.host if connection.client else None
        raw_headers = connection.scope["headers"]
        return self.collector.client_addresses.explain(peer, dict(raw_headers), raw_headers)

    def health_checks(self) -> dict[str, HealthCheck]:
        def queue() -> str | None:
            queued_count, limit = self.group_commit.queued_count, self.group_commit.queue_limit
            is_filling = queued_count > MAX_QUEUE_SHARE * limit
            return f"{queued_count} events are queued; the limit is {limit}" if is_filling else None

        def storage() -> str | None:
            self.database.ping()
            damage = self.database.damage
            return f"{self.database.path.name} is damaged: {damage}. See the server log" if damage else None

        return {"queue": queue, "storage": storage}

    def geoip_problem(self) -> str | None:
        """Returns why visitors have no location; None when they have one. Without the path: /readyz is public."""
        state = self.geoip.current_state()
        return None if state is GeoIPState.READY else f"{state.value}, so visitors have no location"

    def metrics(self) -> str:
        """Returns Prometheus text: events by outcome, and the queue's length."""
        return (
            f"{self.counters.prometheus()}"
            "# HELP proprium_queue_events Events waiting to be committed.\n"
            "# TYPE proprium_queue_events gauge\n"
            f"proprium_queue_events {self.group_commit.queued_count}\n"
        )


def build_collector_parts(
    settings: Settings,
    database: Database,
    atlas: Atlas,
    *,
    on_commit: Callable[[Sequence[Event], Sequence[bool]], None] | None = None,
    on_outcome: OutcomeListener | None = None,
) -> CollectorParts:
    """Builds the components. `on_commit` is called after each commit, `on_outcome` with the outcome of every hit."""
    rules_cache = PropertyRulesCache(database)
    visitor_keys = VisitorKeys(database)
    event_store = EventStore(database)
    group_commit = GroupCommit(event_store, on_commit)
    rejected_events = RejectedEventBuffer(database)
    counters = Counters()
    geoip = GeoIPDatabase(settings.geoip_file, atlas.region_aliases, atlas.region_ids)
    outcome_reporters = [OutcomeReporter(rules_cache, on_outcome)] if on_outcome else []
    collector = Collector(
        rules_cache,
        group_commit,
        Pipeline(geoip, visitor_keys),
        observers=[
            counters,
            *outcome_reporters,
            OutcomeReporter(rules_cache, rejected_events.add, only_failures=True),
        ],
        trusted_proxies=settings.trusted_proxies,
        client_ip_header=settings.client_ip_header,
        collect_rate=settings.collect_rate,
    )
    upkeep = CollectorUpkeep(database, collector.client_addresses, rejected_events)
    tracker_script = ScriptFile(ASSETS / "build")
    return CollectorParts(
        database,
        rules_cache,
        visitor_keys,
        event_store,
        group_commit,
        collector,
        counters,
        tracker_script,
        upkeep,
        geoip,
    )


def build(settings: Settings) -> tuple[ASGIApp, Collector]:
    """Builds the collector and its health checks.

    Waits until `serve` has created or migrated the schema.
    """
    database = Database(settings.storage_url)
    wait_for_schema(database)
    collector_parts = build_collector_parts(settings, database, Atlas())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        collector_parts.start()
        yield
        await asyncio.to_thread(collector_parts.stop)
        database.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.include_router(
        health_routes(
            collector_parts.health_checks(),
            collector_parts.metrics,
            settings.metrics_token,
            {"geoip": collector_parts.geoip_problem},
        )
    )
    return collector_parts.wrap(app), collector_parts.collector


def collect(settings: Settings) -> None:
    run_server(*build(settings), settings)
