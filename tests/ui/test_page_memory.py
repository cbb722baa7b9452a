"""What a closed page leaves in memory, with the garbage collector off: real sockets, no browser."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import ref

import httpx
import pytest
from nicegui import App, Client, ui

from proprium.ui.http import page_access
from proprium.ui.page_memory import weak_method
from tests.bench.light_page import LightPage
from tests.support.servers import ROOT, free_port
from tests.ui.conftest import Site

PAGES = {
    "dashboard": "/properties/{busy}",
    "filtered dashboard": "/properties/{busy}?filter=country:is:DE&event=sign_up",
    "list of properties": "/properties",
    "settings": "/properties/{busy}/settings",
    "install": "/properties/{busy}/install",
    "refused events": "/properties/{busy}/refused",
    "sql": "/sql?property={busy}",
    "account": "/account",
    "documentation": "/documentation",
    "changelog": "/changelog",
}
FOR_VISITORS = {"login": "/login", "setup": "/setup", "home": "/"}
IN_A_TURN, TURNS = 10, 3
HELD = 3
"""Removed elements that cards hold: the skeletons of chart and heat map."""
MOST_MB = 20
"""Sixty closed dashboards left 140 MB for good: thirty, 70 MB."""
PAGES_AT_ONCE, LONGEST_ROUND_MS = 20, 100
"""Twenty deletions in one round took 160 to 220 ms of CPU."""


class Server:
    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        self.log = (folder / "server.log").open("wb")
        command = [sys.executable, "-m", "tests.support.page_memory_server", str(folder), str(port)]
        # NiceGUI looks for pytest and then compresses nothing.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        self.facts = self._wait()

    def _wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return dict(httpx.get(f"{self.url}/test/facts", timeout=30).json())
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError(Path(self.log.name).read_text())

    def page(self, path: str) -> Viewer:
        token = "" if path in FOR_VISITORS.values() else self.facts["token"]
        return Viewer(self.url + path.format(**self.facts), Cookie=f"proprium_session={token}")

    async def memory(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            return dict((await client.get("/test/memory")).json())

    async def left(self) -> dict[str, Any]:
        """What is alive once NiceGUI has no page any more."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            deadline = time.monotonic() + 30
            while (await client.get("/test/clients")).json():
                assert time.monotonic() < deadline, "NiceGUI keeps the page"
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # its tasks end: an outbox looks once in 0.1 s
        return await self.memory()

    async def watch_rounds(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            (await client.post("/test/rounds")).raise_for_status()

    async def longest_rounds_ms(self) -> list[float]:
        """In CPU time, since `watch_rounds`, once the last page is deleted."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            return list((await client.get("/test/rounds")).json())

    async def fill_caches(self) -> None:
        """Opens each page once: what a first page leaves behind is a cache."""
        paths = [*PAGES.values(), *FOR_VISITORS.values()]
        for start in range(0, len(paths), 3):
            pages = {path: self.page(path) for path in paths[start : start + 3]}
            await asyncio.gather(*(page.visit(path) for path, page in pages.items()))
            await asyncio.gather(*(page.close() for page in pages.values()))
        for path in paths:
            await self.page(path).load()
        await self.prune()

    async def prune(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            (await client.post("/test/prune")).raise_for_status()


class Viewer(LightPage):
    """Presses too."""

    async def visit(self, path: str) -> None:
        if "{busy}" in path and path.startswith("/properties/{busy}") and path.count("/") == 2:
            await self.until_complete()
            await self.press("headline", ["page_views", ""])
            await self.press("headline", ["", "visitors"])
        else:
            await self.join(await self.load())
        await self.until_quiet()

    async def press(self, css_class: str, *args: Any) -> None:
        """Sends what the first listener of an element of this class would send."""
        number, listener = next(
            (number, element["events"][0])
            for number, element in self.elements.items()
            if css_class in element.get("class", ()) and element.get("events")
        )
        sent = {"id": int(number), "client_id": self._client_id, "listener_id": listener["listener_id"]}
        await self._socket.emit("event", sent | {"args": [json.dumps(each) for each in args]})

    async def until_quiet(self) -> None:
        """Until the server has sent nothing for half a second."""
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.5)
            except TimeoutError:
                return


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("page-memory"))
    asyncio.run(server.fill_caches())
    yield server
    server.process.terminate()
    server.process.wait(20)
    server.log.close()


def more(before: dict[str, Any], now: dict[str, Any]) -> dict[str, int]:
    """Classes of which more objects are alive."""
    was = before["alive"]
    return {name: count - was.get(name, 0) for name, count in now["alive"].items() if count > was.get(name, 0)}


@pytest.mark.parametrize("path", [*PAGES.values(), *FOR_VISITORS.values()], ids=[*PAGES, *FOR_VISITORS])
async def test_a_closed_page_leaves_nothing_to_the_garbage_collector(server: Server, path: str) -> None:
    before = await server.left()
    page = server.page(path)
    try:
        await page.visit(path)
        opened = await server.memory()
    finally:
        await page.close()
        await server.prune()  # what led here by a redirect
    assert 10 < opened["elements"] <= opened["registered"] + HELD, "what was redrawn is still there"
    assert more(before, await server.left()) == {}


async def test_pages_whose_sockets_never_open_leave_nothing(server: Server) -> None:
    """All kinds together: the classes that are left say of which page they are."""
    before = await server.left()
    for path in [*PAGES.values(), *FOR_VISITORS.values()]:
        await server.page(path).load()
    await server.prune()
    assert more(before, await server.left()) == {}


async def test_closed_dashboards_leave_no_memory_behind(server: Server) -> None:
    sizes_mb = []
    for _ in range(TURNS + 1):
        pages = [server.page(PAGES["dashboard"]) for _ in range(IN_A_TURN)]
        await asyncio.gather(*(page.until_complete() for page in pages))
        await asyncio.gather(*(page.close() for page in pages))
        sizes_mb.append((await server.left())["rss_mb"])
    assert sizes_mb[-1] - sizes_mb[0] < MOST_MB, sizes_mb


async def test_twenty_dashboards_that_open_and_close_together_never_hold_up_the_event_loop(server: Server) -> None:
    first = server.page(PAGES["dashboard"])  # loads modules and fills caches
    await first.until_complete()
    await first.close()
    await server.watch_rounds()
    pages = [server.page(PAGES["dashboard"]) for _ in range(PAGES_AT_ONCE)]
    await asyncio.wait_for(asyncio.gather(*(page.until_complete() for page in pages)), 200)
    await asyncio.gather(*(page.close() for page in pages))
    rounds_ms = await server.longest_rounds_ms()
    assert max(rounds_ms) < LONGEST_ROUND_MS, rounds_ms


async def test_an_open_page_is_still_told_of_changes_in_classes_props_and_lists_inside_them(site: Site) -> None:
    @ui.page("/test/changes")
    def changes() -> None:
        ui.element("div").classes("first").props("a=1").style("color: red")

    browser = site.browser()
    await browser.open("/test/changes")
    with browser:
        client = ui.context.client
        (element,) = (each for each in client.elements.values() if "first" in each._classes)
        changed: list[str] = []
        element._props.on_change(lambda: changed.append("props"))
        for change in (
            lambda: element._classes.append("second"),
            lambda: element._props.update(listed=[1]),
            lambda: element._props["listed"].append(2),
            lambda: element._style.update(color="blue"),
        ):
            client.outbox.updates.clear()
            change()
            assert client.outbox.updates[element.id] is element
        assert changed == ["props", "props"]


async def test_a_task_that_ends_after_its_page_may_still_change_it(site: Site) -> None:
    @ui.page("/test/late")
    def late() -> None:
        with ui.element("div").classes("first"):
            ui.input("Name", on_change=lambda: None)

    browser = site.browser()
    await browser.open("/test/late")
    with browser:
        client = ui.context.client
        elements = list(client.elements.values())
    client.delete()
    for element in elements:
        element.classes("late").props("late=1").style("color: red")
        element.set_visibility(False)
        if isinstance(element, ui.input):
            element.set_value("late")
        assert "late" in element._classes


async def close_after(client: Client, reconnect_s: float) -> None:
    """Closes the socket of a page whose browser may reconnect for so long."""
    client.page.reconnect_timeout = reconnect_s
    for socket_id in list(client._socket_to_document_id):
        client.handle_disconnect(socket_id)


async def test_pages_that_close_together_are_deleted_one_at_a_time(site: Site) -> None:
    browsers = [site.browser() for _ in range(10)]
    pages = [await browser.open("/documentation") for browser in browsers]
    for page in pages:
        await close_after(page, 0.01)
    time.sleep(0.05)  # all of them are due
    sizes = [len(Client.instances)]
    while sizes[-1]:
        await asyncio.sleep(0)
        sizes.append(len(Client.instances))
    assert {10, 9, 8, 7, 6, 5, 4, 3, 2, 1} <= set(sizes)
    assert all(page.is_deleted and not page._delete_tasks for page in pages)


async def test_a_browser_that_returns_while_its_page_waits_for_deletion_keeps_it(site: Site) -> None:
    page = await site.browser().open("/documentation")
    async with site.services.render_queue.deletion():
        await close_after(page, 0.0)
        await asyncio.sleep(0.05)
        (document_id,) = page._delete_tasks
        await page.handle_handshake("another socket", str(page._pinned_tab_id), None, document_id, None)
    await asyncio.sleep(0.05)
    assert page.id in Client.instances


async def test_a_page_that_is_ended_while_it_waits_for_deletion_is_deleted_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    page = await site.browser().open("/documentation")
    async with site.services.render_queue.deletion():
        await close_after(page, 0.0)
        await asyncio.sleep(0.05)
        page_access.end(page, signs_in=False)
    await asyncio.sleep(0.05)
    assert page.is_deleted
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_pages_that_nobody_joined_are_pruned_one_at_a_time(site: Site) -> None:
    client = site.client()
    for _ in range(10):
        (await client.get("/documentation")).raise_for_status()
    sizes: list[int] = []

    async def watch() -> None:
        while True:
            sizes.append(len(Client.instances))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await Client.prune_instances(client_age_threshold=60)  # type: ignore[func-returns-value]
    assert len(Client.instances) == 10, "they are young"
    await Client.prune_instances(client_age_threshold=0)  # type: ignore[func-returns-value]
    watching.cancel()
    assert len(Client.instances) == 0
    assert {10, 9, 8, 7, 6, 5, 4, 3, 2, 1} <= set(sizes)


def test_nicegui_still_prunes_through_the_method_that_is_replaced() -> None:
    assert "self.timer(10, Client.prune_instances)" in inspect.getsource(App.start)


def test_a_weak_callback_calls_its_object_and_ends_with_it() -> None:
    class Card:
        def press(self, key: str, *, twice: bool = False) -> str:
            return key * (1 + twice)

    card, was_enabled = Card(), gc.isenabled()
    call, watched = weak_method(card.press), ref(card)
    assert call("a", twice=True) == "aa"
    gc.disable()
    try:
        del card
        assert watched() is None
    finally:
        if was_enabled:
            gc.enable()
    assert call("a") is None
