"""Raw sockets that send too slowly, too much or too often to a real server: others are still served."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.servers import CHROME, Running, running

HEAD_S = 10.0
"""Within which a request head must be complete; a little more is granted for a busy machine."""
SLACK_S = 5.0
GRANTED_MB = 60
"""By which the memory of the server may grow in any of these tests."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("rude")) as server:
        yield server
    assert "Traceback" not in server.output()


@pytest.fixture(scope="module")
def blog(server: Running) -> str:
    return server.add_property("Blog")


@pytest.fixture(autouse=True)
def memory(server: Running) -> Iterator[None]:
    before_mb = server.rss_mb()
    yield
    if server.process.poll() is None:
        assert server.rss_mb() < before_mb + GRANTED_MB


def connect(server: Running, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(source, 0))


def answer_of(client: socket.socket, timeout_s: float = 30) -> bytes:
    """Everything until the server closes; what came before a reset counts."""
    client.settimeout(timeout_s)
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(65_536) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def hit(server: Running, blog: str, source: str = "127.0.0.3", **headers: str) -> httpx.Response:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(transport=transport, headers={"User-Agent": CHROME, **headers}, timeout=5) as client:
        event = {"collectorId": blog, "event": "page_view", "data": {"url": "/"}}
        return client.post(f"{server.url}/collect".replace("localhost", "127.0.0.1"), json=event)


def test_heads_that_do_not_come_end_their_connections_and_2000_of_them_do_not_block_another_address(
    server: Running, blog: str
) -> None:
    """Nothing at all, half a head, a byte now and then, empty lines for ever, half of a second head."""
    half = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "
    silent, started, trickling, empty_lines, second = clients = [connect(server) for _ in range(5)]
    slow = {silent, started, second}  # "GEEEE" may be refused earlier, as are those of the crowd over its share
    begun_s = time.monotonic()
    try:
        started.sendall(half)
        second.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert second.recv(4_096).startswith(b"HTTP/1.1 200")
        second.sendall(half)
        trickling.sendall(b"G")
        for _ in range(2_000):
            clients.append(connect(server, "127.0.0.2"))
            clients[-1].sendall(b"POST /collect HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        for _ in range(20):
            hit_s = time.monotonic()
            assert hit(server, blog).status_code == 204
            assert time.monotonic() - hit_s < 2
        crowd_s = time.monotonic()
        waiting = set(clients)
        while waiting and time.monotonic() - crowd_s < HEAD_S + SLACK_S:
            time.sleep(0.5)
            waiting = {client for client in waiting if not is_closed(client)}
            assert slow <= waiting or time.monotonic() - begun_s > HEAD_S - 1
            for client, sent in ((trickling, b"E"), (empty_lines, b"\r\n")):
                if client in waiting:
                    client.send(sent)
        assert not waiting
    finally:
        for client in clients:
            client.close()
    assert hit(server, blog).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [b"X-Large: " + b"a" * 300_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % n for n in range(1_000))],
    ids=["one header of 300 KB", "1,000 headers"],
)
@pytest.mark.parametrize("is_complete", [True, False])
def test_a_head_that_is_too_large_is_refused(server: Running, headers: bytes, is_complete: bool) -> None:
    with connect(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + headers + (b"\r\n" if is_complete else b""))
        answer = answer_of(client, timeout_s=HEAD_S - 1)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"Send" in answer


def test_a_head_of_an_ordinary_size_is_not(server: Running) -> None:
    headers = {"Cookie": "a=" + "b" * 50_000} | {f"X-{n}": "a" for n in range(150)}
    assert httpx.get(f"{server.url}/healthz", headers=headers).status_code == 200


