"""The dashboard's server, and the parts of its page, for tests in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from proprium.config import Settings
from tests.support.servers import ROOT, free_port


class Server:
    """`tests.ui.dashboard_server` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://localhost:{(port := free_port())}"
        self.public_url = Settings(port=port, _env_file=None).public_url  # type: ignore[call-arg]
        self.log = (folder / "server.log").open("wb")
        command = [sys.executable, "-m", "tests.ui.dashboard_server", str(folder), str(port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT)
        self.facts = self._wait()

    def _wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return dict(httpx.get(f"{self.url}/test/facts", timeout=20).json())
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError(Path(self.log.name).read_text())

    def append(self, **event: Any) -> None:
        httpx.post(f"{self.url}/test/append", json=event, timeout=20).raise_for_status()

    def create(self, which: str, name: str) -> None:
        """Creates a property of Ada's that tests know as `which`."""
        response = httpx.post(f"{self.url}/test/create/{name}", timeout=20).raise_for_status()
        self.facts[which] = response.json()

    def renew(self) -> None:
        """Replaces all users and properties by new ones with the same history; `facts` has their ids."""
        self.facts = dict(httpx.post(f"{self.url}/test/renew", timeout=60).raise_for_status().json())

    def looked_at(self) -> int:
        return int(httpx.get(f"{self.url}/test/facts", timeout=20).json()["looked_at"])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def until(happened: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def shown(page: Page, server: Server, query: str = "", which: str = "busy") -> Page:
    page.goto(f"{server.url}/properties/{server.facts[which]}{query}")
    expect(card(page, "visitors").locator(".v")).not_to_have_text("")
    return page


def card(page: Page, metric: str) -> Any:
    return page.locator(f"button.kpi[data-value='{metric}']")


def tile(page: Page, name: str) -> Any:
    return page.locator(f"section[aria-label='{name}']")


def row(page: Page, name: str, label: str) -> Any:
    return tile(page, name).locator(".row0", has=page.get_by_text(label, exact=True))


def number(page: Page, metric: str) -> int:
    return int(card(page, metric).locator(".v").inner_text().replace(",", ""))
