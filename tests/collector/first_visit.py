"""What the browser script costs on a first visit of one page, in a real browser on a page of another origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from uuid import uuid4

from playwright.sync_api import Browser, Page

from collector.tracker_script import SOURCE

PATH = "/blog/how-we-build-it"[:20]
TITLE = "How we build our software: a short story"
REFERRER = "https://news.example.com/"
GOAL_REQUESTS, GOAL_BODY_BYTES, GOAL_SCRIPT_BYTES = 2, 700, 2_300
assert (len(PATH), len(TITLE), len(REFERRER)) == (20, 40, 25)


class Sent(NamedTuple):
    """A request to the collector as it came in."""

    method: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Recorder:
    """A collector that keeps requests as they came, and pages to be visited. Each address answers with `html`."""

    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # of every page
    sent: list[Sent] = field(default_factory=list)
    property_id: str = field(default_factory=lambda: str(uuid4()))
    site: str = ""
    stats: str = ""

    @property
    def tag(self) -> str:
        return f'<script defer src="{self.stats}/collector.js" data-collector-id="{self.property_id}"></script>'


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Pages and collector on two ports, that is: of two origins. The pages' own server takes events as well."""
    recording = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path.endswith("/collector.js")
            self._answer(200, SOURCE.read_bytes() if is_script else recording.html.encode())

        def do_POST(self) -> None:
            self._keep()

        def do_OPTIONS(self) -> None:
            self._keep()

        def _keep(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            recording.sent.append(
                Sent(self.command, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            self._answer(204)

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("content-type", "text/html; charset=utf-8")
            for name, value in {"access-control-allow-origin": "*", **recording.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    recording.site, recording.stats = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    yield recording
    for server in servers:
        server.shutdown()
        server.server_close()


def person(browser: Browser) -> Page:
    """A new visitor in front of a usual screen."""
    size = {"width": 1920, "height": 1080}
    page = browser.new_context(viewport=size, screen=size, locale="en-US").new_page()  # type: ignore[arg-type]
    page.add_init_script("Object.defineProperty(navigator, 'webdriver', {value: false})")
    return page


def requests_of_a_first_visit(browser: Browser) -> list[Sent]:
    """All that one page sends when a new visitor comes from elsewhere, reads for 45 s and goes."""
    page = person(browser)
    page.clock.install()
    with recorder() as recording:
        recording.html = f'<title>{TITLE}</title>{recording.tag}<p style="height: 4000px">tall</p>'
        page.goto(recording.site + PATH, referer=REFERRER)
        page.wait_for_timeout(150)
        for at in (1, 2, 3):
            page.mouse.move(at, at)
            page.clock.run_for(15_000)
        page.goto("about:blank")
        page.wait_for_timeout(150)
        page.context.close()
        return recording.sent
