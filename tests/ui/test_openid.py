"""Sign-in with OpenID Connect against a provider on this machine: who gets in, and which answers are refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from proprium.accounts import login_sessions, users
from proprium.accounts.login_throttle import LoginThrottle
from proprium.config import Settings
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.http import openid_routes
from proprium.ui.services import Services
from tests.support import openid_server as provider_keys
from tests.support.builders import a_user
from tests.support.openid_server import CLIENT_ID, CLIENT_SECRET, OpenIdServer, openid_server
from tests.ui.conftest import HOME, Site
from tests.ui.test_login import flash_text

FAILED = "Signing in with the identity provider failed. Try again, or ask the owner of this server."


@pytest.fixture
def provider() -> Iterator[OpenIdServer]:
    with openid_server() as provider:
        yield provider


@dataclass
class SignInPage:
    """The routes of a server that knows the provider."""

    site: Site
    provider: OpenIdServer
    client: httpx.AsyncClient

    async def start(self, next: str = "") -> str:
        """Presses the button; the address to which the provider sends the browser back."""
        answer = await self.client.get("/auth/openid", params={"next": next})
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        return self.provider.authorize(query)

    async def sign_in(self, next: str = "") -> httpx.Response:
        return await self.client.get(await self.start(next))

    @property
    def user(self) -> User | None:
        return login_sessions.user_of(self.site.services.database, self.client.cookies.get(session.SESSION_COOKIE))


def with_settings(site: Site, provider: OpenIdServer, **settings: Any) -> SignInPage:
    all_settings = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "_env_file": None,
        **settings,
    }
    kept = {name: getattr(site.services, name) for name in Services.__dataclass_fields__ if name != "states"}
    services = Services(**{**kept, "settings": Settings(**all_settings), "attempts": LoginThrottle()})
    app = FastAPI()
    app.include_router(openid_routes.router(services))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME)
    return SignInPage(site, provider, client)


@pytest_asyncio.fixture(loop_scope="session")
async def page(site: Site, provider: OpenIdServer) -> AsyncIterator[SignInPage]:
    page = with_settings(site, provider)
    yield page
    await page.client.aclose()


async def test_a_verified_address_signs_in_to_its_account_and_binds_it(site: Site, page: SignInPage) -> None:
    ada = a_user(site.services.database)
    answer = await page.sign_in("/sql?days=7")
    assert answer.headers["location"] == "/sql?days=7"
    assert page.user is not None
    assert page.user.id == ada.id
    page.provider.person["email"] = "new@example.com"  # the provider knows her by a number
    page.client.cookies.clear()
    await page.sign_in()
    assert page.user is not None
    assert page.user.id == ada.id


async def test_an_address_that_is_only_in_the_user_info_counts(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    page.provider.claims = {"email": None, "email_verified": None, "name": None}
    await page.sign_in()
    assert page.user is not None


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "http://localhost:1/realm"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["another client", "a third"]},
        {"aud": ["proprium stats", "another"], "azp": "another"},
        {"aud": None},
        {"exp": timedelta(minutes=-2)},
        {"exp": None},
        {"iat": timedelta(hours=1)},
        {"nbf": timedelta(hours=1)},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    site: Site, page: SignInPage, claims: dict[str, Any]
) -> None:
    a_user(site.services.database)
    now_s = int(time.time())
    page.provider.claims = {
        name: now_s + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
    }
    answer = await page.sign_in()
    assert urlsplit(answer.headers["location"]).path == "/login"
    assert flash_text(answer.headers["location"]) == FAILED
    assert page.user is None


@pytest.mark.parametrize(
    "signs",
    [
        provider_keys.sign_with_another_key,
        provider_keys.sign_with_nothing,
        provider_keys.sign_with_the_public_key,
        lambda claims, key: "no token",
        lambda claims, key: "",
    ],
)
async def test_a_token_that_the_provider_did_not_sign_is_refused(site: Site, page: SignInPage, signs: Any) -> None:
    a_user(site.services.database)
    page.provider.signs = signs
    assert flash_text((await page.sign_in()).headers["location"]) == FAILED
    assert page.user is None


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "another"},
        {"state": ""},
        {"state": "ü"},
        {"code": "another"},
        {"code": ""},
        {"error": "access_denied", "code": ""},
        {"iss": "https://evil.example"},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_to_this_request_is_refused(
    site: Site, page: SignInPage, answer: dict[str, str]
) -> None:
    a_user(site.services.database)
    page.provider.answer = answer
    assert flash_text((await page.sign_in()).headers["location"]) == FAILED
    assert page.user is None


async def test_another_browser_cannot_finish_a_sign_in(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    back = await page.start()
    page.client.cookies.clear()
    assert flash_text((await page.client.get(back)).headers["location"]) == FAILED
    assert page.user is None


async def test_an_answer_is_accepted_once(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    back = await page.start()
    state = page.client.cookies[openid_routes.STATE_COOKIE]
    await page.client.get(back)
    page.client.cookies.clear()
    page.client.cookies.set(openid_routes.STATE_COOKIE, state)
    assert flash_text((await page.client.get(back)).headers["location"]) == FAILED


async def test_new_keys_of_the_provider_are_read(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    await page.sign_in()
    page.provider.key = OpenIdServer().key
    page.client.cookies.clear()
    await page.sign_in()
    assert page.user is not None


@pytest.mark.parametrize("verified", [False, None, "false", 1])
async def test_an_address_that_the_provider_has_not_verified_opens_no_account(
    site: Site, page: SignInPage, verified: object
) -> None:
    a_user(site.services.database)
    page.provider.person["email_verified"] = verified
    answer = await page.sign_in()
    assert page.user is None
    assert "has not verified your e-mail address" in flash_text(answer.headers["location"])


async def test_an_account_of_another_identity_is_not_taken(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    await page.sign_in()
    page.client.cookies.clear()
    page.provider.person["sub"] = "43"
    answer = await page.sign_in()
    assert "belongs to another identity" in flash_text(answer.headers["location"])
    assert page.user is None


async def test_an_unknown_address_gets_an_account_only_if_the_owner_says_so(site: Site, provider: OpenIdServer) -> None:
    closed, open_ = with_settings(site, provider), with_settings(site, provider, oidc_creates_users=True)
    answer = await closed.sign_in()
    assert "ada@example.com has no account on this server" in flash_text(answer.headers["location"])
    await open_.sign_in()
    assert open_.user is not None
    assert (open_.user.email, open_.user.name, open_.user.password_hash) == ("ada@example.com", "Ada", "")
    assert users.check_password(site.services.database, "ada@example.com", "") is None  # no password opens it


async def test_only_allowed_domains_sign_in(site: Site, provider: OpenIdServer) -> None:
    a_user(site.services.database)
    page = with_settings(site, provider, oidc_allowed_domains="example.org, EXAMPLE.net")
    assert "certain domains" in flash_text((await page.sign_in()).headers["location"])
    page = with_settings(site, provider, oidc_allowed_domains="@example.com")
    await page.sign_in()
    assert page.user is not None


async def test_a_provider_that_is_down_is_told_in_one_sentence(site: Site, provider: OpenIdServer) -> None:
    page = with_settings(site, provider, oidc_issuer="http://localhost:9/realm")
    answer = await page.client.get("/auth/openid")
    assert flash_text(answer.headers["location"]) == FAILED


async def test_the_way_back_stays_on_this_server(site: Site, page: SignInPage) -> None:
    a_user(site.services.database)
    assert (await page.sign_in("https://evil.example/")).headers["location"] == "/properties"