def refused_before_it_is_sent(server: Running, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\n' + b"a" * 1_000_000
    with connect(server) as client:
        client.sendall(head.encode())
        answer = client.recv(65_536)
        assert re.match(rb"HTTP/1.1 (413|401|403) ", answer), answer
        begun_s = time.monotonic()
        with pytest.raises((ConnectionError, TimeoutError)):  # it is not read either
            client.sendall(part * 400)
        assert time.monotonic() - begun_s < 20


def refused_once_it_is_too_long(server: Running, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (60_000, b"a" * 60_000)
    sent, begun_s = 0, time.monotonic()
    with connect(server) as client:
        client.sendall(head.encode())
        try:
            while time.monotonic() - begun_s < 25:
                client.sendall(chunk)
                sent += len(chunk)
        except (ConnectionError, TimeoutError):
            pass
        answer = answer_of(client, 5)
    assert re.match(rb"HTTP/1.1 (413|401|403|404) ", answer), answer[:200]
    assert time.monotonic() - begun_s < 20
    assert sent < 20_000_000


LARGE_BODIES = [
    *((refused_before_it_is_sent, path) for path in ("/auth/login", "/nothing", "/collect", "/api/v1/events")),
    *((refused_once_it_is_too_long, path) for path in ("/auth/login", "/collect")),
]


def test_bodies_of_400_mb_or_without_an_end_are_refused_as_soon_as_that_is_known(server: Running) -> None:
    """All at once: each waits until the server no longer drains its connection."""
    with ThreadPoolExecutor(len(LARGE_BODIES)) as pool:
        refusals = {(check.__name__, path): pool.submit(check, server, path) for check, path in LARGE_BODIES}
        failures = {name: str(error) for name, refusal in refusals.items() if (error := refusal.exception())}
    assert failures == {}
    assert largest_temporary_file(server) < 1_000_000


def test_all_visitors_behind_a_proxy_that_is_not_trusted_share_a_limit_and_leave_no_address(
    server: Running, blog: str
) -> None:
    proxy, visitor = "127.0.0.9", "203.0.113.77"
    event = {"collectorId": blog, "event": "page_view", "data": {"url": "/"}}
    transport = httpx.HTTPTransport(local_address=proxy)
    statuses = set()
    with httpx.Client(transport=transport, headers={"X-Forwarded-For": visitor}) as client:
        deadline = time.monotonic() + 30
        while 429 not in statuses and time.monotonic() < deadline:
            statuses.add(client.post(f"http://127.0.0.1:{server.port}/collect", json=[event] * 100).status_code)
    assert statuses == {204, 429}
    assert hit(server, blog).status_code == 204  # a sender of its own address has its own limit
    time.sleep(2)  # refused events are written once a second
    with sqlite3.connect(server.data_dir / "proprium.sqlite3") as storage:
        tables = [name for (name,) in storage.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        holding = {table for table in tables if proxy in repr(storage.execute(f'SELECT * FROM "{table}"').fetchall())}
        settings = dict(storage.execute("SELECT name, value FROM setting WHERE value LIKE ?", (f"%{proxy}%",)))
    assert holding == {"setting"}  # which asks the owner whether to trust this proxy
    assert settings.keys() == {"untrusted_proxy"}
    assert proxy not in server.output()
    for path in server.data_dir.rglob("*"):
        assert not path.is_file() or visitor.encode() not in path.read_bytes()


def test_every_event_is_accounted_for_after_refusals_of_every_kind(server: Running, blog: str) -> None:
    event = {"collectorId": blog, "event": "page_view", "data": {"url": "/"}}
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}) as client:
        statuses = [client.post("/collect", json=[event] * 100).status_code for _ in range(20)]
        assert client.post("/collect", content=b" " * 600_000).status_code in {413, 429}
        assert client.post("/api/v1/events", content=b" ").status_code == 401
    assert {204, 429} == set(statuses)
    with connect(server) as client:  # goes away in the middle of its body
        client.sendall(b"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n{")
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    counts = [(line.split(" ")[0], float(line.rpartition(" ")[2])) for line in lines if not line.startswith("#")]
    by_kind = {
        kind: sum(count for name, count in counts if name.startswith(f"proprium_events_{kind}_total"))
        for kind in ("received", "stored", "duplicate", "dropped", "rejected")
    }
    assert by_kind["received"] == by_kind["stored"] + by_kind["duplicate"] + by_kind["dropped"] + by_kind["rejected"]
    assert by_kind["rejected"] >= 100


def largest_temporary_file(server: Running) -> int:
    """Bytes of the largest open file of the server that has no name any more, as a spooled upload has none."""
    sizes = [0]
    folder = Path(f"/proc/{server.process.pid}/fd")
    for entry in folder.iterdir():
        try:
            if "(deleted)" in os.readlink(entry):
                sizes.append(entry.stat().st_size)
        except OSError:
            continue
    return max(sizes)


def test_the_server_may_open_as_many_files_as_the_system_allows(server: Running) -> None:
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    limit_match = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits)
    assert limit_match
    assert int(limit_match[1]) == min(int(limit_match[2]), 65_536)
    assert json.loads(httpx.get(f"{server.url}/readyz").text)["ready"]


def test_a_server_with_slow_and_half_requests_still_ends_within_ten_seconds(server: Running) -> None:
    """The last test of this file: it stops the server of the others."""
    clients = [connect(server) for _ in range(4)]
    clients[0].sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    clients[1].sendall(b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nemail=")
    clients[2].sendall(b"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n{")
    time.sleep(0.5)
    begun_s = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun_s < 10
    for client in clients:
        client.close()
