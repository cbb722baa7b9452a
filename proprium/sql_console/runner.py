"""Runs SQL statements in child processes: two at a time, one per user, each with a timeout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from proprium.errors import SqlBusy, SqlRefused
from proprium.sql_console.results import ResultColumn, SnapshotInfo, SqlResult
from proprium.sql_console.snapshot import SnapshotCache, SnapshotScope

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT_S = 10.0
MAX_CONCURRENT_STATEMENTS = 2
QUEUE_TIMEOUT_S = 20.0
"""Maximum time that a statement waits for a free slot."""
MAX_ROWS = 10_000
MAX_RESULT_BYTES = 8_000_000
MAX_SQL_LENGTH = 50_000
"""Characters."""
_MAX_OUTPUT_BYTES = MAX_RESULT_BYTES + 2_000_000  # column names, separators

# Isolated mode (-I): no environment, no user packages; the project folder is the only addition to the import path.
_CHILD_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from proprium.sql_console.child import main; main()"
_ROOT = Path(__file__).resolve().parents[2]

_TIMEOUT_MESSAGE = "The query timed out after {:g} seconds. Select fewer rows or a shorter date range."
_KILLED_MESSAGE = (
    "The query was stopped because it exceeded its memory or CPU limit. Select fewer rows or aggregate them."
)


class SqlRunner:
    def __init__(
        self,
        snapshots: SnapshotCache,
        *,
        timeout_s: float = STATEMENT_TIMEOUT_S,
        queue_timeout_s: float = QUEUE_TIMEOUT_S,
    ) -> None:
        self._snapshots, self._timeout_s, self._queue_timeout_s = snapshots, timeout_s, queue_timeout_s
        self._busy_user_ids: set[UUID] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_STATEMENTS)
        self._has_warned = False

    async def run(self, user_id: UUID, sql: str, scope: SnapshotScope) -> tuple[SqlResult, SnapshotInfo]:
        """Runs a statement on the snapshot of `scope`. Cancellation kills the child process.

        Raises SqlRefused for invalid or failed statements, SqlBusy if no slot is free.
        """
        if len(sql) > MAX_SQL_LENGTH:
            raise SqlRefused(f"The statement has {len(sql):,} characters; the maximum is {MAX_SQL_LENGTH:,}.")
        if "\x00" in sql:
            raise SqlRefused("The statement contains a NUL character.")
        async with self._slot(user_id):
            file_descriptor, snapshot_info = await asyncio.to_thread(self._snapshots.open, scope)
            try:
                response = await self._run_in_child(file_descriptor, sql, scope.timezone)
            finally:
                os.close(file_descriptor)
        columns = tuple(ResultColumn(column["name"], column["type"]) for column in response["columns"])
        return SqlResult(columns, response["rows"], response["elapsed_s"], response["cut"]), snapshot_info

    def close(self) -> None:
        self._snapshots.close()

    @asynccontextmanager
    async def _slot(self, user_id: UUID) -> AsyncIterator[None]:
        if user_id in self._busy_user_ids:
            raise SqlBusy("You already have a query running. Cancel it or wait until it finishes.")
        self._busy_user_ids.add(user_id)
        try:
            try:
                await asyncio.wait_for(self._slots.acquire(), self._queue_timeout_s)
            except TimeoutError:
                raise SqlBusy("The server is busy with other users' queries. Try again in a moment.") from None
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._busy_user_ids.discard(user_id)

    async def _run_in_child(self, file_descriptor: int, sql: str, timezone: str) -> Mapping[str, Any]:
        request = {
            "file": file_descriptor,
            "sql": sql,
            "timezone": timezone,
            "rows": MAX_ROWS,
            "bytes": MAX_RESULT_BYTES,
        }
        process = await _start_child(file_descriptor)
        try:
            async with asyncio.timeout(self._timeout_s):
                output = await _communicate(process, json.dumps(request).encode("utf-8", "replace"))
                await process.wait()
        except TimeoutError:
            raise SqlRefused(_TIMEOUT_MESSAGE.format(self._timeout_s)) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        try:
            response: dict[str, Any] = json.loads(output)
        except ValueError:  # the child was killed before it had responded
            raise SqlRefused(_KILLED_MESSAGE) from None
        if not response["is_sandboxed"] and not self._has_warned:
            self._has_warned = True
            log.warning("no seccomp on this system: SQL statements are isolated by DuckDB's own restrictions only")
        if "error" in response:
            raise SqlRefused(response["error"], response.get("line"), response.get("column"))
        return response


async def _start_child(file_descriptor: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _CHILD_CODE, str(_ROOT)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(file_descriptor,),  # all others are closed
            start_new_session=True,  # its own process group, so that all of it can be killed
            env={"LANG": "C.UTF-8"},
            cwd="/",
        )
    except OSError as error:
        raise SqlBusy(f"The server could not start a process for the query: {error.strerror}.") from error


async def _communicate(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # the child ended early; its output says why
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    chunks, size_bytes = [], 0
    while chunk := await process.stdout.read(1 << 16):
        size_bytes += len(chunk)
        if size_bytes > _MAX_OUTPUT_BYTES:
            return b""
        chunks.append(chunk)
    return b"".join(chunks)
