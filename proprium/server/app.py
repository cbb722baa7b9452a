"""Composition root of `serve`: builds all services in one process. The only module that imports every package."""

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

from collector.event import HitOutcome
from collector.service import Collector
from maps.atlas import Atlas
from proprium.accounts.setup import create_setup_token
from proprium.api import app as api
from proprium.clock import utc_now
from proprium.config import Settings
from proprium.demo.exemplar import EVENT_COUNT, add_exemplar, find_exemplar, make_exemplar, population, write_history
from proprium.demo.traffic import Traffic
from proprium.figures.names import name_lookup
from proprium.live.hit_feed import HitFeed
from proprium.live.subscriptions import LiveQueries
from proprium.mail.mailer import Mailer
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.properties.audit_log import SERVER
from proprium.properties.service import ensure_own_property, find_any, set_public
from proprium.reports.renderer import ReportFile, ReportFormat, ReportRenderer
from proprium.server import control_socket, http_routes
from proprium.server.collector_app import CollectorParts, build_collector_parts
from proprium.server.health import HealthCheck, ServerNumbers, file_bytes, health_routes, warehouse_problem
from proprium.server.scheduled_jobs import JobScheduler, standard_jobs
from proprium.server.uvicorn_server import run_server
from proprium.sql_console.runner import SqlRunner
from proprium.sql_console.snapshot import SnapshotCache
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.migrate import migrate
from proprium.ui import session
from proprium.ui.app import mount, with_page_middleware
from proprium.ui.http import socket_limits
from proprium.ui.http.html_head import head_html
from proprium.ui.services import Services
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import Warehouse, open_warehouse

log = logging.getLogger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class ServerParts:
    """Components of one server, in start order; they stop in reverse order."""

    database: Database
    warehouse: Warehouse
    change_feed: ChangeFeed
    live_queries: LiveQueries
    projector: Projector
    sql_runner: SqlRunner
    collector_parts: CollectorParts
    jobs: JobScheduler
    mailer: Mailer

    def start(self) -> None:
        self.projector.start()
        self.collector_parts.start()
        self.jobs.start()

    def stop(self) -> None:
        """Stops all components.

        Queued events are committed first, so that a later failure loses none.
        """
        self.collector_parts.stop()
        self.jobs.stop()
        self.projector.stop()
        self.sql_runner.close()
        self.live_queries.close()
        self.change_feed.close()
        self.warehouse.close()
        self.database.close()


def build(settings: Settings, *, demo: bool = False) -> tuple[ASGIApp, Collector]:
    """Migrates storage and builds the application. Raises OperatorError when the server cannot start."""
    atlas = Atlas()
    parts, hit_feed = _build_parts(settings, atlas)
    own_property = ensure_own_property(parts.database)
    services = Services(
        settings=settings,
        database=parts.database,
        warehouse=parts.warehouse,
        live_queries=parts.live_queries,
        hit_feed=hit_feed,
        rules_cache=parts.collector_parts.rules_cache,
        atlas=atlas,
        projector=parts.projector,
        sql_runner=parts.sql_runner,
        mail=parts.mailer,
        own_property_id=own_property.id,
        add_sample=partial(add_exemplar, parts.database),
        address_of=parts.collector_parts.address_of,
        address_choice_of=parts.collector_parts.address_choice_of,
        locate=parts.collector_parts.geoip.locate,
        geoip_state=parts.collector_parts.geoip.current_state,
    )
    renderer = ReportRenderer(parts.warehouse, atlas, settings.chromium, services.report_queue)
    app = FastAPI(lifespan=_lifespan(settings, parts, renderer, demo), openapi_url=None)
    app.include_router(
        health_routes(
            _health_checks(parts),
            lambda: parts.collector_parts.metrics() + socket_limits.metrics() + _numbers(parts).as_prometheus(),
            settings.metrics_token,
            {"geoip": parts.collector_parts.geoip_problem},
            lambda: _numbers(parts).as_details(),
        )
    )
    app.include_router(http_routes.maps(atlas))
    user_of = partial(session.user_of, services)
    app.include_router(
        http_routes.reports(parts.database, renderer, user_of, address_of=parts.collector_parts.address_of)
    )
    app.mount(api.PREFIX, _build_api(settings, parts, services))
    mount(app, services, address_of=parts.collector_parts.address_of)
    collector_parts = parts.collector_parts
    return collector_parts.wrap(
        with_page_middleware(app, settings, address_of=collector_parts.address_of)
    ), collector_parts.collector


