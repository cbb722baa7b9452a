"""Security headers, origin checks of the socket, HEAD requests and the rate limit of pages."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from proprium.ui.http.security import PageRateLimit, SecurityHeaders, SocketOriginCheck
from tests.ui.conftest import HOME, Site

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/documentation", "/nothing", "/robots.txt", "/assets/css/proprium.css"]
)
async def test_every_answer_carries_the_security_headers(site: Site, path: str) -> None:
    headers = (await site.client().get(path)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers  # plain http


async def test_https_responses_have_hsts() -> None:
    app = SecurityHeaders(PlainTextResponse("x"), is_https=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        assert "max-age" in (await client.get("/")).headers["strict-transport-security"]


async def test_no_cookie_is_set_before_sign_in(site: Site) -> None:
    for path in ("/", "/login", "/documentation", "/changelog"):
        assert "set-cookie" not in (await site.client().get(path)).headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8000.evil.example"])
async def test_the_socket_rejects_other_origins(site: Site, origin: str) -> None:
    assert (await site.client().get(SOCKET, headers={"origin": origin})).status_code == 403


async def test_the_socket_accepts_its_own_origin(site: Site) -> None:
    assert (await site.client().get(SOCKET, headers={"origin": HOME})).status_code == 200


async def test_a_websocket_of_another_site_is_closed_before_it_opens() -> None:
    sent = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message["type"])

    async def never(*_: object) -> None:
        raise AssertionError("reached NiceGUI")

    scope = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "headers": [(b"host", b"localhost:8000"), (b"origin", b"https://evil.example")],
    }
    await SocketOriginCheck(never, public_url=HOME)(scope, never, send)  # type: ignore[arg-type]
    assert sent == ["websocket.close"]


async def test_pages_are_rate_limited_by_address_and_files_are_not() -> None:
    app = PageRateLimit(PlainTextResponse("x"), address_of=lambda request: request.headers["who"], pages_per_minute=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        statuses = [(await client.get("/", headers={"who": "192.0.2.1"})).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await client.get("/assets/x.css", headers={"who": "192.0.2.1"})).status_code == 200
        assert (await client.get("/", headers={"who": "192.0.2.2"})).status_code == 200


@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"],
        ["192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::c000:207"],
        [None, None, None],
    ],
    ids=["one network of IPv6", "one address in three spellings", "unknown address"],
)
async def test_ipv6_networks_and_spellings_share_a_rate_limit(addresses: list[str | None]) -> None:
    senders = iter(addresses)
    app = PageRateLimit(PlainTextResponse("x"), address_of=lambda _: next(senders, "198.51.100.1"), pages_per_minute=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        assert [(await client.get("/")).status_code for _ in addresses] == [200, 200, 429]
        assert (await client.get("/")).status_code == 200


async def test_memory_is_bounded_with_more_clients_than_counters() -> None:
    async def nothing(*_: object) -> None:
        pass

    networks = (f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1" for number in range(25_000))
    app = PageRateLimit(nothing, address_of=lambda _: next(networks))
    for _ in range(25_000):
        await app({"type": "http", "method": "GET", "path": "/"}, nothing, nothing)  # type: ignore[arg-type]
    assert len(app.limiter.storage) <= 20_000  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/", "/robots.txt", "/login"])
async def test_head_is_get_without_a_body(site: Site, path: str) -> None:
    response = await site.client().head(path)
    assert (response.status_code, response.content) == (200, b"")
