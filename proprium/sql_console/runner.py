"""Runs statements in processes of their own: two at a time, one of each person, each with a deadline."""

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
from proprium.sql_console.results import Held, Result, ResultColumn
from proprium.sql_console.snapshot import Scope, Snapshots

log = logging.getLogger(__name__)

DEADLINE_S = 10.0
AT_ONCE = 2
PATIENCE_S = 20.0
"""How long a statement waits for its turn."""
MOST_ROWS = 10_000
MOST_BYTES = 8_000_000
LONGEST_SQL = 50_000
"""Characters."""
_LONGEST_ANSWER = MOST_BYTES + 2_000_000  # names of columns, commas

# The interpreter is given nothing of ours (-I) but the folder in which the one module stands.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from proprium.sql_console.child import main; main()"
_ROOT = Path(__file__).resolve().parents[2]

_TOO_LONG = "The statement did not finish within {:g} seconds and was ended. Ask for fewer rows or days."
_ENDED = (
    "The statement was ended: it took more memory or computing time than a query may have. Ask for less at once, "
    "or group it."
)


class Runner:
    def __init__(self, snapshots: Snapshots, *, deadline_s: float = DEADLINE_S, patience_s: float = PATIENCE_S) -> None:
        self._snapshots, self._deadline_s, self._patience_s = snapshots, deadline_s, patience_s
        self._busy: set[UUID] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._is_warned = False

    async def run(self, user_id: UUID, sql: str, scope: Scope) -> tuple[Result, Held]:
        """Raises SqlRefused with what is wrong, and SqlBusy. Whoever cancels it ends the process."""
        if len(sql) > LONGEST_SQL:
            raise SqlRefused(f"The statement is {len(sql):,} characters long; {LONGEST_SQL:,} are read.")
        if "\x00" in sql:
            raise SqlRefused("The statement holds a NUL character.")
        async with self._turn(user_id):
            file, held = await asyncio.to_thread(self._snapshots.open, scope)
            try:
                answer = await self._ask(file, sql, scope.timezone)
            finally:
                os.close(file)
        return _result(answer), held

    def close(self) -> None:
        self._snapshots.close()

    @asynccontextmanager
    async def _turn(self, user_id: UUID) -> AsyncIterator[None]:
        if user_id in self._busy:
            raise SqlBusy("Another statement of yours is still running. Cancel it, or wait for it.")
        self._busy.add(user_id)
        try:
            try:
                await asyncio.wait_for(self._slots.acquire(), self._patience_s)
            except TimeoutError:
                raise SqlBusy("Others are asking as well. Try again in a moment.") from None
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._busy.discard(user_id)

    async def _ask(self, file: int, sql: str, timezone: str) -> Mapping[str, Any]:
        request = {"file": file, "sql": sql, "timezone": timezone, "rows": MOST_ROWS, "bytes": MOST_BYTES}
        process = await _started(file)
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await _talk(process, json.dumps(request).encode("utf-8", "replace"))
                await process.wait()
        except TimeoutError:
            raise SqlRefused(_TOO_LONG.format(self._deadline_s)) from None
        finally:
            await _end(process)
        return self._read(answer)

    def _read(self, answer: bytes) -> Mapping[str, Any]:
        try:
            told: dict[str, Any] = json.loads(answer)
        except ValueError:  # it was ended before it had answered
            raise SqlRefused(_ENDED) from None
        if not told["is_fenced"] and not self._is_warned:
            self._is_warned = True
            log.warning("this system has no filter of system calls: only DuckDB itself keeps SQL from other files")
        if "error" in told:
            raise SqlRefused(told["error"], told.get("line"), told.get("column"))
        return told


async def _started(file: int) -> asyncio.subprocess.Process:
    try:
        return await _start(file)
    except OSError as problem:
        raise SqlBusy(f"The server cannot start another process: {problem.strerror}.") from problem


async def _start(file: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _START, str(_ROOT)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(file,),  # every other one is closed
        start_new_session=True,  # so that its whole group can be ended
        env={"LANG": "C.UTF-8"},
        cwd="/",
    )


async def _talk(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it ended without having read all: so says its answer
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    parts, size = [], 0
    while part := await process.stdout.read(1 << 16):
        size += len(part)
        if size > _LONGEST_ANSWER:
            return b""
        parts.append(part)
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _result(told: Mapping[str, Any]) -> Result:
    columns = tuple(ResultColumn(column["name"], column["type"]) for column in told["columns"])
    return Result(columns, told["rows"], told["elapsed_s"], told["cut"])
