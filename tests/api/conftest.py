"""The API on a real storage, with the real collector behind it; the books are checked after every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from maps.atlas import Atlas
from proprium.accounts import keys
from proprium.api import build
from proprium.collect_app import Ingestion, ingestion
from proprium.config import Settings
from proprium.storage.database import Database
from proprium.storage.events import StoredEvent, read_events
from proprium.storage.tables import Property
from tests.make import a_property

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@dataclass
class Api:
    client: httpx.AsyncClient
    app: FastAPI
    database: Database
    doors: Ingestion
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
def doors(database: Database, tmp_path: Path) -> Iterator[Ingestion]:
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    doors = ingestion(settings, database, Atlas())
    doors.writer.start()
    yield doors
    doors.stop()
    counters = doors.collector.counters
    assert counters.received == counters.accounted, counters
    assert counters.stored == len(list(read_events(database)))


@pytest.fixture
def app(database: Database, doors: Ingestion) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.mount(build.PREFIX, build.build(database, doors.collector, "http://localhost:8000", clock=lambda: NOW))
    return app


@pytest.fixture
async def api(app: FastAPI, database: Database, doors: Ingestion) -> AsyncIterator[Api]:
    made = a_property(database)
    doors.directory.refresh()  # on a busy machine it looks for an unknown property a moment later
    key = keys.create(database, "shop", property_id=made.id, may_write=True)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield Api(client, app, database, doors, made, key)
