"""Control socket: commands reach a running server by HTTP over a unix socket (mode 0600) in the data folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from proprium.config import Settings
from proprium.errors import OperatorError, UserFacingError
from proprium.reports.cancellation import cancel_on_disconnect
from proprium.reports.renderer import ReportFile
from proprium.warehouse.projection.projector import WarehouseStatus

log = logging.getLogger(__name__)

ProgressCallback = Callable[[int, int], None]
Pairs = Sequence[tuple[str, str]]
MAX_SOCKET_PATH_BYTES = 100  # the system's limit is 104 or 108 bytes


@dataclass(frozen=True)
class ServerControls:
    """Operations of a running server for commands.

    `status` and `rebuild` block, and run in threads.
    """

    status: Callable[[], WarehouseStatus]
    rebuild: Callable[[ProgressCallback], object]
    report: Callable[[UUID, Pairs, str], Coroutine[Any, Any, ReportFile]]


def control_app(controls: ServerControls) -> Starlette:
    async def status(_: Request) -> Response:
        return JSONResponse(asdict(await asyncio.to_thread(controls.status)))

    async def rebuild(_: Request) -> Response:
        return StreamingResponse(_stream_progress(controls.rebuild), media_type="application/x-ndjson")

    async def report(request: Request) -> Response:
        pairs = request.query_params.multi_items()
        rendering = controls.report(UUID(request.path_params["id"]), pairs, request.path_params["kind"])
        report_file = await cancel_on_disconnect(rendering, request.receive)
        return (
            Response(report_file.content, media_type=report_file.media_type)
            if report_file
            else Response(status_code=503)
        )

    async def error_response(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, getattr(error, "status", 503))

    return Starlette(
        routes=[
            Route("/warehouse", status),
            Route("/warehouse/rebuild", rebuild, methods=["POST"]),
            Route("/report/{id}.{kind}", report),
        ],
        exception_handlers={UserFacingError: error_response, OperatorError: error_response},
    )


@asynccontextmanager
async def serve_control_socket(settings: Settings, controls: ServerControls) -> AsyncIterator[None]:
    """Serves the control socket within the context.

    Enter it after the warehouse was opened, which proves that no other `serve` runs on this data folder.
    """
    with _bind_socket(settings.socket_path) as listener:
        config = uvicorn.Config(control_app(controls), lifespan="off", access_log=False, log_config=None)
        server = _SecondaryServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = server.force_exit = True
            with contextlib.suppress(Exception):
                await task


class _SecondaryServer(uvicorn.Server):
    """Second uvicorn server in the process, without signal handlers: signals belong to the first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RunningServer:
    """Client of the control socket, for commands. Raises OperatorError with the server's message."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def status(self) -> WarehouseStatus:
        return WarehouseStatus(**self._get("/warehouse").json())

    def rebuild(self, on_progress: ProgressCallback) -> None:
        with self._client.stream("POST", "/warehouse/rebuild") as response:
            for line in response.iter_lines():
                message = json.loads(line)
                if "problem" in message:
                    raise OperatorError(message["problem"])
                on_progress(message["done"], message["in_all"])

    def report(self, property_id: UUID, pairs: Pairs, kind: str) -> bytes:
        return self._get(f"/report/{property_id}.{kind}", pairs).content

    def _get(self, path: str, pairs: Pairs = ()) -> httpx.Response:
        response = self._client.get(path, params=tuple(pairs))
        if response.status_code != httpx.codes.OK:
            try:
                detail = str(response.json()["detail"])
            except (ValueError, KeyError, TypeError):
                detail = f"The server answered {response.status_code}. See the server log for details."
            raise OperatorError(detail)
        return response


@contextmanager
def running_server(settings: Settings) -> Iterator[RunningServer | None]:
    """Yields a client of the server that runs on this data folder.

    Yields None when no server runs.
    """
    with _short_path(settings.socket_path) as path:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(path)
            is_listening = True
        except OSError:
            is_listening = False
        if not is_listening:
            yield None
            return
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(
            transport=transport, base_url="http://proprium", timeout=httpx.Timeout(5, read=None)
        ) as client:
            yield RunningServer(client)


async def _stream_progress(rebuild: Callable[[ProgressCallback], object]) -> AsyncIterator[bytes]:
    """Runs the rebuild in a thread and yields one JSON line per step.

    A disconnected client does not stop it.
    """
    loop, step_queue = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any] | None]()

    def put_step(step: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(step_queue.put_nowait, step)

    def run_rebuild() -> None:
        try:
            rebuild(lambda done, in_all: put_step({"done": done, "in_all": in_all}))
        except (UserFacingError, OperatorError) as problem:
            put_step({"problem": str(problem)})
        except Exception as problem:
            log.exception("warehouse rebuild failed")
            put_step({"problem": f"The rebuild failed: {problem}. The old warehouse stays in use."})
        finally:
            put_step(None)

    task = asyncio.create_task(asyncio.to_thread(run_rebuild))
    while (step := await step_queue.get()) is not None:
        yield json.dumps(step).encode() + b"\n"
    await task


@contextmanager
def _bind_socket(path: Path) -> Iterator[socket.socket]:
    """Binds the control socket, replacing the file of a killed server, and removes it at the end."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_path(path) as name:
            previous_umask = os.umask(0o177)
            try:
                listener.bind(name)
            finally:
                os.umask(previous_umask)
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


@contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """Yields the path, or a short one through its folder's descriptor where it exceeds the limit for sockets."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES or not path.parent.is_dir():
        yield str(path)
        return
    folder_descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder_descriptor}/{path.name}"
    finally:
        os.close(folder_descriptor)
