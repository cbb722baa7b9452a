"""Signing in with a second factor, and the account's forms for it, as a browser posts them."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pyotp
import pytest

from proprium.accounts import login_sessions, second_factor, totp, users
from proprium.accounts.audit import Action, Actor
from proprium.clock import utc_now
from proprium.storage import instance_settings
from proprium.storage.tables import Role, User
from proprium.ui import session
from proprium.ui.http import page_access
from proprium.ui.http.sign_in import PENDING_COOKIE
from tests.support.builders import PASSWORD, a_property, a_user
from tests.support.pseudo_language import page_texts, pseudo_language, untranslated
from tests.ui.conftest import Site, audit_actions
from tests.ui.test_login import flash_text
from tests.ui.test_translated_pages import NAMES, ZONES

EMAIL = "ada@example.com"
SETTINGS = {"PROPRIUM_OIDC_…, PROPRIUM_AUTH_HEADER"}


def code_of(user: User) -> str:
    assert user.totp_secret
    return pyotp.TOTP(user.totp_secret).at(utc_now())


def with_app(site: Site, role: Role = Role.MEMBER) -> tuple[User, list[str]]:
    ada, secret, then = a_user(site.services.database, role=role), totp.new_secret(), utc_now() - timedelta(minutes=5)
    code = pyotp.TOTP(secret).at(then)
    codes = second_factor.enable_app(
        site.services.database, ada.id, secret, code, actor=Actor.of_user(ada), clock=lambda: then
    )
    return users.find(site.services.database, EMAIL), codes


async def first_step(client: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await client.post("/auth/login", data={"email": EMAIL, "password": PASSWORD, **form})


def is_signed_in(site: Site, client: httpx.AsyncClient) -> bool:
    token = client.cookies.get(session.SESSION_COOKIE)
    return login_sessions.user_of(site.services.database, token) is not None


async def test_the_password_alone_gives_no_session(site: Site) -> None:
    ada, _ = with_app(site)
    client = site.client()
    answer = await first_step(client)
    assert answer.headers["location"] == "/login/second-factor"
    assert session.SESSION_COOKIE not in client.cookies
    assert login_sessions.list_sessions(site.services.database, ada.id) == []
    assert (await client.get("/properties")).headers["location"].startswith("/login")
    assert (await client.get("/login/second-factor")).status_code == 200


async def test_a_code_completes_the_sign_in_and_leads_to_the_page_that_was_asked_for(site: Site) -> None:
    ada, _ = with_app(site)
    client = site.client()
    await first_step(client, next="/sql?days=7")
    answer = await client.post("/auth/second-factor", data={"code": code_of(ada)})
    assert answer.headers["location"] == "/sql?days=7"
    assert is_signed_in(site, client)
    assert PENDING_COOKIE not in client.cookies
    assert audit_actions(site) == [Action.FACTOR_ADDED, Action.SIGNED_IN]


async def test_a_second_step_is_used_once(site: Site) -> None:
    ada, recovery = with_app(site)
    client, thief = site.client(), site.client()
    await first_step(client)
    thief.cookies.set(PENDING_COOKIE, client.cookies[PENDING_COOKIE])
    await client.post("/auth/second-factor", data={"code": code_of(ada)})
    answer = await thief.post("/auth/second-factor", data={"code": recovery[0]})
    assert urlsplit(answer.headers["location"]).path == "/login"
    assert not is_signed_in(site, thief)


async def test_a_code_does_not_work_in_another_sign_in(site: Site) -> None:
    ada, _ = with_app(site)
    code = code_of(ada)
    for expected in (True, False):
        client = site.client()
        await first_step(client)
        await client.post("/auth/second-factor", data={"code": code})
        assert is_signed_in(site, client) is expected
    assert audit_actions(site)[-1] == Action.SIGN_IN_FAILED


@pytest.mark.parametrize("state", ["", "x.y", "forged"])
async def test_without_the_first_step_there_is_no_second(site: Site, state: str) -> None:
    ada, _ = with_app(site)
    client = site.client()
    if state:
        client.cookies.set(PENDING_COOKIE, state)
    answer = await client.post("/auth/second-factor", data={"code": code_of(ada)})
    assert urlsplit(answer.headers["location"]).path == "/login"
    assert not is_signed_in(site, client)
    assert (await client.get("/login/second-factor")).headers["location"] == "/login"


async def test_a_changed_password_ends_a_sign_in_that_waits_for_its_code(site: Site) -> None:
    ada, _ = with_app(site)
    client = site.client()
    await first_step(client)
    users.set_password(site.services.database, EMAIL, "another long password")
    await client.post("/auth/second-factor", data={"code": code_of(ada)})
    assert not is_signed_in(site, client)


async def test_guessed_codes_are_limited(site: Site) -> None:
    ada, _ = with_app(site)
    client = site.client()
    await first_step(client)
    for number in range(11):
        answer = await client.post("/auth/second-factor", data={"code": f"{number:06}"})
    assert "Too many codes" in flash_text(answer.headers["location"])
    await client.post("/auth/second-factor", data={"code": code_of(ada)})
    assert not is_signed_in(site, client)


@pytest.mark.parametrize("code", ["x" * 10_000, "x" * 1_001])
async def test_endless_codes_are_refused(site: Site, code: str) -> None:
    with_app(site)
    client = site.client()
    await first_step(client)
    assert (await client.post("/auth/second-factor", data={"code": code})).status_code == 422


async def test_the_redirect_after_the_second_step_stays_on_this_server(site: Site) -> None:
    ada, _ = with_app(site)
    client = site.client()
    await first_step(client, next="https://evil.example/")
    answer = await client.post("/auth/second-factor", data={"code": code_of(ada)})
    assert answer.headers["location"] == "/properties"


async def test_a_scanned_code_turns_the_app_on_and_shows_recovery_codes_once(site: Site) -> None:
    ada = a_user(site.services.database)
    client = site.client(ada)
    states = site.services.states
    secret = totp.new_secret()
    state = states.issue("authenticator secret", {"user": str(ada.id), "secret": secret}, timedelta(minutes=5))
    wrong = await client.post("/auth/authenticator", data={"state": state, "code": "000000"})
    assert "wrong or expired" in flash_text(wrong.headers["location"])
    assert parse_qs(urlsplit(wrong.headers["location"]).query)["state"] == [state]  # the same secret again
    code = pyotp.TOTP(secret).at(utc_now())
    answer = await client.post("/auth/authenticator", data={"state": state, "code": f"{code[:3]} {code[3:]}"})
    location = answer.headers["location"]
    shown = (await client.get(location)).text
    assert shown.count("-") > 10
    assert (await client.get(location)).headers["location"] == "/account"  # they are gone
    assert users.find(site.services.database, EMAIL).totp_secret == secret


async def test_another_users_secret_is_not_accepted(site: Site) -> None:
    ada, bob = a_user(site.services.database), a_user(site.services.database, "bob@example.com")
    secret = totp.new_secret()
    values = {"user": str(bob.id), "secret": secret}
    state = site.services.states.issue("authenticator secret", values, timedelta(minutes=5))
    code = pyotp.TOTP(secret).at(utc_now())
    await site.client(ada).post("/auth/authenticator", data={"state": state, "code": code})
    assert users.find(site.services.database, EMAIL).totp_secret is None


@pytest.mark.parametrize("path", ["/auth/authenticator/off", "/auth/recovery-codes"])
async def test_less_security_needs_the_password(site: Site, path: str) -> None:
    ada, codes = with_app(site)
    client = site.client(ada)
    refused = await client.post(path, data={"password": "wrong"})
    assert "Nothing was changed" in flash_text(refused.headers["location"])
    assert second_factor.use_code(site.services.database, ada.id, codes[0])
    await client.post(path, data={"password": PASSWORD})
    assert not second_factor.use_code(site.services.database, ada.id, codes[1])


async def test_a_required_factor_comes_before_anything_else(site: Site) -> None:
    owner, _ = with_app(site, Role.OWNER)
    bob = a_user(site.services.database, "bob@example.com")
    mine = a_property(site.services.database, "Mine", bob)
    open_page = await site.browser(bob).open("/account")
    client = site.client(owner)
    answer = await client.post("/auth/require-second-factor", data={"value": "yes"})
    assert flash_text(answer.headers["location"]) == "Saved."
    assert open_page.is_deleted
    client = site.client(bob)
    for path in ("/properties", "/account", "/sql", "/account/recovery-codes", "/login"):
        assert (await client.get(path)).headers["location"] == "/account/authenticator", path
    for path in (f"/properties/{mine.id}", f"/properties/{mine.id}/settings", f"/properties/{uuid4()}"):
        assert (await client.get(path, follow_redirects=True)).url.path == "/account/authenticator", path
    for path in ("/auth/profile", "/auth/everywhere"):
        data = {"name": "B", "email": "bob@example.com"}
        assert (await client.post(path, data=data)).status_code == 401, path
    browser = site.browser(bob)
    page = await browser.open("/account/authenticator")
    await browser.should_see("This server requires a second factor")
    assert page_access.is_allowed(page)
    assert (await site.client(owner).get("/properties")).status_code == 200
    instance_settings.remove(site.services.database, second_factor.REQUIRED_SETTING)


async def test_only_owners_require_a_second_factor(site: Site) -> None:
    with_app(site)
    client = site.client(users.find(site.services.database, EMAIL))
    assert (await client.post("/auth/require-second-factor", data={"value": "yes"})).status_code == 403
    assert not second_factor.is_required(site.services.database)
    assert (await client.get("/settings/sign-in")).status_code == 404


async def test_texts_of_the_second_factor(site: Site) -> None:
    ada, _ = with_app(site, Role.OWNER)
    with pseudo_language():
        for path in ("/account", "/account/authenticator", "/settings/sign-in"):
            browser = site.browser(ada)
            await browser.open(path)
            assert browser.client is not None
            assert untranslated(page_texts(browser.client), NAMES | ZONES | SETTINGS) == [], path
        client = site.client()
        await first_step(client)
        browser = site.browser()
        browser.http_client.cookies.set(PENDING_COOKIE, client.cookies[PENDING_COOKIE])
        await browser.open("/login/second-factor")
        assert browser.client is not None
        assert untranslated(page_texts(browser.client), NAMES) == []
