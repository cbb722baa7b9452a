"""Sign-in by a header: believed from trusted proxies, and from nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request

from proprium.accounts import login_sessions, users
from proprium.config import Settings
from proprium.errors import NotFound
from proprium.storage.tables import Role
from proprium.ui import session
from proprium.ui.http import proxy_routes
from proprium.ui.services import Services
from tests.support.builders import PASSWORD, a_user
from tests.ui.conftest import HOME, Site
from tests.ui.test_login import flash_text

PROXY, STRANGER = "10.0.0.9", "10.0.1.9"
HEADER = {"Remote-Email": "Ada@Example.com"}


def client(site: Site, peer: str = PROXY, **settings: Any) -> httpx.AsyncClient:
    all_settings = {"auth_header": "Remote-Email", "trusted_proxies": "10.0.0.0/24", "_env_file": None, **settings}
    kept = {name: getattr(site.services, name) for name in Services.__dataclass_fields__ if name != "states"}
    services = Services(**{**kept, "settings": Settings(**all_settings)})
    app = FastAPI()
    app.include_router(proxy_routes.router(services))

    @app.get("/me")
    def me(request: Request) -> str:
        user = session.user_of(services, request)
        return user.email if user else ""

    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url=HOME)


async def me(browser: httpx.AsyncClient, **headers: str) -> str:
    return str((await browser.get("/me", headers=headers)).json())


async def test_a_trusted_proxy_signs_its_user_in(site: Site) -> None:
    a_user(site.services.database)
    browser = client(site)
    answer = await browser.get("/auth/proxy?next=/sql", headers=HEADER)
    assert answer.headers["location"] == "/sql"
    assert await me(browser, **HEADER) == "ada@example.com"


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1", "::1", "203.0.113.5", "testclient"])
async def test_the_header_of_anybody_else_is_not_read(site: Site, peer: str) -> None:
    a_user(site.services.database, role=Role.OWNER)
    browser = client(site, peer)
    forwarded = {**HEADER, "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}", "X-Real-IP": PROXY}
    answer = await browser.get("/auth/proxy", headers=forwarded)
    assert answer.headers["location"] == "/login"
    assert "set-cookie" not in answer.headers
    assert await me(browser, **forwarded) == ""


async def test_a_proxy_that_came_in_by_ipv6_is_the_same_proxy(site: Site) -> None:
    a_user(site.services.database)
    browser = client(site, f"::ffff:{PROXY}")
    assert (await browser.get("/auth/proxy", headers=HEADER)).headers["location"] == "/properties"


async def test_without_the_setting_the_header_is_not_read(site: Site) -> None:
    a_user(site.services.database)
    assert (await client(site, auth_header="").get("/auth/proxy", headers=HEADER)).headers["location"] == "/login"


async def test_a_header_that_stands_there_twice_is_not_read(site: Site) -> None:
    """A visitor has sent the first one, and the proxy has added its own."""
    a_user(site.services.database)
    headers = [("Remote-Email", "ada@example.com"), ("Remote-Email", "bob@example.com")]
    assert (await client(site).get("/auth/proxy", headers=headers)).headers["location"] == "/login"


async def test_an_unknown_person_gets_an_account_only_if_the_owner_says_so(site: Site) -> None:
    answer = await client(site).get("/auth/proxy", headers=HEADER)
    assert "ada@example.com has no account on this server" in flash_text(answer.headers["location"])
    with pytest.raises(NotFound):
        users.find(site.services.database, "ada@example.com")
    await client(site, auth_header_creates_users=True).get("/auth/proxy", headers=HEADER)
    assert users.find(site.services.database, "ada@example.com").role == Role.MEMBER


@pytest.mark.parametrize("email", ["nobody", "a@b, c@d.example", "<x>@example.com", "x" * 5_000 + "@example.com", "é"])
async def test_what_is_no_address_creates_no_account(site: Site, email: str) -> None:
    browser = client(site, auth_header_creates_users=True)
    answer = await browser.get("/auth/proxy", headers=[(b"Remote-Email", email.encode())])
    assert urlsplit(answer.headers["location"]).path == "/login"
    assert not users.has_users(site.services.database)


async def test_a_session_ends_for_another_person_at_the_same_browser(site: Site) -> None:
    a_user(site.services.database)
    bob = a_user(site.services.database, "bob@example.com")
    browser = client(site)
    await browser.get("/auth/proxy", headers=HEADER)
    assert await me(browser, **{"Remote-Email": bob.email}) == ""
    await browser.get("/auth/proxy", headers={"Remote-Email": bob.email})
    assert await me(browser, **{"Remote-Email": bob.email}) == bob.email


async def test_a_session_with_a_password_goes_on_without_the_header(site: Site) -> None:
    ada = a_user(site.services.database, password=PASSWORD)
    browser = client(site, STRANGER)
    browser.cookies.set(session.SESSION_COOKIE, login_sessions.start_session(site.services.database, ada.id))
    assert await me(browser) == ada.email
    assert await me(browser, **{"Remote-Email": "bob@example.com"}) == ada.email


async def test_the_way_back_stays_on_this_server(site: Site) -> None:
    a_user(site.services.database)
    answer = await client(site).get("/auth/proxy?next=//evil.example", headers=HEADER)
    assert answer.headers["location"] == "/properties"
