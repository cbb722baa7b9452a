"""Faults of disk, locks and shutdown: acknowledged events are stored, others get 503, and the server recovers."""

from __future__ import annotations

import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from proprium.properties.service import create_property
from proprium.storage.database import Database
from tests.support.servers import CHROME, Load, Running, running

UNLIMITED = {"PROPRIUM_COLLECT_RATE": "0"}
HELD = {
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": b"HTTP/1.1 200",  # idle: kept alive
    b"POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{": b"",  # half sent
    b"GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n": (
        b"HTTP/1.1 101"  # an open page's
    ),
}
"""What is sent on connections that stay open, and how the answer begins."""


@pytest.fixture
def blog(database: Database) -> str:
    """The id of a property; its storage is in the test's folder, and nobody serves it yet."""
    property_ = create_property(database, "Blog", None)
    database.close()
    return str(property_.id)


def send(server: Running, property_id: str, **data: Any) -> tuple[int, UUID]:
    """The status, and the id of the event."""
    event_id = uuid4()
    body = {"collectorId": property_id, "event": "page_view", "id": str(event_id), "data": {"url": "/", **data}}
    answer = httpx.post(f"{server.url}/collect", json=body, headers={"User-Agent": CHROME}, timeout=30)
    return answer.status_code, event_id


def stored(data_dir: Path) -> set[UUID]:
    with sqlite3.connect(data_dir / "proprium.sqlite3", timeout=20) as storage:
        assert storage.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {UUID(bytes=row[0]) for row in storage.execute("SELECT id FROM event")}


def books(server: Running) -> dict[str, int]:
    """Received, and what became of them."""
    counters = re.findall(
        r"^proprium_events_(\w+)_total(?:\{\S*\})? (\d+)", httpx.get(f"{server.url}/metrics").text, re.MULTILINE
    )
    totals: dict[str, int] = {}
    for name, count in counters:
        totals[name] = totals.get(name, 0) + int(count)
    return totals


def assert_books_balance(server: Running) -> None:
    counted = books(server)
    assert counted["received"] == sum(counted.values()) - counted["received"], counted


@contextmanager
def under_load(server: Running, property_id: str, seconds: float = 20) -> Iterator[Load]:
    load = Load(server.port, property_id, connections=8)
    thread = threading.Thread(target=load.run, kwargs={"seconds": seconds})
    thread.start()
    deadline = time.monotonic() + 15
    while len(load.acknowledged) < 100 and time.monotonic() < deadline:
        time.sleep(0.02)
    yield load
    thread.join()


@pytest.mark.parametrize("command", ["serve", "collect"])
def test_a_server_that_is_stopped_under_load_drains(
    tmp_path: Path, blog: str, command: str, record_property: Callable[[str, object], None]
) -> None:
    server = Running(tmp_path, command, env=UNLIMITED).start()
    with under_load(server, blog) as load:
        began = time.monotonic()
        code = server.stop(timeout_s=40)
        record_property("seconds until it ended (goal: 10)", round(time.monotonic() - began, 1))
    assert code == 0
    assert len(load.acknowledged) >= 100
    assert set(load.acknowledged) <= stored(tmp_path)
    assert "Traceback" not in server.output()


def test_a_server_that_is_stopped_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    """A service manager waits ten seconds, and kills then."""
    server = Running(tmp_path).start()
    with ExitStack() as connections:
        for sent, expected in HELD.items():
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            connection.sendall(sent)
            assert not expected or connection.recv(64).startswith(expected)
        assert server.stop(timeout_s=10) == 0
    assert "Traceback" not in server.output()


def test_a_locked_database_is_503_until_it_is_unlocked(tmp_path: Path, blog: str, fuzz: bool) -> None:
    """Locked for longer than the writer waits; with --fuzz for half a minute."""
    with running(tmp_path, "collect", env=UNLIMITED) as server:
        assert send(server, blog)[0] == 204
        thief = sqlite3.connect(tmp_path / "proprium.sqlite3", isolation_level=None)
        thief.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + 30 * fuzz
        during = [send(server, blog, user_id="a")]
        while time.monotonic() < until:
            during.append(send(server, blog, user_id="a"))
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        thief.execute("ROLLBACK")
        thief.close()
        after = [send(server, blog, user_id="a") for _ in range(3)]
        assert {status for status, _ in during} == {503}
        assert [status for status, _ in after] == [204] * 3
        assert stored(tmp_path) & {event_id for _, event_id in during + after} == {event_id for _, event_id in after}
        assert_books_balance(server)


