"""A page without a browser: receives everything that a browser receives, and draws nothing.

What a page costs the server is the same. A real browser that draws it takes 5 CPU seconds more: of eight on the
server's own two cores, nine tenths of what is measured would be the browsers. `bench_crowd` holds a light page against
a real one, text by text.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import socketio

from tests.support.servers import CHROME

HEADERS = {"User-Agent": CHROME, "Accept-Encoding": "gzip, deflate, br, zstd"}
CONNECTIONS = 6
"""Of a browser to one host."""
CONNECTED_WITHIN_S = 30
SPOKEN = frozenset({"v", "n", "c", "p"})
"""Classes of what a card or a row says: a value, a name, a count, a share."""
FIGURES = {"nicegui-plotly": lambda props: props["options"]["data"], "nicegui-map": lambda props: props["data"]}
CARDS, LISTS, CHARTS = 9, 6, 3
"""Cards at least: there are more with goals and events of one's own."""

Element = dict[str, Any]
Content = dict[str, Any]


class ProblemShown(Exception):
    """A card says that it has no numbers."""


class LightPage:
    """One viewer with an empty cache."""

    def __init__(self, address: str, files: Sequence[str] = (), **headers: str) -> None:
        """`files`: paths of what a browser fetches for such a page before its socket connects. `headers`: more of them,
        such as Cookie or X_Forwarded_For."""
        self.address, self._files = address, files
        self.elements: dict[str, Element] = {}
        self.fetched_bytes = 0
        self._root = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        self._headers = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
        self._socket = socketio.AsyncClient(reconnection=False, json=json)
        self._changed = asyncio.Event()
        self._flags: set[str] = set()

    async def until_complete(self) -> float:
        """Seconds from the first request until everything is there, the flags of its rows too."""
        began = time.monotonic()
        async with self._session() as http:
            query = await self._load(http)
            await asyncio.gather(*(self._fetch(http, path) for path in self._files))
            await self._connect(query)
            while not is_complete(content_of(self.elements)):
                if not self._socket.connected:
                    raise ConnectionError("the page's socket was closed")
                self._changed.clear()
                await self._changed.wait()
            await asyncio.gather(*(self._fetch(http, path) for path in sorted(flags_of(self.elements))))
        return time.monotonic() - began

    async def load(self) -> dict[str, Any]:
        """Fetches the page alone, as a crawler does; returns what `join` needs."""
        async with self._session() as http:
            return await self._load(http)

    async def join(self, query: dict[str, Any]) -> None:
        """Opens the socket of a loaded page."""
        await self._connect(query)

    async def close(self) -> None:
        await self._socket.disconnect()

    def _session(self) -> aiohttp.ClientSession:
        limit = aiohttp.TCPConnector(limit=CONNECTIONS)
        return aiohttp.ClientSession(self._root, headers=self._headers, connector=limit, auto_decompress=False)

    async def _load(self, http: aiohttp.ClientSession) -> dict[str, Any]:
        text = gzip.decompress(await self._fetch(http, self.address.removeprefix(self._root))).decode()
        raw = re.search(r"parseElements\(String\.raw`(.*?)`\)", text, re.DOTALL)
        query = re.search(r"query: (\{.*?\}),\n", text)
        if raw is None or query is None:
            raise ProblemShown(text[:300])
        self.elements = json.loads(unescape(raw.group(1)))
        return dict(json.loads(query.group(1).replace("'", '"').replace("True", "true").replace("False", "false")))

    async def _fetch(self, http: aiohttp.ClientSession, path: str) -> bytes:
        try:
            return await self._fetch_once(http, path)
        except aiohttp.ClientConnectionError:  # it had been idle, and the server was closing it: browsers ask anew
            return await self._fetch_once(http, path)

    async def _fetch_once(self, http: aiohttp.ClientSession, path: str) -> bytes:
        async with http.get(path) as answer:
            answer.raise_for_status()
            body = await answer.read()
        self.fetched_bytes += len(body)
        return body

    async def _connect(self, query: dict[str, Any]) -> None:
        for event, handler in (("update", self._update), ("run_javascript", self._answer)):
            self._socket.on(event, handler)
        self._socket.on("disconnect", lambda *_: self._changed.set())
        query |= {"document_id": str(uuid4()), "tab_id": str(uuid4()), "implicit_handshake": "true"}
        pairs = "&".join(f"{name}={value}" for name, value in query.items())
        await self._socket.connect(
            f"{self._root}?{pairs}",
            socketio_path="/_nicegui_ws/socket.io",
            transports=["websocket"],
            headers=self._headers,
            wait_timeout=CONNECTED_WITHIN_S,
        )
        self._client_id = query["client_id"]

    async def _update(self, message: dict[str, Any]) -> None:
        message.pop("_id", None)
        for number, element in message.items():
            if element is None:
                self.elements.pop(number, None)
            else:
                self.elements[number] = element
        self._changed.set()

    async def _answer(self, message: dict[str, Any]) -> None:
        """As a light theme with a mouse that looks at the page."""
        if number := message.get("request_id"):
            answer = {"request_id": number, "client_id": self._client_id, "result": [False, True, True, False]}
            await self._socket.emit("javascript_response", answer)


def content_of(elements: dict[str, Element]) -> Content:
    """What its cards, lists and figures say, in the page's order, and how many of its parts still wait."""
    texts, figures, waiting, problems, cards, lists = list[str](), list[Any](), 0, list[str](), 0, 0
    for element in shown(elements, board_of(elements)):
        classes = set(element.get("class", ()))
        if element["tag"] in FIGURES:
            data = FIGURES[element["tag"]](element["props"])
            figures.append([trace["customdata"] for trace in data if "customdata" in trace])
        waiting += bool(classes & {"wait", "skel"})
        cards += "kpi" in classes
        lists += "ranked" in classes
        if "missing" in classes:
            problems.append(element.get("text", ""))
        elif classes & SPOKEN and element.get("text"):
            texts.append(element["text"])
    return {
        "texts": texts,
        "figures": figures,
        "waiting": waiting,
        "problems": problems,
        "cards": cards,
        "lists": lists,
    }


def is_complete(content: Content) -> bool:
    """Every card has its number, every list its rows, every figure its data."""
    if content["problems"]:
        raise ProblemShown(content["problems"])
    return (
        content["waiting"] == 0
        and content["cards"] >= CARDS
        and content["lists"] >= LISTS
        and len(content["figures"]) == CHARTS
        and all(content["figures"])
    )


def board_of(elements: dict[str, Element]) -> str:
    return next((number for number, element in elements.items() if "dashboard" in element.get("class", ())), "")


def shown(elements: dict[str, Element], number: str) -> Iterator[Element]:
    """An element and what is inside it, top-down; what is hidden is left out."""
    element = elements.get(number)
    if element is None or "hidden" in element.get("class", ()):
        return
    yield element
    for child in element.get("children", ()):
        yield from shown(elements, str(child))


def flags_of(elements: dict[str, Element]) -> set[str]:
    board = shown(elements, board_of(elements))
    return {element["props"]["src"] for element in board if element["tag"] == "img" and element["props"].get("src")}
