"""The composition root of `collect`, which is a part of `serve` too: what takes events, without UI and warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from collector.asgi import App, wrap
from collector.event import Event
from collector.geolocation import Geo
from collector.group_commit import GroupCommit
from collector.pipeline import Pipeline
from collector.service import Collector, Listener
from collector.tracker_script import ScriptFile
from maps.atlas import Atlas
from proprium.config import ASSETS, Settings
from proprium.properties.rules_cache import Directory
from proprium.server.body_limit import BodyLimit
from proprium.server.collector_upkeep import Porter
from proprium.server.health import Check, health
from proprium.server.uvicorn_server import listen
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import wait_for_schema
from proprium.storage.rejected_events import Refusals
from proprium.storage.visitor_keys import VisitorKeys

QUEUE_IS_LONG = 0.8  # of its limit


@dataclass(frozen=True)
class Ingestion:
    """What takes events; the same in both programs."""

    database: Database
    directory: Directory
    keys: VisitorKeys
    store: EventStore
    writer: GroupCommit
    collector: Collector
    script: ScriptFile
    porter: Porter

    def start(self) -> None:
        self.writer.start()
        self.porter.start()

    def stop(self) -> None:
        """Commits what waits, then lets go of storage."""
        self.writer.stop()
        self.porter.stop()
        self.store.close()
        self.directory.close()

    def wrap(self, app: App) -> App:
        """The collector's own paths in front of `app`, and a limit of request bodies in front of its other ones."""
        return wrap(BodyLimit(app), self.collector, self.script)

    def address_of(self, connection: HTTPConnection) -> str | None:
        """Who asks for a page, by the collector's rules on proxies."""
        peer = connection.client.host if connection.client else None
        raw = connection.scope["headers"]
        return self.collector.addresses.client(peer, dict(raw), raw)

    def checks(self) -> dict[str, Check]:
        return {"queue": self._queue_problem, "storage": self._storage_problem}

    def metrics(self) -> str:
        """Prometheus text: what became of every event, and how many wait."""
        return (
            f"{self.collector.counters.prometheus()}"
            "# HELP proprium_queue_events Events that wait for their commit.\n"
            "# TYPE proprium_queue_events gauge\n"
            f"proprium_queue_events {self.writer.queued}\n"
        )

    def _queue_problem(self) -> str | None:
        waiting, limit = self.writer.queued, self.writer.queue_limit
        return f"{waiting} of at most {limit} events wait" if waiting > QUEUE_IS_LONG * limit else None

    def _storage_problem(self) -> str | None:
        self.database.ping()
        return None


def ingestion(
    settings: Settings,
    database: Database,
    atlas: Atlas,
    *,
    on_commit: Callable[[Sequence[Event], Sequence[bool]], None] | None = None,
    listener: Listener | None = None,
) -> Ingestion:
    directory = Directory(database)
    keys = VisitorKeys(database)
    store = EventStore(database)
    writer = GroupCommit(store, on_commit)
    refusals = Refusals(database)
    collector = Collector(
        directory,
        writer,
        Pipeline(Geo(settings.geoip_file, atlas.region_aliases), keys),
        trusted_proxies=settings.trusted_proxies,
        collect_rate=settings.collect_rate,
        listener=listener,
        on_refused=refusals.note,
    )
    porter = Porter(database, collector.addresses, refusals)
    script = ScriptFile(ASSETS / "build")
    return Ingestion(database, directory, keys, store, writer, collector, script, porter)


def build(settings: Settings) -> tuple[ASGIApp, Collector]:
    """The collector and its health. Waits for a schema, which is `serve`'s to make."""
    database = Database(settings.storage_url)
    wait_for_schema(database)
    doors = ingestion(settings, database, Atlas())

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        doors.start()
        yield
        await asyncio.to_thread(doors.stop)
        database.close()

    app = FastAPI(lifespan=life, openapi_url=None)
    app.include_router(health(doors.checks(), doors.metrics, settings.metrics_token))
    return doors.wrap(app), doors.collector


def collect(settings: Settings) -> None:
    listen(*build(settings), settings)
