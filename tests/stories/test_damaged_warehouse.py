"""A real server on a damaged warehouse: it starts, collects, says what it does, and ends with the right numbers."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from proprium.clock import utc_now
from proprium.properties.service import create_property, set_public
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.support.builders import an_event
from tests.support.servers import CHROME, Running, running

EVENT_COUNT = 12_000
BLOCK_BYTES, HEADER_BYTES = 262_144, 12_288


def fill(database: Database) -> str:
    property_ = create_property(database, "Blog", None)
    set_public(database, property_.id, True)
    store, now = EventStore(database), utc_now()
    store.append(
        [
            an_event(visitor=f"v{index % 999}", at=now - timedelta(seconds=index * 7), page=f"/{index * 7919 % 5003:x}")
            for index in range(EVENT_COUNT)
        ]
    )
    store.close()
    database.close()
    return str(property_.id)


def page_views(server: Running, property_id: str) -> int | None:
    """On the report of the last 28 days; None while it is being rebuilt."""
    response = httpx.get(f"{server.url}/properties/{property_id}/report.json", timeout=60)
    if response.status_code == 503:
        assert "being rebuilt" in response.text
        assert response.headers["retry-after"] == "5"
        return None
    assert response.status_code == 200, response.text
    return int(response.json()["totals"]["metrics"]["page_views"]["value"])


def settled_page_views(server: Running, property_id: str, expected: int) -> int | None:
    """A reader may open 20 reports a minute."""
    count = None
    for _ in range(10):
        server.wait_until_projected()
        if (count := page_views(server, property_id)) == expected:
            break
        time.sleep(1)
    return count


def rot(path: Path) -> None:
    """64 bytes in every block of rows but the last ones, which may hold the catalogue."""
    with path.open("r+b") as file:
        for block in range((path.stat().st_size - HEADER_BYTES) // BLOCK_BYTES - 3):
            file.seek(HEADER_BYTES + BLOCK_BYTES * block + 1_000)
            file.write(b"\xff" * 64)


@pytest.mark.parametrize("damage", ["rot", "folder"])
def test_a_server_starts_on_a_damaged_warehouse_and_mends_it(tmp_path: Path, database: Database, damage: str) -> None:
    property_id, warehouse = fill(database), tmp_path / "warehouse.duckdb"
    with running(tmp_path) as server:
        assert settled_page_views(server, property_id, EVENT_COUNT) == EVENT_COUNT
    if damage == "rot":
        rot(warehouse)
    else:
        warehouse.unlink()
        warehouse.mkdir()
    with running(tmp_path) as server:
        body = {"collectorId": property_id, "event": "page_view", "data": {"url": "/after", "user_id": "late"}}
        assert httpx.post(f"{server.url}/collect", json=body, headers={"User-Agent": CHROME}).status_code == 204
        assert settled_page_views(server, property_id, EVENT_COUNT + 1) == EVENT_COUNT + 1
        assert httpx.get(f"{server.url}/readyz").json()["ready"]
        assert "cannot be read" in server.output()
        assert "Traceback" not in server.output()


def test_the_rebuild_command_mends_a_damaged_warehouse(tmp_path: Path, database: Database) -> None:
    property_id = fill(database)
    with running(tmp_path) as server:
        assert settled_page_views(server, property_id, EVENT_COUNT) == EVENT_COUNT
    rot(tmp_path / "warehouse.duckdb")
    server.proprium("warehouse", "rebuild")
    assert f"warehouse\t{EVENT_COUNT} events" in server.proprium("warehouse", "status")


def test_a_damaged_storage_file_stops_the_start_in_one_sentence(tmp_path: Path, database: Database) -> None:
    fill(database)
    with (tmp_path / "proprium.sqlite3").open("r+b") as file:
        file.seek(4_096 * 50)
        file.write(b"\xff" * 4_096)
    server = Running(tmp_path)
    with pytest.raises(RuntimeError, match=r"serve ended with 1:\n\S+proprium\.sqlite3 is damaged: [^\n]+\n$"):
        server.start()
