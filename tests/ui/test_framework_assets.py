"""Cache of NiceGUI's static files: compressed once, whatever the number of browsers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from proprium.ui.http.framework_assets import FrameworkAssets

SCRIPT = "const response = 42; // " + "long enough to be worth it " * 40
FILE = "/_nicegui/3.18.0/static/vue.js"
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
BROWSER = {"accept-encoding": "gzip, deflate, br"}


@dataclass
class CountingApp:
    """An app that counts its requests, and responds slowly, so that others arrive meanwhile."""

    headers: dict[str, str] = field(default_factory=lambda: dict(IMMUTABLE))
    status: int = 200
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self.requests.append(request.headers.get("accept-encoding", ""))
        await asyncio.sleep(0.01)
        response: Response = PlainTextResponse(SCRIPT, self.status, self.headers, "text/javascript")
        await response(scope, receive, send)


@pytest.fixture
def app() -> CountingApp:
    return CountingApp()


@pytest.fixture
async def client(app: CountingApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(FrameworkAssets(app)), base_url="http://test") as client:
        yield client


async def test_a_file_is_compressed_once_for_concurrent_requests(app: CountingApp, client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.get(f"{FILE}?{n}", headers=BROWSER) for n in range(8)))
    responses.append(await client.get(FILE, headers=BROWSER))
    assert {response.text for response in responses} == {SCRIPT}
    assert {response.headers["content-encoding"] for response in responses} == {"br"}
    assert {response.headers["vary"] for response in responses} == {"Accept-Encoding"}
    assert app.requests == [""], "once, for the plain file"


async def test_the_other_headers_are_unchanged(client: httpx.AsyncClient) -> None:
    for response in (await client.get(FILE, headers=BROWSER), await client.get(FILE, headers=BROWSER)):
        assert response.headers["cache-control"] == IMMUTABLE["Cache-Control"]
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert int(response.headers["content-length"]) < len(SCRIPT) / 4


async def test_a_browser_without_brotli_gets_gzip_or_the_plain_file(
    app: CountingApp, client: httpx.AsyncClient
) -> None:
    async with client.stream("GET", FILE, headers={"accept-encoding": "gzip"}) as response:
        body = b"".join([part async for part in response.aiter_raw()])
    assert gzip.decompress(body).decode() == SCRIPT
    plain = await client.get(FILE, headers={"accept-encoding": "identity"})
    assert plain.text == SCRIPT
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("status", "headers", "path"),
    [
        (404, IMMUTABLE, FILE),
        (200, {"Cache-Control": "no-store"}, FILE),
        (200, {}, FILE),
        (200, IMMUTABLE, "/_nicegui/3.18.0/dynamic_resources/x"),
        (200, IMMUTABLE, "/properties"),
    ],
)
async def test_responses_that_may_change_are_not_cached(
    app: CountingApp, client: httpx.AsyncClient, status: int, headers: dict[str, str], path: str
) -> None:
    app.status, app.headers = status, headers
    for _ in range(2):
        response = await client.get(path, headers=BROWSER)
        assert (response.status_code, response.text) == (status, SCRIPT)
    assert len(app.requests) == 2


async def test_a_failed_response_is_not_cached(app: CountingApp, client: httpx.AsyncClient) -> None:
    app.headers = {"bad": "\n€"}
    with pytest.raises(UnicodeEncodeError):
        await client.get(FILE, headers=BROWSER)
    app.headers = IMMUTABLE
    assert (await client.get(FILE, headers=BROWSER)).text == SCRIPT
