"""The report queue of a real server: concurrency, rejections, and cancellation when a reader leaves."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from proprium.accounts import login_sessions
from proprium.config import Settings
from proprium.properties.service import set_public
from proprium.storage.database import Database
from proprium.storage.migrate import migrate
from proprium.ui.session import SESSION_COOKIE
from tests.support.builders import a_property, a_user
from tests.support.servers import ROOT, Running

# In Chromium's place: prints when the file `go` is there, has a child as Chromium has, and tells nobody of itself.
CHROMIUM = """#!/bin/sh
for argument; do case $argument in --print-to-pdf=*) pdf=${argument#--print-to-pdf=};; esac; done
sleep 600 &
while [ ! -e GO ]; do sleep 0.05; done
printf '%%PDF-1.4' > "$pdf"
"""
PATIENCE_S = 60  # a command takes that long to start on a busy machine


@dataclass
class Place:
    """A server with a public property, whose Chromium takes as long as the test wants."""

    server: Running
    property_id: str
    cookie: str
    scratch: Path
    go: Path

    def address(self, kind: str = "pdf") -> str:
        return f"{self.server.url}/properties/{self.property_id}/report.{kind}"

    def get(self, client: str = "", cookie: str = "") -> httpx.Response:
        headers = {"X-Forwarded-For": client} if client else {}
        cookies = {SESSION_COOKIE: cookie} if cookie else None
        return httpx.get(self.address(), headers=headers, cookies=cookies, timeout=60)

    def connect(self, client: str = "") -> socket.socket:
        """A request for a PDF, whose answer is not waited for."""
        connection = socket.create_connection(("127.0.0.1", self.server.port))
        forwarded = f"X-Forwarded-For: {client}\r\n" if client else ""
        path = f"/properties/{self.property_id}/report.pdf"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{forwarded}\r\n".encode())
        return connection

    def fill(self, client: str, free: int) -> list[socket.socket]:
        """Requests reports for all `free` places of an address and one more, which is refused; returns the others."""
        connections = [self.connect(client) for _ in range(free + 1)]
        wait_for(lambda: select.select(connections, [], [], 0)[0])
        [refused] = select.select(connections, [], [], 0)[0]
        assert refused.recv(65_536).startswith(b"HTTP/1.1 503")
        refused.close()
        return [connection for connection in connections if connection is not refused]

    def processes(self) -> list[psutil.Process]:
        """The browsers and their children: the process groups below the server."""
        descendants = psutil.Process(self.server.process.pid).children(recursive=True)
        groups = {self._group(process) for process in descendants} - {None, os.getpgid(self.server.process.pid)}
        return [process for process in psutil.process_iter() if self._group(process) in groups]

    def folders(self) -> list[Path]:
        return list(self.scratch.glob("proprium-print-*"))

    def _group(self, process: psutil.Process) -> int | None:
        try:
            return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return None


def wait_for(what: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def place(_place: Place) -> Iterator[Place]:
    """Idle, and its Chromium waits."""
    _place.go.unlink(missing_ok=True)
    yield _place
    _place.go.touch()
    wait_for(lambda: _place.folders() == [] and _place.processes() == [])


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    tmp_path = tmp_path_factory.mktemp("reports")
    scratch, go, chromium = tmp_path / "tmp", tmp_path / "go", tmp_path / "chromium"
    scratch.mkdir()
    chromium.write_text(CHROMIUM.replace("GO", shlex.quote(str(go))))
    chromium.chmod(0o755)
    database = Database(Settings(data_dir=tmp_path).storage_url)
    migrate(database)
    ada = a_user(database)
    property_ = set_public(database, a_property(database, "Bakery", ada).id, True)
    cookie = login_sessions.start_session(database, ada.id)
    database.close()
    env = {
        "PROPRIUM_CHROMIUM": str(chromium),
        "PROPRIUM_TRUSTED_PROXIES": "127.0.0.0/8,::1/128",
        "TMPDIR": str(scratch),
    }
    server = Running(tmp_path, env=env).start()
    try:
        yield Place(server, str(property_.id), cookie, scratch, go)
    finally:
        go.touch()
        server.stop()


def outcomes(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_thirty_report_requests_from_one_address_are_a_few_pdfs_and_plain_503s(place: Place) -> None:
    threading.Timer(3, place.go.touch).start()
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: place.get("203.0.113.7"), range(30)))
    assert outcomes(answers) == {200: 4, 503: 26}
    for answer in answers:
        if answer.status_code == 503:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert "Your network address already has" in answer.json()["detail"]
    assert place.folders() == []


def test_a_crowd_of_addresses_is_bounded_and_a_person_with_an_account_still_gets_a_pdf(place: Place) -> None:
    with ThreadPoolExecutor(41) as pool:
        crowd = [pool.submit(place.get, f"2001:db8:0:{n}::1") for n in range(40)]
        wait_for(lambda: sum(one.done() for one in crowd) == 28)
        ada = pool.submit(place.get, "2001:db8:0:1::1", place.cookie)
        wait_for(lambda: len(place.folders()) == 2)
        time.sleep(0.5)
        assert len(place.folders()) == 2, "no third one starts"
        place.go.touch()
        assert outcomes([one.result() for one in crowd]) == {200: 12, 503: 28}
        assert ada.result().status_code == 200


def test_when_its_reader_goes_a_report_that_runs_ends_with_all_processes_and_files(place: Place) -> None:
    connection = place.connect()
    wait_for(lambda: len(place.processes()) >= 2)
    assert len(place.folders()) == 1
    connection.close()
    wait_for(lambda: place.processes() == [] and place.folders() == [], 5)


def test_when_its_reader_goes_a_report_that_waits_is_dropped(place: Place) -> None:
    running = [place.connect("203.0.113.7") for _ in range(2)]
    wait_for(lambda: len(place.folders()) == 2)
    for connection in place.fill("203.0.113.7", free=2):
        connection.close()
    with ThreadPoolExecutor(2) as pool:
        time.sleep(0.5)
        later = [pool.submit(place.get, "203.0.113.7") for _ in range(2)]
        time.sleep(0.5)
        assert [one.done() for one in later] == [False, False]
        for connection in running:
            connection.close()
        wait_for(lambda: len(place.folders()) == 2)  # those that came later have their turn
        place.go.touch()
        assert outcomes([one.result() for one in later]) == {200: 2}
    wait_for(lambda: place.folders() == [], 5)


def test_a_command_that_is_ended_ends_its_report(place: Place, tmp_path: Path) -> None:
    arguments = ["report", "--property", place.property_id, str(tmp_path / "report.pdf")]
    command = subprocess.Popen(
        [sys.executable, "-m", "proprium", *arguments],
        cwd=ROOT,
        env=place.server.environment(),
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(place.processes()) >= 2)
    command.send_signal(signal.SIGKILL)
    command.wait()
    wait_for(lambda: place.processes() == [] and place.folders() == [], 5)


def opened(browser: Browser, place: Place) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{place.server.url}/properties/{place.property_id}")
    page.wait_for_function("window.did_handshake")
    page.wait_for_selector("text=Visitors")
    return page


def press(page: Page, place: Place) -> None:
    """The button; until the first numbers are there it says so, and is pressed again."""
    button = page.get_by_role("button", name=re.compile("PDF|Printing"))
    deadline = time.monotonic() + PATIENCE_S
    while button.inner_text() != "Printing …" and time.monotonic() < deadline:
        with suppress(TimeoutError):  # disabled from one moment to the next: it prints
            button.click(timeout=1_000)
        page.wait_for_timeout(300)
    expect(button).to_have_text("Printing …")


def test_a_public_dashboard_says_when_the_report_queue_is_full(browser: Browser, place: Place) -> None:
    page = opened(browser, place)
    connections = place.fill("127.0.0.1", free=4)
    deadline = time.monotonic() + PATIENCE_S
    sentence = page.get_by_text("Your network address already has")
    while not sentence.count() and time.monotonic() < deadline:
        page.get_by_role("button", name="PDF").click()
        page.wait_for_timeout(300)
    expect(sentence.first).to_be_visible()
    for connection in connections:
        connection.close()
    page.close()


def test_a_page_that_is_closed_ends_its_report_with_all_processes_and_files(browser: Browser, place: Place) -> None:
    page = opened(browser, place)
    press(page, place)
    wait_for(lambda: len(place.processes()) >= 2)
    assert len(place.folders()) == 1
    page.close()
    wait_for(lambda: place.processes() == [] and place.folders() == [], 5)


def test_a_page_whose_connection_was_lost_says_so_and_prints_again(browser: Browser, place: Place) -> None:
    page = opened(browser, place)
    press(page, place)
    wait_for(lambda: len(place.folders()) == 1)
    page.evaluate("window.socket.io.engine.close()")  # as when the network fails: it connects again by itself
    wait_for(lambda: place.folders() == [], 5)
    expect(page.get_by_text("because the connection to the server was lost")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="PDF")).to_be_enabled()
    place.go.touch()
    with page.expect_download(timeout=20_000) as download:
        page.get_by_role("button", name="PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    page.close()
