"""Card files: pictures of dashboards for links to them, rendered at most once a day and kept in the data directory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.query import Query
from proprium.reports.card import card_picture
from proprium.reports.report_queue import Requester
from proprium.ui.services import Services

FOLDER = "cards"
MAX_AGE_S = 24 * 3_600
DELETE_AFTER_S = 3 * MAX_AGE_S
MAX_FILES = 2_000


class CardFiles:
    """Renders and caches cards; one picture is rendered once, however many ask for it. Event loop only."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._folder = Path(services.settings.data_dir) / FOLDER
        self._tasks: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, key: str, name: str, query: Query, requester: Requester) -> bytes:
        """Returns the picture of a query's dashboard. `key` must differ where the reader may see something else.

        Raises ReportsBusy and TooManyRequests, ChromiumMissing and PrintFailed.
        """
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.png"
        picture = await asyncio.to_thread(_read_if_younger, path, self._now_s() - MAX_AGE_S)
        if picture is not None:
            return picture
        task = self._tasks.get(path.name)
        if task is None:
            task = self._tasks[path.name] = asyncio.ensure_future(self._render(path, name, query, requester))
            task.add_done_callback(lambda task: self._forget(path.name, task))
        return await asyncio.shield(task)

    def _now_s(self) -> float:
        return self._services.clock().timestamp()

    def _forget(self, file_name: str, task: asyncio.Task[bytes]) -> None:
        self._tasks.pop(file_name, None)
        if not task.cancelled():
            task.exception()  # asyncio would log it if every client had gone

    async def _render(self, path: Path, name: str, query: Query, requester: Requester) -> bytes:
        async with self._services.report_queue.turn(requester):
            result = await asyncio.to_thread(dashboard, self._services.warehouse, query, ())
            picture = await card_picture(result, name, self._services.settings.chromium)
        await asyncio.to_thread(_write, path, picture, self._now_s())
        return picture


def _read_if_younger(path: Path, oldest_s: float) -> bytes | None:
    with suppress(OSError):
        if path.stat().st_mtime > oldest_s:
            return path.read_bytes()
    return None


def _write(path: Path, picture: bytes, now_s: float) -> None:
    """Writes the file whole or not at all, and deletes old ones; a full disk costs only the cache."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            file.write(picture)
        os.replace(file.name, path)
        os.utime(path, (now_s, now_s))
        files = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        for index, file_path in enumerate(files):
            if index >= MAX_FILES or now_s - file_path.stat().st_mtime > DELETE_AFTER_S:
                file_path.unlink(missing_ok=True)
