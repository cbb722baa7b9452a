"""Commands reach a running server over its control socket; other users cannot."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from proprium.config import Settings
from proprium.errors import BadQuery, OperatorError, PropertyNotFound
from proprium.reports.renderer import ReportFile
from proprium.server.control_socket import ServerControls, running_server, serve_control_socket
from proprium.warehouse.projection.projector import WarehouseStatus

STATUS = WarehouseStatus(12, 10, 1.5, False)


async def make_report(property_id: UUID, pairs: Any, kind: str) -> ReportFile:
    if kind == "odd":
        raise BadQuery("period=soon is not known.")
    if kind == "none":
        raise PropertyNotFound(property_id)
    return ReportFile("x", "text/plain", f"{property_id} {pairs} {kind}".encode())


def rebuild(progress: Callable[[int, int], None]) -> None:
    for done in (5, 10):
        progress(done, 10)


def controls(**other: Any) -> ServerControls:
    return ServerControls(**{"status": lambda: STATUS, "rebuild": rebuild, "report": make_report, **other})


@asynccontextmanager
async def server(folder: Path, **other: Any) -> AsyncIterator[Settings]:
    settings = Settings(data_dir=folder)
    async with serve_control_socket(settings, controls(**other)):
        while not await asyncio.to_thread(is_there, settings):
            await asyncio.sleep(0.01)
        yield settings


def is_there(settings: Settings) -> bool:
    with running_server(settings) as client:
        return client is not None


async def ask(settings: Settings, call: Callable[[Any], Any]) -> Any:
    def work() -> Any:
        with running_server(settings) as client:
            return call(client)

    return await asyncio.to_thread(work)


async def test_the_status_comes_from_the_running_server(tmp_path: Path):
    async with server(tmp_path) as settings:
        assert await ask(settings, lambda client: client.status()) == STATUS


async def test_a_rebuild_reports_its_progress(tmp_path: Path):
    steps: list[tuple[int, int]] = []
    async with server(tmp_path) as settings:
        await ask(settings, lambda client: client.rebuild(lambda done, in_all: steps.append((done, in_all))))
    assert steps == [(5, 10), (10, 10)]


@pytest.mark.parametrize(
    ("problem", "message"), [(OperatorError("The disk is full."), "The disk is full."), (OSError("odd"), "odd")]
)
async def test_a_failed_rebuild_reports_the_error(tmp_path: Path, problem: Exception, message: str):
    def fail(_: object) -> None:
        raise problem

    async with server(tmp_path, rebuild=fail) as settings:
        with pytest.raises(OperatorError, match=message):
            await ask(settings, lambda client: client.rebuild(lambda *_: None))


async def test_a_report_is_rendered_by_the_running_server(tmp_path: Path):
    id_ = uuid4()
    async with server(tmp_path) as settings:
        content = await ask(
            settings, lambda client: client.report(id_, [("period", "7d"), ("filter", "a"), ("filter", "b")], "md")
        )
    assert content.decode() == f"{id_} {[('period', '7d'), ('filter', 'a'), ('filter', 'b')]} md"


@pytest.mark.parametrize(("kind", "message"), [("odd", "period=soon"), ("none", "No property")])
async def test_a_failed_report_returns_the_error(tmp_path: Path, kind: str, message: str):
    async with server(tmp_path) as settings:
        with pytest.raises(OperatorError, match=message):
            await ask(settings, lambda client: client.report(uuid4(), [], kind))


async def test_the_socket_is_accessible_to_the_servers_user_only(tmp_path: Path):
    async with server(tmp_path) as settings:
        assert stat.S_IMODE(settings.socket_path.stat().st_mode) == 0o600


async def test_the_socket_is_removed_when_the_server_stops(tmp_path: Path):
    async with server(tmp_path) as settings:
        pass
    assert not settings.socket_path.exists()
    assert not is_there(settings)


async def test_the_socket_of_a_killed_server_is_replaced(tmp_path: Path):
    (tmp_path / "serve.sock").write_bytes(b"")
    async with server(tmp_path) as settings:
        assert await ask(settings, lambda client: client.status()) == STATUS


async def test_a_data_folder_with_a_long_name_works_too(tmp_path: Path):
    async with server(tmp_path / ("long" * 30)) as settings:
        assert await ask(settings, lambda client: client.status()) == STATUS


def test_without_a_running_server_there_is_no_client(tmp_path: Path):
    assert not is_there(Settings(data_dir=tmp_path / "not there"))
