"""Fixtures of the stories: a real browser, and a tracked site on another origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mmdb_writer
import netaddr
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS


@pytest.fixture(scope="module")  # while it is there, no test of the same process can have an event loop of its own
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A person's. Its name is set for the whole program: one that is set for a page is lost when the page is left."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"])
    yield browser
    browser.close()


@pytest.fixture
def headless_browser(playwright: Playwright) -> Iterator[Browser]:
    """One that says what it is: HeadlessChrome."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
    yield browser
    browser.close()


@dataclass
class Site:
    """A site that somebody runs, on another origin than Proprium: same pages for everybody, with a tag in them."""

    tag: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # of every page
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = site.pages.get(self.path.partition("?")[0])
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(f"<!doctype html><head>{site.tag}</head><body>{body}</body>".encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()


def write_places(file: Path) -> None:
    """A place database in which this machine's own addresses are in Hesse, Germany."""
    writer = mmdb_writer.MMDBWriter(database_type="DBIP-City-Lite", languages=["en"])
    hesse = {
        "country": {"iso_code": "DE", "names": {"en": "Germany"}},
        "subdivisions": [{"names": {"en": "Hesse"}}],
        "city": {"names": {"en": "Frankfurt am Main"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "location": {"latitude": 50.11, "longitude": 8.68},
    }
    writer.insert_network(netaddr.IPSet(["127.0.0.0/8"]), hesse)
    file.parent.mkdir(parents=True, exist_ok=True)
    writer.to_db_file(str(file))
