"""Real servers take traffic of every kind; afterwards no file, data or log, holds an IP address."""

from __future__ import annotations

import sqlite3
from ipaddress import ip_address
from pathlib import Path

import httpx

from tests.support.servers import CHROME, Running, running

ADDRESSES = ("203.0.113.77", "2001:db8:85a3::8a2e:370:7334")
LOUD = {
    "PROPRIUM_TRUSTED_PROXIES": "127.0.0.0/8,::1",  # these tests forward for others
    "PROPRIUM_COLLECT_RATE": "5",
    "PROPRIUM_LOG_LEVEL": "DEBUG",
}

SIGNS_IN = "198.51.100.23"  # not one of visitors


def test_two_collectors_count_one_visitor_and_store_no_address(tmp_path: Path) -> None:
    with running(tmp_path, env=LOUD) as serve:
        property_id = serve.proprium("property", "add", "Blog", "--cookieless", "--hostname", "blog.example")
        with running(tmp_path, "collect", env=LOUD) as collect:
            for server in (serve, collect):
                for address in ADDRESSES:
                    send_everything(server, property_id, address)
        look_around(serve, property_id)
        assert open_to_others(tmp_path) == []

    visitors = visitors_of_views(tmp_path)
    assert [count for _, count in visitors] == [2, 2]  # one a network, whichever program took the view
    assert holding(tmp_path, CHROME.encode())  # what is kept is found
    for trace in traces():
        assert holding(tmp_path, trace) == [], trace
    assert holding(tmp_path, SIGNS_IN.encode()) == []
    with sqlite3.connect(tmp_path / "proprium.sqlite3") as storage:  # of who signs in, the audit log has the network
        failed = storage.execute("SELECT actor, network FROM audit_entry WHERE action = 'sign_in_failed'").fetchall()
    assert failed == [("a@example.com", "198.51.100.0/24")]


def send_everything(server: Running, property_id: str, address: str) -> None:
    """A view, and whatever can be wrong with one."""
    view = {"collectorId": property_id, "event": "page_view", "data": {"url": "/", "hostname": "blog.example"}}
    headers = {"X-Forwarded-For": address, "User-Agent": CHROME}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        assert client.post("/collect", json=view).status_code == 204
        elsewhere = view | {"data": {"url": "/", "hostname": "else.example"}}
        assert client.post("/collect", json=elsewhere).headers["X-Dropped"] == "hostname"
        assert client.post("/collect", json=view, headers={"Sec-Purpose": "prefetch"}).headers["X-Dropped"]
        assert client.post("/collect", content=b"{").status_code == 400
        assert client.post("/collect", json=view | {"collectorId": property_id[:-4] + "0000"}).status_code == 404
        assert client.post("/collect", content=b" " * 600_000).status_code == 413
        answers = [client.get("/collect/pixel.gif", params={"id": "x"}).status_code for _ in range(30)]
        assert {400, 429} <= set(answers)


def look_around(server: Running, property_id: str) -> None:
    """Pages by visitors, and a wrong password by somebody else: what else is told an address."""
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}) as client:
        for address in ADDRESSES:
            headers = {"X-Forwarded-For": address}
            for path in ("/login", f"/properties/{property_id}", "/collector.js", "/nothing", "/metrics"):
                client.get(path, headers=headers)
        headers = {"X-Forwarded-For": SIGNS_IN, "Origin": server.url}
        client.post("/auth/login", data={"email": "a@example.com", "password": "x"}, headers=headers)


def visitors_of_views(data_dir: Path) -> list[tuple[int, int]]:
    with sqlite3.connect(data_dir / "proprium.sqlite3") as storage:
        number = "(SELECT number FROM property WHERE name = 'Blog')"
        return storage.execute(
            f"SELECT visitor, count(*) FROM event WHERE property = {number} GROUP BY visitor"
        ).fetchall()


def traces() -> list[bytes]:
    """An address as text and as bytes, whole and cut to its network."""
    return [b"203.0.113", *(text.encode() for text in ADDRESSES), b"2001:db8:85a3", packed(ADDRESSES[1])]


def packed(address: str) -> bytes:
    """Of IPv6 only: the four bytes of another one turn up by chance."""
    return ip_address(address).packed


def open_to_others(folder: Path) -> list[str]:
    """Files of a running server that another account of this machine may read; not the logs, which a test writes."""
    files = [path for path in folder.rglob("*") if path.suffix not in {".log", ".mmdb"}]
    return sorted(path.name for path in files if path.stat().st_mode & 0o077)


def holding(folder: Path, trace: bytes) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if trace in path.read_bytes())
