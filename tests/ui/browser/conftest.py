"""A server and a Chromium for all files of this package: starting them took longer than most of the tests.

Each file gets new users and properties. Fixtures of the package end when a worker leaves it, so that Playwright's event
loop does not run beside asynchronous tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.dashboard_browser import Server
from tests.support.servers import CHROMIUM, CHROMIUM_ARGS


@pytest.fixture(scope="package")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("dashboard"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(running_server: Server) -> Server:
    """Events and settings of another file are not there."""
    running_server.renew()
    return running_server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, "--process-per-site"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser, running_server: Server) -> BrowserContext:
    return new_context(browser, running_server, viewport={"width": 1440, "height": 900}, timezone_id="America/New_York")


@pytest.fixture(scope="package")
def mobile(browser: Browser, running_server: Server) -> BrowserContext:
    return new_context(browser, running_server, viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)


def new_context(browser: Browser, server: Server, **options: Any) -> BrowserContext:
    """A context for all tests of the package, in which a dashboard takes 2.1 s of CPU instead of 4.3.

    A tab that stays open keeps the process of the site, with the compiled scripts, for the tabs after it. Without
    motion nothing is painted 60 times a second, and no test waits for a fading dialog.
    """
    context = browser.new_context(reduced_motion="reduce", **options)
    context.new_page().goto(f"{server.url}/robots.txt")
    return context


def new_page(context: BrowserContext, server: Server, token: str = "") -> Page:
    """A tab without the cookies and the local storage of the tests before, signed in with the token."""
    context.clear_cookies()
    if token:
        context.add_cookies([{"name": "proprium_session", "value": token, "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    session = context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "local_storage"})
    session.detach()
    return page


@pytest.fixture
def silent_page(desktop: BrowserContext, server: Server) -> Iterator[Page]:
    """A tab of Ada's whose complaints are expected."""
    page = new_page(desktop, server, server.facts["token"])
    yield page
    page.close()


@pytest.fixture
def page(silent_page: Page) -> Iterator[Page]:
    """A tab of Ada's; a complaint of the browser fails the test."""
    complaints: list[str] = []
    silent_page.on("pageerror", lambda error: complaints.append(str(error)))
    silent_page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield silent_page
    silent_page.close()
    assert complaints == []


@pytest.fixture
def stranger(desktop: BrowserContext, server: Server) -> Iterator[Page]:
    """A tab of somebody without an account."""
    page = new_page(desktop, server)
    yield page
    page.close()


@pytest.fixture
def owners_page(desktop: BrowserContext, server: Server) -> Iterator[Page]:
    """A tab of an owner of the instance."""
    page = new_page(desktop, server, server.facts["owner_token"])
    yield page
    page.close()


@pytest.fixture
def phone(mobile: BrowserContext, server: Server) -> Iterator[Page]:
    """Ada's tab on a phone."""
    page = new_page(mobile, server, server.facts["token"])
    yield page
    page.close()
