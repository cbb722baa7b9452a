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

SCRIPT = "const answer = 42; // " + "long enough to be worth it " * 40
FILE = "/_nicegui/3.18.0/static/vue.js"
FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}
BROWSER = {"accept-encoding": "gzip, deflate, br"}


@dataclass
class Counted:
    """An app that counts what it is asked, and answers slowly enough that others come meanwhile."""

    headers: dict[str, str] = field(default_factory=lambda: dict(FOR_GOOD))
    status: int = 200
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self.asked.append(request.headers.get("accept-encoding", ""))
        await asyncio.sleep(0.01)
        answer: Response = PlainTextResponse(SCRIPT, self.status, self.headers, "text/javascript")
        await answer(scope, receive, send)


@pytest.fixture
def app() -> Counted:
    return Counted()


@pytest.fixture
async def client(app: Counted) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(FrameworkAssets(app)), base_url="http://test") as client:
        yield client


async def test_a_file_is_compressed_once_however_many_ask_for_it_at_the_same_time(
    app: Counted, client: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(client.get(f"{FILE}?{n}", headers=BROWSER) for n in range(8)))
    answers.append(await client.get(FILE, headers=BROWSER))
    assert {answer.text for answer in answers} == {SCRIPT}
    assert {answer.headers["content-encoding"] for answer in answers} == {"br"}
    assert {answer.headers["vary"] for answer in answers} == {"Accept-Encoding"}
    assert app.asked == [""], "once, for the plain file"


async def test_its_other_headers_stay(client: httpx.AsyncClient) -> None:
    for answer in (await client.get(FILE, headers=BROWSER), await client.get(FILE, headers=BROWSER)):
        assert answer.headers["cache-control"] == FOR_GOOD["Cache-Control"]
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert int(answer.headers["content-length"]) < len(SCRIPT) / 4


async def test_a_browser_without_brotli_gets_gzip_and_one_without_anything_the_file(
    app: Counted, client: httpx.AsyncClient
) -> None:
    async with client.stream("GET", FILE, headers={"accept-encoding": "gzip"}) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(body).decode() == SCRIPT
    plain = await client.get(FILE, headers={"accept-encoding": "identity"})
    assert plain.text == SCRIPT
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("status", "headers", "path"),
    [
        (404, FOR_GOOD, FILE),
        (200, {"Cache-Control": "no-store"}, FILE),
        (200, {}, FILE),
        (200, FOR_GOOD, "/_nicegui/3.18.0/dynamic_resources/x"),
        (200, FOR_GOOD, "/properties"),
    ],
)
async def test_what_may_change_is_asked_for_each_time(
    app: Counted, client: httpx.AsyncClient, status: int, headers: dict[str, str], path: str
) -> None:
    app.status, app.headers = status, headers
    for _ in range(2):
        answer = await client.get(path, headers=BROWSER)
        assert (answer.status_code, answer.text) == (status, SCRIPT)
    assert len(app.asked) == 2


async def test_a_file_that_failed_once_is_asked_for_again(app: Counted, client: httpx.AsyncClient) -> None:
    app.headers = {"bad": "\n€"}
    with pytest.raises(UnicodeEncodeError):
        await client.get(FILE, headers=BROWSER)
    app.headers = FOR_GOOD
    assert (await client.get(FILE, headers=BROWSER)).text == SCRIPT
