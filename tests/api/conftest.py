"""The API on a real storage and collector; after each test, the counters must match the stored events."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from maps.atlas import Atlas
from proprium.accounts import api_keys
from proprium.api import app as api_app
from proprium.api import problems
from proprium.config import Settings
from proprium.demo.exemplar import add_exemplar
from proprium.figures.names import name_lookup
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts
from proprium.properties.service import update_settings
from proprium.serialization.queries import facts_of
from proprium.server.collector_app import CollectorParts, build_collector_parts
from proprium.storage.database import Database
from proprium.storage.events import StoredEvent, read_events
from proprium.storage.tables import Property
from tests.support.warehouse_fixture import FilledWarehouse

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SERVER = "http://localhost:8000"
ATLAS = Atlas()


@dataclass
class Api:
    client: httpx.AsyncClient
    app: FastAPI
    database: Database
    collector_parts: CollectorParts
    property: Property
    key: str  # may write to `property`, and nowhere else

    async def send(self, sent: Any, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        content = sent if isinstance(sent, bytes) else None
        body = None if content is not None else sent
        return await self.client.post("/api/v1/events", content=content, json=body, headers=headers)

    def stored(self) -> list[StoredEvent]:
        return list(read_events(self.database))


@pytest.fixture
def collector_parts(database: Database, tmp_path: Path) -> Iterator[CollectorParts]:
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    collector_parts = build_collector_parts(settings, database, ATLAS)
    collector_parts.group_commit.start()
    yield collector_parts
    collector_parts.stop()
    counters = collector_parts.counters
    assert counters.received == counters.outcome_count, counters
    assert counters.stored == len(list(read_events(database)))


@pytest.fixture
def app(collector_parts: CollectorParts, warehouse: FilledWarehouse) -> FastAPI:
    return app_of(warehouse, collector_parts, NOW)


def app_of(filled: FilledWarehouse, collector_parts: CollectorParts, now: datetime, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    known = {"clock": lambda: now, **options}
    api = api_app.build(
        filled.database, collector_parts.collector, filled.warehouse, name_lookup(ATLAS), SERVER, **known
    )
    app.mount(api_app.PREFIX, api)
    problems.install(app)  # as the pages' app answers: a mounted app does not see a path with a line break
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=SERVER)


@pytest.fixture
async def api(
    app: FastAPI, database: Database, collector_parts: CollectorParts, warehouse: FilledWarehouse
) -> AsyncIterator[Api]:
    property_ = warehouse.property
    collector_parts.rules_cache.refresh()  # on a busy machine it would look for an unknown property later
    key = api_keys.create(database, "shop", property_id=property_.id, may_write=True)
    async with client_of(app) as client:
        yield Api(client, app, database, collector_parts, property_, key)


# Reading


@dataclass
class Past:
    """The sample property's year, and the API over it."""

    filled: FilledWarehouse
    property: Property
    client: httpx.AsyncClient
    key: str  # may read `property`

    @property
    def facts(self) -> PropertyFacts:
        return facts_of(self.filled.warehouse, self.property, EVERY_KEY)

    async def get(self, path: str = "", query_string: str = "", key: str | None = None) -> httpx.Response:
        """Requests `path` below the property's URL."""
        address = f"/api/v1/properties/{self.property.id}{path}" + (f"?{query_string}" if query_string else "")
        return await self.client.get(address, headers={"Authorization": f"Bearer {self.key if key is None else key}"})

    async def json(self, path: str = "", query_string: str = "") -> Any:
        answer = await self.get(path, query_string)
        assert answer.status_code == 200, answer.text
        return answer.json()


UNTIL = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
EVENTS = 4_000


@dataclass
class Year:
    filled: FilledWarehouse
    collector_parts: CollectorParts
    property: Property


@pytest.fixture(scope="session")
def year(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """Returns the sample year, written once: that takes longer than the tests."""
    folder = tmp_path_factory.mktemp("year")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    filled = FilledWarehouse(database, folder)
    property_ = add_exemplar(database, None, until=UNTIL, count=EVENTS)
    property_ = update_settings(database, property_.id, timezone="Europe/Berlin")
    filled.projector.catch_up()
    collector_parts = build_collector_parts(Settings(data_dir=folder, _env_file=None), database, ATLAS)  # type: ignore[call-arg]
    yield Year(filled, collector_parts, property_)
    collector_parts.stop()
    filled.close()
    database.close()


@pytest.fixture
async def past(year: Year) -> AsyncIterator[Past]:
    key = api_keys.create(year.filled.database, "reader", property_id=year.property.id)
    async with client_of(app_of(year.filled, year.collector_parts, UNTIL)) as client:
        yield Past(year.filled, year.property, client, key)
