"""The composition root: builds `serve`, everything in one process. The only module that knows all rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import click
from fastapi import FastAPI
from starlette.types import ASGIApp

from collector.event import Outcome
from collector.service import Collector
from maps.atlas import Atlas
from proprium.accounts.setup import setup_token
from proprium.api import app as api
from proprium.clock import utc_now
from proprium.config import Settings
from proprium.demo.exemplar import EVENTS, add_exemplar, find_exemplar, make_exemplar, population, write_history
from proprium.demo.traffic import Traffic
from proprium.figures.names import name_of
from proprium.live.hit_feed import Heard
from proprium.live.subscriptions import Hub
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.properties.service import ensure_own_property, find_any, set_public
from proprium.reports.renderer import Format, Printer, ReportFile
from proprium.server import control_socket, http_routes
from proprium.server.collector_app import Ingestion, ingestion
from proprium.server.health import Check, health
from proprium.server.scheduled_jobs import Jobs, standard_jobs
from proprium.server.uvicorn_server import listen
from proprium.sql_console.runner import Runner
from proprium.sql_console.snapshot import Snapshots
from proprium.storage.change_feed import Tail
from proprium.storage.database import Database
from proprium.storage.migrate import migrate
from proprium.storage.tables import Property
from proprium.ui import session
from proprium.ui.app import mount, protected
from proprium.ui.html_head import look
from proprium.ui.http import socket_limits
from proprium.ui.services import Services
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import Warehouse, open_warehouse

log = logging.getLogger(__name__)

LAG_IS_LONG_S = 60.0
Life = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Parts:
    """What one server is made of, in the order in which it starts; it stops the other way round."""

    database: Database
    warehouse: Warehouse
    tail: Tail
    hub: Hub
    projector: Projector
    sql: Runner
    doors: Ingestion
    jobs: Jobs

    def start(self) -> None:
        self.projector.start()
        self.doors.start()
        self.jobs.start()

    def stop(self) -> None:
        """Commits what waits first: whatever goes wrong after that loses nothing."""
        self.doors.stop()
        self.jobs.stop()
        self.projector.stop()
        self.sql.close()
        self.hub.close()
        self.tail.close()
        self.warehouse.close()
        self.database.close()


def build(settings: Settings, *, demo: bool = False) -> tuple[ASGIApp, Collector]:
    """Migrates storage and opens everything. Raises ProblemForOperator with the sentence why it cannot start."""
    atlas = Atlas()
    parts, heard = _parts(settings, atlas)
    own = ensure_own_property(parts.database)
    services = Services(
        settings=settings,
        database=parts.database,
        warehouse=parts.warehouse,
        hub=parts.hub,
        heard=heard,
        directory=parts.doors.directory,
        atlas=atlas,
        projector=parts.projector,
        sql=parts.sql,
        own_property_id=own.id,
        add_sample=partial(_add_sample, parts.database),
        address_of=parts.doors.address_of,
    )
    printer = Printer(parts.warehouse, atlas, settings.chromium, services.report_queue)
    app = FastAPI(lifespan=_life(settings, parts, printer, demo), openapi_url=None)
    app.include_router(health(_checks(parts), partial(_metrics, parts.doors), settings.metrics_token))
    app.include_router(http_routes.maps(atlas))
    user_of = partial(session.user_of, services)
    app.include_router(http_routes.reports(parts.database, printer, user_of, address_of=parts.doors.address_of))
    app.mount(api.PREFIX, _api(settings, parts, services))
    mount(app, services, address_of=parts.doors.address_of)
    doors = parts.doors
    return doors.wrap(protected(app, settings, address_of=doors.address_of)), doors.collector


def _api(settings: Settings, parts: Parts, services: Services) -> FastAPI:
    return api.build(
        parts.database,
        parts.doors.collector,
        parts.warehouse,
        name_of(services.atlas),
        settings.public_url,
        look,
        user_of=partial(session.user_of, services),
        address_of=parts.doors.address_of,
    )


def _metrics(doors: Ingestion) -> str:
    """Prometheus text of the collector and of the pages' socket."""
    return doors.metrics() + socket_limits.metrics()


def serve(settings: Settings, *, demo: bool = False) -> None:
    listen(*build(settings, demo=demo), settings)


def _parts(settings: Settings, atlas: Atlas) -> tuple[Parts, Heard[Outcome]]:
    database = Database(settings.storage_url)
    migrate(database, settings.data_dir)
    warehouse = open_warehouse(settings.warehouse_path, settings.warehouse_memory)
    hub, heard, tail = Hub(), Heard[Outcome](), Tail(database)
    rules = stored_rules(database, counts_automated=settings.is_loopback)
    projector = Projector(tail, warehouse, rules, hub.touch)
    doors = ingestion(settings, database, atlas, on_commit=lambda *_: tail.wake(), listener=heard.publish)
    jobs = Jobs(standard_jobs(settings, database, doors.keys, warehouse_erased_to=projector.erased_to))
    sql = Runner(Snapshots(warehouse))
    return Parts(database, warehouse, tail, hub, projector, sql, doors, jobs), heard


def _life(settings: Settings, parts: Parts, printer: Printer, demo: bool) -> Life:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        parts.start()
        try:
            async with control_socket.listening(settings, _controls(parts, printer)):
                _greet(settings, parts.database)
                visitors = asyncio.create_task(_show(settings, parts)) if demo else None
                yield
                if visitors:
                    visitors.cancel()
        finally:
            await asyncio.to_thread(parts.stop)

    return life


def _greet(settings: Settings, database: Database) -> None:
    click.echo(f"Proprium is at {settings.public_url}")
    if token := setup_token(database):
        click.echo(f"Open this once, to become its owner: {settings.public_url}/setup?token={token}")


async def _show(settings: Settings, parts: Parts) -> None:
    """The demo: the sample property, open to everybody on this machine, with its year and its visitors."""
    exemplar = found = await asyncio.to_thread(find_exemplar, parts.database)
    if exemplar is None:
        exemplar = await asyncio.to_thread(make_exemplar, parts.database, None)
    await asyncio.to_thread(set_public, parts.database, exemplar.id, True)
    click.echo(f"Watch its visitors at {settings.public_url}/properties/{exemplar.id}")
    people = await asyncio.to_thread(population)
    doors = parts.doors
    tasks = [Traffic(people, exemplar.id, doors.directory, doors.keys, doors.writer).run()]
    if found is None:
        tasks.append(asyncio.to_thread(_write_year, parts.database, exemplar))
    await asyncio.gather(*tasks)


def _write_year(database: Database, exemplar: Property) -> None:
    assert exemplar.number is not None
    written = write_history(database, exemplar.number, utc_now(), EVENTS)
    log.info("the sample year is written: %s events", f"{written:,}")


def _add_sample(database: Database, owner_id: UUID) -> None:
    add_exemplar(database, owner_id)


def _controls(parts: Parts, printer: Printer) -> control_socket.Controls:
    async def report(property_id: UUID, pairs: control_socket.Pairs, kind: str) -> ReportFile:
        found = await asyncio.to_thread(find_any, parts.database, property_id)
        return await printer.report(found, pairs, Format(kind), utc_now(), EVERY_KEY)

    return control_socket.Controls(parts.projector.status, parts.projector.rebuild, report)


def _checks(parts: Parts) -> dict[str, Check]:
    def warehouse() -> str | None:
        lag_s = parts.projector.lag_s()
        return f"it is {lag_s:.0f} s behind storage" if lag_s > LAG_IS_LONG_S else None

    return parts.doors.checks() | {"warehouse": warehouse}
