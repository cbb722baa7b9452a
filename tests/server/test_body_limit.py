"""Bodies up to the limit are read whole; one byte more is 413, with and without a Content-Length."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from proprium.server.body_limit import DEFAULT_MAX_BYTES, NICEGUI_MAX_BYTES, NICEGUI_PREFIX, BodyLimitMiddleware


async def count_body(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def in_parts(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 50_000):
        yield b"x" * min(50_000, size - start)


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize(("path", "limit"), [("/login", DEFAULT_MAX_BYTES), (f"{NICEGUI_PREFIX}/x", NICEGUI_MAX_BYTES)])
async def test_a_body_may_have_exactly_the_limit(path: str, limit: int, has_length: bool) -> None:
    transport = httpx.ASGITransport(BodyLimitMiddleware(count_body))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for size, status in ((limit, 200), (limit + 1, 413)):
            response = await client.post(path, content=b"x" * size if has_length else in_parts(size))
            assert response.status_code == status
            assert response.text == str(limit) or status == 413