def test_a_short_lock_is_waited_for(tmp_path: Path, blog: str) -> None:
    with running(tmp_path, "collect", env=UNLIMITED) as server:
        thief = sqlite3.connect(tmp_path / "proprium.sqlite3", isolation_level=None, check_same_thread=False)
        thief.execute("BEGIN IMMEDIATE")
        threading.Timer(1.5, lambda: thief.execute("ROLLBACK")).start()
        status, event_id = send(server, blog, user_id="a")
        assert status == 204
        assert event_id in stored(tmp_path)
        thief.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 8 MB; skipped where none may be mounted."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_503_until_there_is_free_space(tmp_path: Path, blog: str) -> None:
    with small_disk(tmp_path / "disk") as disk:
        for file in tmp_path.glob("proprium.sqlite3*"):
            shutil.copy(file, disk)
        with running(disk, "collect", env=UNLIMITED) as server:
            before = send(server, blog)
            (disk / "ballast").write_bytes(b"")
            fill(disk / "ballast")
            during = [send(server, blog, title="x" * 900) for _ in range(40)]
            assert {status for status, _ in during} <= {204, 503}
            assert during[-1][0] == 503
            (disk / "ballast").unlink()
            after = [send(server, blog) for _ in range(3)]
            assert [status for status, _ in [before, *after]] == [204] * 4
            acknowledged = {event_id for status, event_id in [before, *during, *after] if status == 204}
            refused = {event_id for status, event_id in during if status == 503}
            event_ids = stored(disk)
            assert acknowledged <= event_ids
            assert not refused & event_ids
            assert_books_balance(server)


def fill(file: Path) -> None:
    """Takes every byte that is left."""
    size = 65_536
    with file.open("ab", buffering=0) as ballast:
        while size:
            try:
                ballast.write(b"x" * size)
            except OSError:
                size //= 2


def test_a_file_that_may_not_grow_is_503(tmp_path: Path, blog: str) -> None:
    """The limit stands for a quota; also where nothing can be mounted."""
    with running(tmp_path, "collect", env=UNLIMITED) as server:
        assert send(server, blog)[0] == 204
        before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
        status, refused = send(server, blog)
        assert status == 503
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
        status, accepted = send(server, blog)
        assert status == 204
        event_ids = stored(tmp_path)
        assert accepted in event_ids
        assert refused not in event_ids
        assert_books_balance(server)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: apt install strace")


@needs_strace
def test_the_bytes_are_on_the_disk_before_the_answer_leaves(tmp_path: Path, blog: str) -> None:
    """Between a request and its 204 the kernel was asked to write the log through, and had said yes."""
    with running(tmp_path, "collect", env=UNLIMITED) as server:
        send(server, blog)
        log = tmp_path / "calls"
        calls = "trace=fdatasync,fsync,recvfrom,read,sendto,sendmsg,write,writev"
        tracer = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "40", "-e", calls, "-o", log, "-p", str(server.process.pid)],
            stderr=subprocess.PIPE,
        )
        assert tracer.stderr
        tracer.stderr.readline()  # attached
        time.sleep(0.5)
        statuses = [send(server, blog)[0] for _ in range(5)]
        tracer.terminate()
        tracer.wait()
        tracer.stderr.close()
    assert statuses == [204] * 5
    if not log.read_text().strip():
        pytest.skip("strace may not attach to processes on this machine")
    steps = "".join(step_of(line) for line in log.read_text().splitlines())
    assert re.fullmatch(r"(RS+A)+", re.sub(r"R+", "R", steps)), steps


def step_of(call: str) -> str:
    """R: a request came in. S: storage's log was written through. A: it was answered with 204."""
    if "POST /collect" in call:
        return "R"
    if re.search(r"f(data)?sync\(\d+<\S*proprium\.sqlite3-wal>\)\s*= 0", call) or re.search(
        r"f(data)?sync resumed.*= 0", call
    ):
        return "S"
    return "A" if "HTTP/1.1 204" in call else ""
