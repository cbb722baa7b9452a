"""Raw events over a real connection: a complete file, or an error that clients notice."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from proprium.accounts import api_keys
from proprium.serialization import raw_events
from proprium.storage.events import count_events
from tests.api.conftest import UNTIL, Past, Year, app_of
from tests.support.servers import free_port


@dataclass
class Wire:
    """The API behind uvicorn, as `serve` has it."""

    year: Year
    port: int
    key: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/properties/{self.year.property.id}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, headers=self.headers, timeout=60)

    def in_the_old_way(self, path: str) -> tuple[str, bytes]:
        """HTTP/1.0, which some proxies still speak: it knows no chunks, only a length or the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as wire:
            address = f"/api/v1/properties/{self.year.property.id}{path}"
            wire.sendall(f"GET {address} HTTP/1.0\r\nAuthorization: Bearer {self.key}\r\n\r\n".encode())
            received = b"".join(iter(lambda: wire.recv(1 << 16), b""))
        head, _, body = received.partition(b"\r\n\r\n")
        return head.decode().lower(), body


@pytest.fixture
def wire(year: Year) -> Iterator[Wire]:
    config = uvicorn.Config(app_of(year.filled, year.collector_parts, UNTIL), port=free_port(), log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Wire(year, config.port, api_keys.create(year.filled.database, "wire", property_id=year.property.id))
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage fails in the middle."""
    read = raw_events.events_of

    def broken(*received: Any) -> Iterator[Any]:
        for number, event in enumerate(read(*received)):
            if number == 2_500:
                raise OSError("the disk is gone")
            yield event

    monkeypatch.setattr(raw_events, "events_of", broken)


async def test_the_file_has_a_type_and_a_name_and_is_not_cached(past: Past) -> None:
    for kind, media_type in raw_events.MEDIA_TYPES.items():
        answer = await past.get(f"/events.{kind}", "from=2026-11-20&to=2026-11-22")
        assert answer.headers["content-type"] == media_type
        name = f"events-{str(past.property.id)[:8]}-2026-11-20-2026-11-22.{kind}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["cache-control"] == "private, no-store"
    lines = (await past.get("/events.jsonl", "from=2026-11-20&to=2026-11-22")).text.splitlines()
    days = {json.loads(line)["created_at"][:10] for line in lines}
    assert {"2026-11-20", "2026-11-22"} <= days <= {"2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"}


def test_every_event_comes_over_the_wire_once(wire: Wire) -> None:
    lines = wire.get("/events.jsonl").text.splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines)
    assert len(lines) == count_events(wire.year.filled.database, wire.year.property.number)


@pytest.mark.usefixtures("breaks")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_that_cannot_be_finished_breaks_off_with_an_error(wire: Wire, kind: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        wire.get(f"/events.{kind}")


def test_http_1_0_gets_a_content_length(wire: Wire) -> None:
    head, body = wire.in_the_old_way("/events.csv")
    assert f"content-length: {len(body)}" in head
    assert body == wire.get("/events.csv").content


@pytest.mark.usefixtures("breaks")
def test_http_1_0_gets_an_error_instead_of_half_a_file(wire: Wire) -> None:
    head, body = wire.in_the_old_way("/events.csv")
    assert head.startswith("http/1.1 500")
    assert json.loads(body)["status"] == 500


def test_a_cancelled_download_leaves_no_file(wire: Wire) -> None:
    pool: Any = wire.year.filled.database.engine.pool
    held = pool.checkedout()
    for _ in range(3):
        with httpx.stream("GET", f"{wire.address}/events.csv", headers=wire.headers, timeout=60) as answer:
            next(answer.iter_raw(100))
    assert wire.get("/live").status_code == 200
    assert wire.get("/events.csv").text.count("\r\n") > 3_000
    assert pool.checkedout() == held
