"""Session and device cookies, and sign-in of known browsers while others guess."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from proprium.accounts import setup
from proprium.accounts.login_throttle import LoginThrottle
from proprium.accounts.passwords import MAX_QUEUED_PASSWORDS, PasswordHashingPool
from proprium.config import Settings
from proprium.errors import TooManyAttempts
from proprium.ui import session
from proprium.ui.http import auth_routes, error_pages
from proprium.ui.services import Services
from tests.support.builders import PASSWORD, a_user
from tests.ui.conftest import HOME, Site
from tests.ui.test_login import flash_text

EMAIL = "ada@example.com"
MONTH_S, YEAR_S = 30 * 86_400, 365 * 86_400
HTTPS = "https://stats.example.com"


def attributes(answer: httpx.Response) -> dict[str, set[str]]:
    """Returns the attributes of each cookie as they were sent, without defaults of a browser."""
    cookies = {}
    for header in answer.headers.get_list("set-cookie"):
        pair, *words = header.split("; ")
        cookies[pair.partition("=")[0]] = set(words)
    return cookies


def without_expiry(words: set[str]) -> set[str]:
    return {word for word in words if not word.lower().startswith(("expires=", "max-age="))}


def forms(services: Services, address: str = "192.0.2.1") -> httpx.AsyncClient:
    """Returns a client at this address, for an app with the forms only and its own limits."""
    app = FastAPI()
    app.include_router(auth_routes.router(services))
    error_pages.install(app)
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url=HOME, headers={"accept": "text/html"})


@pytest.fixture
def services(site: Site) -> Services:
    return replace(site.services, attempts=LoginThrottle(), hashing=PasswordHashingPool())


@pytest.fixture
def over_https(services: Services) -> Services:
    settings = Settings(data_dir=services.settings.data_dir, base_url=HTTPS, _env_file=None)  # type: ignore[call-arg]
    return replace(services, settings=settings)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, email: str = EMAIL) -> httpx.Response:
    return await client.post("/auth/login", data={"email": email, "password": password})


def exhaust(attempts: LoginThrottle, email: str = EMAIL) -> None:
    """Uses up the limit of the account by guesses from many addresses."""
    for number in range(150):
        with contextlib.suppress(TooManyAttempts):
            attempts.count_attempt(email, f"198.51.100.{number}")


# The cookies


async def test_cookies_are_http_only_and_same_site(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as client:
        cookies = attributes(await sign_in(client))
    assert cookies == {
        session.SESSION_COOKIE: {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={MONTH_S}"},
        session.DEVICE_COOKIE: {"HttpOnly", "SameSite=lax", "Path=/auth", f"Max-Age={YEAR_S}"},
    }


@pytest.mark.parametrize("way", ["login", "setup", "password"])
async def test_cookies_are_secure_over_https(over_https: Services, way: str) -> None:
    token = setup.create_setup_token(over_https.database)
    user = None if way == "setup" else a_user(over_https.database)
    form = {
        "login": {"email": EMAIL, "password": PASSWORD},
        "setup": {"token": token, "name": "Ada", "email": EMAIL, "password": PASSWORD},
        "password": {"current": PASSWORD, "password": "a whole new one"},
    }[way]
    async with forms(over_https) as client:
        client.base_url = HTTPS
        if user:
            await sign_in(client)
        cookies = attributes(await client.post(f"/auth/{way}", data=form))
    assert {name: without_expiry(words) for name, words in cookies.items()} == {
        session.SESSION_COOKIE: {"HttpOnly", "SameSite=lax", "Path=/", "Secure"},
        session.DEVICE_COOKIE: {"HttpOnly", "SameSite=lax", "Path=/auth", "Secure"},
    }


async def test_signing_out_keeps_the_device_cookie(over_https: Services) -> None:
    async with forms(over_https) as client:
        cookies = attributes(await client.post("/auth/logout"))
    assert set(cookies) == {session.SESSION_COOKIE}
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure", "Max-Age=0"} <= cookies[session.SESSION_COOKIE]


# Guessers and owners


async def test_a_known_browser_can_sign_in_while_others_guess(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as known, forms(services) as unknown:
        await sign_in(known)
        await known.post("/auth/logout")
        exhaust(services.attempts)
        assert "Too many attempts" in flash_text((await sign_in(unknown)).headers["location"])
        assert (await sign_in(known)).headers["location"] == "/properties"


@pytest.mark.parametrize("forge", ["of another account", "made up", "cut", "endless"])
async def test_a_forged_device_cookie_is_not_accepted(services: Services, forge: str) -> None:
    a_user(services.database)
    a_user(services.database, "eve@example.com")
    async with forms(services) as client:
        await sign_in(client, email="eve@example.com" if forge == "of another account" else EMAIL)
        cookie = client.cookies[session.DEVICE_COOKIE]
        forged = {"made up": "device." + "0" * 64, "cut": cookie[:-1], "endless": cookie + "0" * 9_999}.get(
            forge, cookie
        )
    exhaust(services.attempts)
    async with forms(services) as client:
        client.cookies.set(session.DEVICE_COOKIE, forged)
        assert "Too many attempts" in flash_text((await sign_in(client)).headers["location"])


async def test_a_known_browser_has_a_limit_too(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as client:
        await sign_in(client)
        for _ in range(10):
            assert "No account" in flash_text((await sign_in(client, "wrong")).headers["location"])
        assert "Too many attempts" in flash_text((await sign_in(client)).headers["location"])


async def test_a_signed_in_user_can_change_the_password_while_others_guess(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as client:
        await sign_in(client)
        exhaust(services.attempts)
        for _ in range(10):
            wrong = await client.post("/auth/password", data={"current": "wrong", "password": "a whole new one"})
            assert "Nothing was changed" in flash_text(wrong.headers["location"])
        refused = await client.post("/auth/password", data={"current": PASSWORD, "password": "a whole new one"})
        assert "Too many attempts" in flash_text(refused.headers["location"])


async def test_guesses_of_the_setup_link_are_limited(services: Services) -> None:
    setup.create_setup_token(services.database)
    form = {"token": "guess", "name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    async with forms(services) as client:
        for _ in range(50):
            assert "no longer valid" in flash_text((await client.post("/auth/setup", data=form)).headers["location"])
        assert "Too many attempts" in flash_text((await client.post("/auth/setup", data=form)).headers["location"])


# The queue


@contextlib.asynccontextmanager
async def full_queue(services: Services) -> AsyncIterator[None]:
    """Blocks the hashing thread and fills the queue with unknown browsers."""
    gate = threading.Event()
    waiting = [asyncio.create_task(services.hashing.run(partial(gate.wait, 30))) for _ in range(MAX_QUEUED_PASSWORDS)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        gate.set()
        await asyncio.gather(*waiting)


async def test_a_full_queue_gets_retry_after_and_counts_no_attempt(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as client:
        async with full_queue(services):
            for _ in range(20):
                answer = await sign_in(client)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                assert "try again in a few seconds" in answer.text
                assert "http-equiv" not in answer.text  # asking again by itself would open a form's address as a page
        assert (await sign_in(client)).headers["location"] == "/properties"


async def test_a_known_browser_is_queued_when_unknown_ones_fill_the_queue(services: Services) -> None:
    a_user(services.database)
    async with forms(services) as client:
        await sign_in(client)
        async with full_queue(services):
            waiting = asyncio.create_task(sign_in(client))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        assert (await waiting).headers["location"] == "/properties"


@pytest.mark.parametrize("way", ["login", "setup", "password"])
async def test_passwords_are_hashed_on_their_own_thread(services: Services, way: str) -> None:
    """Passwords are hashed on the pool's thread only, so that other threads stay free."""
    token = setup.create_setup_token(services.database)
    user = None if way == "setup" else a_user(services.database)
    form = {
        "login": {"email": EMAIL, "password": PASSWORD},
        "setup": {"token": token, "name": "Ada", "email": EMAIL, "password": PASSWORD},
        "password": {"current": PASSWORD, "password": "a whole new one"},
    }[way]
    async with forms(services) as client:
        if user:
            await sign_in(client)
            client.cookies.delete(session.DEVICE_COOKIE)
        gate = threading.Event()
        blocked = asyncio.create_task(services.hashing.run(partial(gate.wait, 30)))
        posts = [asyncio.create_task(client.post(f"/auth/{way}", data=form)) for _ in range(12)]
        await asyncio.sleep(0.3)
        assert not any(post.done() for post in posts)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
        gate.set()
        await blocked
        answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {303}