def _build_api(settings: Settings, parts: ServerParts, services: Services) -> FastAPI:
    return api.build(
        parts.database,
        parts.collector_parts.collector,
        parts.warehouse,
        name_lookup(services.atlas),
        settings.public_url,
        head_html,
        user_of=partial(session.user_of, services),
        address_of=parts.collector_parts.address_of,
        counts_automated=settings.is_loopback,
    )


def serve(settings: Settings, *, demo: bool = False) -> None:
    run_server(*build(settings, demo=demo), settings)


def _build_parts(settings: Settings, atlas: Atlas) -> tuple[ServerParts, HitFeed[HitOutcome]]:
    database = Database(settings.storage_url)
    migrate(database, settings.data_dir)
    warehouse = open_warehouse(settings.warehouse_path, settings.warehouse_memory)
    live_queries, hit_feed, change_feed = LiveQueries(), HitFeed[HitOutcome](), ChangeFeed(database)
    rules_source = stored_rules(database, counts_automated=settings.is_loopback)
    projector = Projector(change_feed, warehouse, rules_source, live_queries.invalidate)
    collector_parts = build_collector_parts(
        settings, database, atlas, on_commit=lambda *_: change_feed.wake(), on_outcome=hit_feed.publish
    )
    jobs = JobScheduler(
        standard_jobs(settings, database, collector_parts.visitor_keys, warehouse_erased_seq=projector.erased_to)
    )
    sql_runner = SqlRunner(SnapshotCache(warehouse, settings.data_dir / "sql.tmp"))
    return ServerParts(
        database,
        warehouse,
        change_feed,
        live_queries,
        projector,
        sql_runner,
        collector_parts,
        jobs,
        Mailer(settings, database),
    ), hit_feed


def _lifespan(settings: Settings, parts: ServerParts, renderer: ReportRenderer, demo: bool) -> Lifespan:
    async def report(property_id: UUID, pairs: control_socket.Pairs, kind: str) -> ReportFile:
        property_ = await asyncio.to_thread(find_any, parts.database, property_id)
        return await renderer.render(property_, pairs, ReportFormat(kind), utc_now(), EVERY_KEY)

    controls = control_socket.ServerControls(parts.projector.status, parts.projector.rebuild, report)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.start()
        try:
            async with control_socket.serve_control_socket(settings, controls):
                click.echo(f"Proprium is running at {settings.public_url}")
                click.echo(f"Its data is in {settings.data_dir.absolute()}")
                if token := create_setup_token(parts.database):
                    click.echo(f"Create the owner account: {settings.public_url}/setup?token={token}")
                tasks = [asyncio.create_task(parts.mailer.run())]
                if demo:
                    tasks.append(asyncio.create_task(_run_demo(settings, parts)))
                yield
                for task in tasks:
                    task.cancel()
        finally:
            await asyncio.to_thread(parts.stop)

    return lifespan


async def _run_demo(settings: Settings, parts: ServerParts) -> None:
    """Runs the demo: makes the sample property public, writes its year of history and sends live traffic."""
    exemplar = existing_exemplar = await asyncio.to_thread(find_exemplar, parts.database)
    if exemplar is None:
        exemplar = await asyncio.to_thread(make_exemplar, parts.database, None)
    await asyncio.to_thread(partial(set_public, parts.database, exemplar.id, True, actor=SERVER))
    click.echo(f"Demo dashboard: {settings.public_url}/properties/{exemplar.id}")

    def write_sample_history() -> None:
        assert exemplar.number is not None
        written_count = write_history(parts.database, exemplar.number, utc_now(), EVENT_COUNT)
        log.info("sample history written", extra={"events": written_count})

    visitor_population = await asyncio.to_thread(population)
    collector_parts = parts.collector_parts
    tasks = [
        Traffic(
            visitor_population,
            exemplar.id,
            collector_parts.rules_cache,
            collector_parts.visitor_keys,
            collector_parts.group_commit,
        ).run()
    ]
    if existing_exemplar is None:
        tasks.append(asyncio.to_thread(write_sample_history))
    await asyncio.gather(*tasks)


def _numbers(parts: ServerParts) -> ServerNumbers:
    return ServerNumbers(
        parts.projector.lag_s(),
        parts.warehouse.rebuild_percent() is not None,
        file_bytes(parts.database.path),
        parts.warehouse.engine.size_bytes(),
        dict(parts.jobs.status_by_name),
    )


def _health_checks(parts: ServerParts) -> dict[str, HealthCheck]:
    return parts.collector_parts.health_checks() | {
        "warehouse": partial(warehouse_problem, parts.warehouse, parts.projector)
    }
