"""A tracked site and a collector of its own, for the tests of the browser script in a real Chromium."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from collector.asgi import collector_middleware
from collector.counters import Counters
from collector.event import Event
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.pipeline import Pipeline
from collector.ports import PropertyRules
from collector.service import Collector
from tests.support.collector_ports import Directory, Salts, Sink, not_found
from tests.support.servers import CHROMIUM_ARGS

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ASSETS = Path(__file__).parents[2] / "assets/build"
SETTLED_MS, TITLE_MS = 100, 1_000  # when a new visitor's first page view is sent, and a route's


class Site:
    """A website whose every path answers with the same page, and the collector that watches it from another origin."""

    def __init__(self) -> None:
        self.directory, self.sink = Directory(), Sink()
        self.writer = GroupCommit(self.sink)
        self.writer.start()
        self.counters = Counters()
        pipeline = Pipeline(GeoIPDatabase(None), Salts())
        self.collector = Collector(self.directory, self.writer, pipeline, observers=[self.counters], collect_rate=0)
        self._serve_collector()
        self.number, self.html = 0, ""
        self.renew()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(site.html.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.pages = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.pages.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.pages.server_port}"

    def _serve_collector(self) -> None:
        config = uvicorn.Config(
            collector_middleware(not_found, self.collector), port=0, log_level="warning", lifespan="off"
        )
        self.server = uvicorn.Server(config)
        threading.Thread(target=lambda: asyncio.run(self.server.serve()), daemon=True).start()
        wait_for(lambda: self.server.started)
        self.stats = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def renew(self) -> None:
        """A property of its own for each test, so that events of the previous test's page do not count."""
        self.property, self.number = uuid4(), self.number + 1
        self.directory.rules = {self.property: PropertyRules(self.property, self.number)}
        self.sink.trouble = lambda events: None

    def tag(self, attributes: str = "") -> str:
        return (
            f'<script defer src="{self.stats}/collector.js" data-collector-id="{self.property}" {attributes}></script>'
        )

    def close(self) -> None:
        self.pages.shutdown()
        self.server.should_exit = True
        self.writer.stop()

    @property
    def events(self) -> list[Event]:
        return [event for event in self.sink.events if event.property == self.number]

    def wait(self, *names: str) -> list[Event]:
        """The events so far, once they have these names in this order."""
        wait_for(lambda: [event.event for event in self.events] == list(names), lambda: [e.event for e in self.events])
        return self.events

    def settled(self) -> list[str]:
        """The names of all events, a moment later."""
        time.sleep(0.25)
        return [event.event for event in self.events]


def wait_for(condition: Callable[[], bool], describe: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def site(served: Site) -> Site:
    served.renew()
    served.html = f"<title>A page</title>{served.tag()}"
    return served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """The browser context of a new visitor."""
    context = browser.new_context(viewport={"width": 800, "height": 600})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose clock stands until the test moves it; at the end it must have had no error."""
    page = context.new_page()
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


def visit(page: Page, url: str) -> None:
    """Opens a page and waits until the script has looked for another tab's cookie."""
    page.goto(url)
    page.clock.run_for(SETTLED_MS)
