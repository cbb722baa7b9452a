"""The API on a real storage, with the real collector behind it; the books are checked after every test."""

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
def doors(database: Database, tmp_path: Path) -> Iterator[CollectorParts]:
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    doors = build_collector_parts(settings, database, ATLAS)
    doors.group_commit.start()
    yield doors
    doors.stop()
    counters = doors.counters
    assert counters.received == counters.outcome_count, counters
    assert counters.stored == len(list(read_events(database)))


@pytest.fixture
def app(doors: CollectorParts, warehouse: FilledWarehouse) -> FastAPI:
    return app_of(warehouse, doors, NOW)


def app_of(filled: FilledWarehouse, doors: CollectorParts, now: datetime, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    known = {"clock": lambda: now, **options}
    made = api_app.build(filled.database, doors.collector, filled.warehouse, name_lookup(ATLAS), SERVER, **known)
    app.mount(api_app.PREFIX, made)
    problems.install(app)  # as the pages' app answers: a mounted one is not asked about an address with a line break
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=SERVER)


@pytest.fixture
async def api(
    app: FastAPI, database: Database, doors: CollectorParts, warehouse: FilledWarehouse
) -> AsyncIterator[Api]:
    made = warehouse.property
    doors.rules_cache.refresh()  # on a busy machine it looks for an unknown property a moment later
    key = api_keys.create(database, "shop", property_id=made.id, may_write=True)
    async with client_of(app) as client:
        yield Api(client, app, database, doors, made, key)


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

    async def get(self, path: str = "", asked: str = "", key: str | None = None) -> httpx.Response:
        """`path` is what follows the property's id, `asked` what follows the question mark."""
        address = f"/api/v1/properties/{self.property.id}{path}" + (f"?{asked}" if asked else "")
        return await self.client.get(address, headers={"Authorization": f"Bearer {self.key if key is None else key}"})

    async def json(self, path: str = "", asked: str = "") -> Any:
        answer = await self.get(path, asked)
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
    """The sample year takes longer to write than the tests to read it."""
    folder = tmp_path_factory.mktemp("year")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    filled = FilledWarehouse(database, folder)
    made = add_exemplar(database, None, until=UNTIL, count=EVENTS)
    made = update_settings(database, made.id, timezone="Europe/Berlin")
    filled.projector.catch_up()
    doors = build_collector_parts(Settings(data_dir=folder, _env_file=None), database, ATLAS)  # type: ignore[call-arg]
    yield Year(filled, doors, made)
    doors.stop()
    filled.close()
    database.close()


@pytest.fixture
async def past(year: Year) -> AsyncIterator[Past]:
    key = api_keys.create(year.filled.database, "reader", property_id=year.property.id)
    async with client_of(app_of(year.filled, year.collector_parts, UNTIL)) as client:
        yield Past(year.filled, year.property, client, key)
