"""Set-up, sign-in, sign-out and the account, as a browser posts the forms."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from nicegui import Client

from proprium.accounts import login_sessions, setup, users
from proprium.storage.tables import Role
from proprium.ui import flash, session
from tests.support.builders import PASSWORD, a_user
from tests.ui.conftest import HOME, Site

OWNER = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}


def flash_text(location: str) -> str:
    """Returns the message that the next page shows."""
    message = flash.pop(parse_qs(urlsplit(location).query)["said"][0])
    return message.text if message else ""


async def test_the_setup_link_makes_the_owner_signs_them_in_and_stops_working(site: Site) -> None:
    token = setup.create_setup_token(site.services.database)
    client = site.client()
    assert (await client.get("/setup", params={"token": token})).status_code == 200
    answer = await client.post("/auth/setup", data={**OWNER, "token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/properties")
    owner = login_sessions.user_of(site.services.database, answer.cookies[session.SESSION_COOKIE])
    assert owner is not None
    assert owner.role == Role.OWNER
    again = await site.client().get("/setup", params={"token": token})
    assert again.headers["location"] == "/login"


async def test_a_wrong_setup_token_looks_like_a_page_that_is_not_there(site: Site) -> None:
    setup.create_setup_token(site.services.database)
    assert (await site.client().get("/setup?token=guess")).status_code == 404
    answer = await site.client().post("/auth/setup", data={**OWNER, "token": "guess"})
    assert "no longer valid" in flash_text(answer.headers["location"])
    assert not users.has_users(site.services.database)


async def test_sample_data_is_created_only_if_selected(site: Site) -> None:
    calls = []
    object.__setattr__(site.services, "add_sample", calls.append)
    token = setup.create_setup_token(site.services.database)
    await site.client().post("/auth/setup", data={**OWNER, "token": token, "sample": "yes"})
    await asyncio.sleep(0.05)
    assert calls == [users.find(site.services.database, OWNER["email"]).id]


async def test_signing_in_ends_the_session_that_the_browser_had(site: Site) -> None:
    client = site.client(a_user(site.services.database))
    before = client.cookies[session.SESSION_COOKIE]
    await client.post("/auth/login", data={"email": "ada@example.com", "password": PASSWORD})
    assert login_sessions.user_of(site.services.database, before) is None


@pytest.mark.parametrize("email", ["ada@example.com", "unknown@example.com"])
async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(site: Site, email: str) -> None:
    a_user(site.services.database)
    answer = await site.client().post("/auth/login", data={"email": email, "password": "not this one"})
    assert flash_text(answer.headers["location"]) == "No account has this e-mail address and password."
    assert "set-cookie" not in answer.headers


async def test_guesses_are_limited(site: Site) -> None:
    a_user(site.services.database, "guessed@example.com")
    client = site.client()
    for _ in range(11):
        answer = await client.post("/auth/login", data={"email": "guessed@example.com", "password": "wrong"})
    assert "Too many attempts" in flash_text(answer.headers["location"])


@pytest.mark.parametrize(
    ("next_target", "reached"),
    [
        ("/properties/x?period=7d", "/properties/x?period=7d"),
        ("https://evil.example", "/properties"),
        ("//evil.example", "/properties"),
        ("/\\evil.example", "/properties"),
        ("javascript:alert(1)", "/properties"),
        ("/\nevil", "/properties"),
    ],
)
async def test_the_redirect_after_sign_in_stays_on_this_server(site: Site, next_target: str, reached: str) -> None:
    a_user(site.services.database)
    form = {"email": "ada@example.com", "password": PASSWORD, "next": next_target}
    assert (await site.client().post("/auth/login", data=form)).headers["location"] == reached


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
@pytest.mark.parametrize("path", ["login", "logout", "everywhere", "password", "profile", "revoke", "setup"])
async def test_forms_from_other_origins_are_rejected(site: Site, path: str, headers: dict[str, str]) -> None:
    client = site.client(a_user(site.services.database))
    answer = await client.post(f"/auth/{path}", data=OWNER, headers=headers)
    assert answer.status_code == 403
    assert login_sessions.user_of(site.services.database, client.cookies[session.SESSION_COOKIE])


async def test_a_form_from_an_own_page_is_accepted(site: Site) -> None:
    client = site.client(a_user(site.services.database))
    answer = await client.post(
        "/auth/profile", data={"name": "Countess", "email": "ada@example.com"}, headers={"origin": HOME}
    )
    assert flash_text(answer.headers["location"]) == "Saved."
    assert users.find(site.services.database, "ada@example.com").name == "Countess"


async def test_a_new_password_needs_the_old_one_and_signs_out_everywhere_else(site: Site) -> None:
    ada = a_user(site.services.database)
    here, there = site.client(ada), site.client(ada)
    refused = await here.post("/auth/password", data={"current": "wrong", "password": "a whole new one"})
    assert "Nothing was changed" in flash_text(refused.headers["location"])
    changed = await here.post("/auth/password", data={"current": PASSWORD, "password": "a whole new one"})
    assert login_sessions.user_of(site.services.database, changed.cookies[session.SESSION_COOKIE])
    assert (await there.get("/account")).headers["location"] == "/login?next=/account"
    assert users.check_password(site.services.database, "ada@example.com", "a whole new one")


async def test_a_rejected_new_password_keeps_the_session(site: Site) -> None:
    client = site.client(a_user(site.services.database))
    answer = await client.post("/auth/password", data={"current": PASSWORD, "password": "short"})
    assert "10 to 1,000 characters" in flash_text(answer.headers["location"])
    assert (await client.get("/account")).status_code == 200


async def test_signing_out_everywhere_ends_open_pages_too(site: Site) -> None:
    ada = a_user(site.services.database)
    elsewhere = site.browser(ada)
    page: Client = await elsewhere.open("/account")
    bystander: Client = await site.browser(a_user(site.services.database, "bob@example.com")).open("/account")
    answer = await site.client(ada).post("/auth/everywhere")
    assert answer.headers["location"] == "/login"
    assert page.is_deleted
    assert not bystander.is_deleted
    assert (await elsewhere.http_client.get("/account")).status_code == 303


async def test_a_session_can_be_ended_by_its_user_only(site: Site) -> None:
    ada, bob = a_user(site.services.database), a_user(site.services.database, "bob@example.com")
    here, there = site.client(ada), site.client(bob)
    login = login_sessions.list_sessions(site.services.database, bob.id)[0]
    await here.post("/auth/revoke", data={"login": str(login.id)})
    assert (await there.get("/account")).status_code == 200
    await there.post("/auth/revoke", data={"login": str(login.id)})
    assert (await there.get("/account")).status_code == 303


async def test_a_link_cannot_inject_a_message(site: Site) -> None:
    page = await site.client().get("/login", params={"said": "Your password has expired"})
    assert "expired" not in page.text


async def test_the_account_page_marks_the_current_session(site: Site) -> None:
    ada = a_user(site.services.database)
    site.client(ada)
    browser = site.browser(ada)
    await browser.open("/account")
    await browser.should_see("this browser")
    await browser.should_see("Firefox on Linux")
