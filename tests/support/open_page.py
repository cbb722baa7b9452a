"""An open page without a browser: joins the page's socket as NiceGUI's script does, clicks, and listens."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import unescape
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import socketio

from proprium.ui.http.light_page import LIVE_HEADER
from tests.support.servers import CHROME

SOCKET_PATH = "/_nicegui_ws/socket.io"
Element = dict[str, Any]
_ADDRESSES = count()


class OpenPage:
    """One page on a real server. `received` holds every message that the server sent, in order."""

    def __init__(self, root: str, path: str, token: str = "") -> None:
        self.root, self.path = root, path
        self.headers = {
            "User-Agent": CHROME,
            LIVE_HEADER: "1",
            **({"Cookie": f"proprium_session={token}"} if token else {}),
        }
        self.received: list[tuple[str, Any]] = []
        self.elements: dict[str, Element] = {}
        self.query: dict[str, Any] = {}
        self.socket = socketio.AsyncClient(reconnection=False, json=json)
        self.left_by: list[str] = []  # scripts by which the server asked the browser to leave
        self.is_closed = asyncio.Event()

    async def open(self) -> OpenPage:
        await self.load()
        await self.join()
        return self

    async def load(self) -> None:
        # Each from an address of its own: a test opens more pages a minute than one reader may.
        transport = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{next(_ADDRESSES) % 250 + 1}")
        base_url = self.root.replace("localhost", "127.0.0.1")
        async with httpx.AsyncClient(base_url=base_url, headers=self.headers, timeout=30, transport=transport) as http:
            text = (await http.get(self.path)).text
        raw = re.search(r"parseElements\(String\.raw`(.*?)`\)", text, re.DOTALL)
        query = re.search(r"query: (\{.*?\}),\n", text)
        assert raw, text[:500]
        assert query
        self.elements = json.loads(unescape(raw.group(1)))
        self.query = json.loads(query.group(1).replace("'", '"').replace("True", "true").replace("False", "false"))
        self.query |= {"document_id": str(uuid4()), "tab_id": str(uuid4()), "implicit_handshake": "true"}

    async def join(self, transport: str = "websocket", headers: dict[str, str] | None = None) -> None:
        self.socket.on("*", self._receive)
        self.socket.on("disconnect", lambda *_: self.is_closed.set())
        pairs = "&".join(f"{name}={value}" for name, value in self.query.items())
        await self.socket.connect(
            f"{self.root}?{pairs}", socketio_path=SOCKET_PATH, transports=[transport],
            headers=self.headers if headers is None else headers, wait_timeout=10,
        )  # fmt: skip

    @property
    def client_id(self) -> str:
        return str(self.query["client_id"])

    async def emit(self, event: str, message: Any) -> None:
        await self.socket.emit(event, message)

    async def press(self, element: Element, *args: Any, type: str = "click") -> None:
        """Calls the element's handler as its browser would."""
        listener = next(one for one in element["events"] if one["type"] == type)
        await self.emit("event", self.event(element, listener, *args))

    def event(self, element: Element, listener: dict[str, Any], *args: Any) -> dict[str, Any]:
        number = next(int(number) for number, one in self.elements.items() if one is element)
        message = {"id": number, "client_id": self.client_id, "listener_id": listener["listener_id"]}
        return message | {"args": [json.dumps(arg) for arg in args or ({},)]}

    def listening(self) -> list[tuple[Element, dict[str, Any]]]:
        """Every element with a handler on the server, and its listener."""
        return [(one, listener) for one in self.elements.values() for listener in one.get("events", ())]

    def texts(self) -> str:
        """What the server sent since it was last cleared, as one text."""
        return json.dumps([message for _, message in self.received])

    async def close(self) -> None:
        await self.socket.disconnect()

    async def _receive(self, event: str, message: Any = None) -> None:
        self.received.append((event, message))
        if event == "update":
            for number, element in message.items():
                if isinstance(element, dict):
                    self.elements[number] = element
        elif event == "run_javascript":
            if "location" in message["code"] and "request_id" not in message:
                self.left_by.append(message["code"])
            elif number := message.get("request_id"):
                answer = {"request_id": number, "client_id": self.client_id, "result": [False, True, True, False]}
                await self.emit("javascript_response", answer)


@asynccontextmanager
async def opened(root: str, path: str, token: str = "") -> AsyncIterator[OpenPage]:
    page = await OpenPage(root, path, token).open()
    try:
        yield page
    finally:
        await page.close()


async def eventually(is_true: Callable[[], bool], within_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + within_s
    while not is_true():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
