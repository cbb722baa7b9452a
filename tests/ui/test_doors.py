"""Headers, origins, limits and error pages: what stands before every page."""

from __future__ import annotations

from uuid import uuid4

import httpx
import nicegui
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from proprium.errors import PropertyNotFound
from proprium.storage.tables import Role
from proprium.ui.http import error_pages
from proprium.ui.http.security import PageRateLimit, SecurityHeaders, SocketOriginCheck
from tests.support.builders import a_property, a_user
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


async def test_https_is_remembered_by_browsers() -> None:
    app = SecurityHeaders(PlainTextResponse("x"), is_https=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        assert "max-age" in (await client.get("/")).headers["strict-transport-security"]


async def test_nobody_gets_a_cookie_before_they_sign_in(site: Site) -> None:
    for path in ("/", "/login", "/documentation", "/changelog"):
        assert "set-cookie" not in (await site.client().get(path)).headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8000.evil.example"])
async def test_the_socket_refuses_pages_of_other_sites(site: Site, origin: str) -> None:
    assert (await site.client().get(SOCKET, headers={"origin": origin})).status_code == 403


async def test_the_socket_takes_our_own_pages(site: Site) -> None:
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


async def test_pages_are_limited_by_address_files_are_not() -> None:
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
    ids=["one network of IPv6", "one address in three spellings", "nobody knows the address"],
)
async def test_pages_are_limited_by_subscriber(addresses: list[str | None]) -> None:
    senders = iter(addresses)
    app = PageRateLimit(PlainTextResponse("x"), address_of=lambda _: next(senders, "198.51.100.1"), pages_per_minute=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        assert [(await client.get("/")).status_code for _ in addresses] == [200, 200, 429]
        assert (await client.get("/")).status_code == 200


async def test_pages_for_a_hundred_thousand_clients_leave_memory_bounded() -> None:
    async def nothing(*_: object) -> None:
        pass

    networks = (f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1" for number in range(100_000))
    app = PageRateLimit(nothing, address_of=lambda _: next(networks))
    for _ in range(100_000):
        await app({"type": "http", "method": "GET", "path": "/"}, nothing, nothing)  # type: ignore[arg-type]
    assert len(app.limiter.storage) <= 20_000  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/nothing", "/properties/no-uuid/install", "/auth/nothing", "/assets/nothing.css"])
async def test_a_page_that_is_not_there_looks_like_the_rest_for_people_and_is_a_problem_for_programs(
    site: Site, path: str
) -> None:
    client = site.client(a_user(site.services.database))
    page = await client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Page not found" in page.text
    problem = await client.get(path, headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


@pytest.mark.parametrize("page", ["install", "settings"])
async def test_somebody_elses_property_looks_exactly_like_one_that_does_not_exist(site: Site, page: str) -> None:
    hidden = a_property(site.services.database, owner=a_user(site.services.database))
    client = site.client(a_user(site.services.database, "bob@example.com"))
    theirs = await client.get(f"/properties/{hidden.id}/{page}")
    nobodys = await client.get(f"/properties/{(missing := uuid4())}/{page}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text == nobodys.text.replace(str(missing), str(hidden.id))


async def test_a_public_property_can_be_read_but_not_set_up_by_others(site: Site) -> None:
    found = a_property(site.services.database, owner=a_user(site.services.database))
    site.services.database  # noqa: B018
    client = site.client(a_user(site.services.database, "bob@example.com", Role.VIEWER))
    assert (await client.get(f"/properties/{found.id}/settings")).status_code == 404


async def test_a_crash_shows_our_page_and_tells_nothing_of_it(site: Site) -> None:
    @nicegui.ui.page("/crash")
    def crash() -> None:
        raise RuntimeError("the secret of the database")

    answer = await site.client().get("/crash")
    assert answer.status_code == 500
    assert "Server error" in answer.text
    assert "secret" not in answer.text


async def test_what_an_error_says_is_text() -> None:
    app = FastAPI()
    error_pages.install(app)

    @app.get("/x")
    def fail(request: Request) -> None:
        raise PropertyNotFound("<script>alert(1)</script>")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        page = (await client.get("/x", headers={"accept": "text/html"})).text
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/accounts/login/", "/login"),
        ("/accounts/profile", "/account"),
        ("/accounts/password-change/", "/account#password"),
        ("/accounts/password-reset/", "/login"),
    ],
)
async def test_addresses_of_the_seed_go_on_working(site: Site, old: str, new: str) -> None:
    assert (await site.client().get(old)).headers["location"] == new


async def test_the_list_answers_with_a_slash_too(site: Site) -> None:
    answer = await site.client(a_user(site.services.database)).get("/properties/?q=x", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.params["q"] == "x"


async def test_crawlers_find_the_public_pages_only(site: Site) -> None:
    robots = (await site.client().get("/robots.txt")).text
    sitemap = (await site.client().get("/sitemap.xml")).text
    assert "Disallow: /\n" in robots
    assert f"<loc>{HOME}/documentation</loc>" in sitemap
    assert "/properties" not in robots + sitemap


@pytest.mark.parametrize("path", ["/", "/robots.txt", "/login"])
async def test_head_answers_like_get_without_a_body(site: Site, path: str) -> None:
    answer = await site.client().head(path)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_icon_is_one(site: Site) -> None:
    assert (await site.client().get("/favicon.ico")).content.startswith(b"\x00\x00\x01\x00")
