"""The files for nginx and Caddy in `deploy`, run by the real programs before a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.servers import ROOT, Running, free_port, running

SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
TOO_LARGE = {413, 502}
"""Caddy 2.6 says 502 when a body that it has begun to pass on turns out too large."""
SLOW_HEAD = b"GET /login HTTP/1.1\r\nHost: a\r\nX-Slow: "


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("behind"), env={"PROPRIUM_TRUSTED_PROXIES": "127.0.0.1/32"}) as server:
        yield server


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, server: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a proxy before the server."""
    if not (program := shutil.which(request.param, path=SYSTEM_PATH)):
        pytest.skip(f"no {request.param} here")
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    file = folder / "proxy.conf"
    if request.param == "nginx":
        file.write_text(nginx_file(folder, server.port, port))
        command = [program, "-p", str(folder), "-c", str(file)]
    else:
        file.write_text(caddy_file(server.port, port))
        command = [program, "run", "--adapter", "caddyfile", "--config", str(file)]
    log = (folder / "output.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": SYSTEM_PATH})
    try:
        deadline = time.monotonic() + 20
        while not is_answering(port):
            assert process.poll() is None, (folder / "output.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(15)
        log.close()


def nginx_file(folder: Path, server: int, port: int) -> str:
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub(r"\n *ssl_certificate\S* [^\n]*", "", text).replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""  # else its workers may not open files of the test
    return (
        f"{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 256; }}\nhttp {{\n{folders}\n{text.replace(':8000', f':{server}')}\n}}\n"
    )


def caddy_file(server: int, port: int) -> str:
    text = (ROOT / "deploy/Caddyfile").read_text()
    text = text.replace("{\n\tservers", "{\n\tadmin off\n\tservers", 1).replace(":8000", f":{server}")
    return text.replace("\nstats.example.com {", f"\nhttp://127.0.0.1:{port} {{")


def is_answering(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def is_nginx(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/metrics").headers["server"].startswith("nginx")


def test_a_head_that_does_not_come_ends_the_connection(proxy: int) -> None:
    with socket.create_connection(("127.0.0.1", proxy), timeout=20) as client:
        client.sendall(SLOW_HEAD)
        begun_s = time.monotonic()
        while client.recv(65_536):
            pass
        assert 8 < time.monotonic() - begun_s < 16


def test_a_large_body_is_refused_and_an_import_is_not(server: Running, proxy: int) -> None:
    url = f"http://127.0.0.1:{proxy}"
    property_id = server.add_property("Shop")
    key = server.proprium("key", "add", "shop", "--property", property_id, "--write")
    event = {"collectorId": property_id, "event": "order", "data": {"note": "x" * 3_800}}
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        response = client.post(f"{url}/api/v1/events", content=json.dumps([event] * 1_000))
        assert (response.status_code, response.json()["stored"]) == (200, 1_000)
        assert client.post(f"{url}/api/v1/events", content=b"a" * 6_000_000).status_code in TOO_LARGE
        assert client.post(f"{url}/auth/login", content=b"a" * 2_000_000).status_code in TOO_LARGE


def test_numbers_about_the_server_stay_inside(proxy: int, server: Running) -> None:
    assert httpx.get(f"http://127.0.0.1:{proxy}/metrics").status_code == 404
    assert httpx.get(f"{server.url}/metrics").status_code == 200


def test_the_socket_of_the_dashboard_passes(proxy: int) -> None:
    address = f"ws://127.0.0.1:{proxy}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    # nginx passes the host on without its port, which is the standard one where this file is used
    origin = "http://127.0.0.1" if is_nginx(proxy) else f"http://127.0.0.1:{proxy}"
    with connect(address, origin=origin) as client:  # type: ignore[arg-type]
        assert '"sid"' in str(client.recv(10))
