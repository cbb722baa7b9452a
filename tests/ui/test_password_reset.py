"""Forgotten passwords: the link by mail, the new password, and what nobody learns or breaks meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from nicegui import Client

from proprium.accounts import login_sessions, password_reset, users
from proprium.accounts.audit import Action
from proprium.clock import utc_now
from proprium.mail import queue
from proprium.ui.http import page_access
from tests.support.builders import PASSWORD, a_user
from tests.support.mail_server import MailServer, mail_server
from tests.ui.conftest import HOME, Site, audit_actions, mailer_of
from tests.ui.test_login import flash_text

NEW = "another long password"


@pytest.fixture
def mail(site: Site) -> Iterator[MailServer]:
    with mail_server() as mail:
        object.__setattr__(site.services, "mail", mailer_of(site, f"smtp://localhost:{mail.port}"))
        yield mail


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.02)


async def ask(site: Site, email: str) -> str:
    """Asks for a link; returns the message that the page shows."""
    answer = await site.client().post("/auth/password-reset", data={"email": email})
    assert urlsplit(answer.headers["location"]).path == "/password-reset"
    return flash_text(answer.headers["location"])


def a_token(site: Site, email: str = "ada@example.com") -> str:
    link = password_reset.create_link(site.services.database, HOME, email)
    return parse_qs(urlsplit(link).query)["token"][0]


async def test_a_received_mail_leads_to_a_new_password_once(site: Site, mail: MailServer) -> None:
    ada = a_user(site.services.database)
    page: Client = await site.browser(ada).open("/account")
    bystander: Client = await site.browser(a_user(site.services.database, "bob@example.com")).open("/account")
    await ask(site, " ADA@example.com")
    await until(lambda: queue.latest(site.services.database))
    await site.services.mail.send_due()
    link = re.search(rf"{HOME}/password-reset/new\?token=\S+", mail.texts[0])
    assert link
    for _ in range(2):  # mail scanners open links too
        assert "ada@example.com" in (await site.client().get(link.group(0))).text
    token = parse_qs(urlsplit(link.group(0)).query)["token"][0]
    answer = await site.client().post("/auth/new-password", data={"token": token, "password": NEW})
    assert urlsplit(answer.headers["location"]).path == "/login"
    assert "set-cookie" not in answer.headers  # a second factor is asked for as ever
    assert users.check_password(site.services.database, "ada@example.com", NEW)
    assert page.is_deleted
    assert not bystander.is_deleted
    assert login_sessions.list_sessions(site.services.database, ada.id) == []
    assert audit_actions(site) == [Action.PASSWORD_CHANGED]
    again = await site.client().post("/auth/new-password", data={"token": token, "password": PASSWORD})
    assert again.status_code == 404
    assert (await site.client().get(link.group(0))).status_code == 404


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(site: Site, mail: MailServer) -> None:
    a_user(site.services.database)
    known, unknown = await ask(site, "ada@example.com"), await ask(site, "eve@example.com")
    assert known == unknown
    await until(lambda: queue.latest(site.services.database))
    await asyncio.sleep(0.1)
    assert [record.recipient for record in queue.latest(site.services.database)] == ["ada@example.com"]


async def test_the_account_is_looked_up_only_after_the_answer(
    site: Site, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time of the answer tells nothing."""
    may_look = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(
        password_reset, "send_link", lambda *_, **__: asyncio.run_coroutine_threadsafe(may_look.wait(), loop).result(5)
    )
    async with asyncio.timeout(2):
        await ask(site, "ada@example.com")
    may_look.set()


async def test_a_flood_of_requests_sends_three_mails_and_breaks_no_link(site: Site, mail: MailServer) -> None:
    a_user(site.services.database, "flood@example.com")
    answers = {await ask(site, "flood@example.com") for _ in range(9)}
    assert len(answers) == 1  # nobody learns that nothing is sent any more
    await until(lambda: len(queue.latest(site.services.database)) == 3)
    await site.services.mail.send_due()
    for text in mail.texts:
        link = re.search(rf"{HOME}/password-reset/new\?token=\S+", text)
        assert link
        assert (await site.client().get(link.group(0))).status_code == 200


async def test_an_address_asks_ten_times(site: Site, mail: MailServer) -> None:
    answers = [await ask(site, f"user{number}@example.com") for number in range(20)]
    assert "Too many requests" in answers[-1]


async def test_a_link_works_for_an_hour(site: Site) -> None:
    a_user(site.services.database)
    link = password_reset.create_link(
        site.services.database, HOME, "ada@example.com", clock=lambda: utc_now() - timedelta(minutes=61)
    )
    assert (await site.client().get(link)).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "ü" * 300, "a b", "\x00", "' or 1=1 --"])
async def test_malformed_tokens_look_like_missing_ones(site: Site, token: str) -> None:
    a_user(site.services.database)
    page = await site.client().get("/password-reset/new", params={"token": token})
    assert page.status_code == 404
    assert "This link is not valid" in page.text
    answer = await site.client().post("/auth/new-password", data={"token": token or "-", "password": NEW})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("password", "problem"), [("short", "10 to 1,000 characters"), ("x" * 1_001, ""), ("x" * 10_000, "")]
)
async def test_a_password_that_will_not_do_does_not_use_up_the_link(site: Site, password: str, problem: str) -> None:
    a_user(site.services.database)
    token = a_token(site)
    answer = await site.client().post("/auth/new-password", data={"token": token, "password": password})
    if problem:
        assert problem in flash_text(answer.headers["location"])
    else:
        assert answer.status_code == 422
    assert users.check_password(site.services.database, "ada@example.com", PASSWORD)
    assert (await site.client().get("/password-reset/new", params={"token": token})).status_code == 200


async def test_one_used_link_ends_the_others(site: Site) -> None:
    a_user(site.services.database)
    first, second = a_token(site), a_token(site)
    await site.client().post("/auth/new-password", data={"token": first, "password": NEW})
    assert (await site.client().get("/password-reset/new", params={"token": second})).status_code == 404


async def test_without_mail_the_page_says_how_an_owner_makes_a_link(site: Site) -> None:
    object.__setattr__(site.services, "mail", mailer_of(site, ""))
    a_user(site.services.database)
    browser = site.browser()
    await browser.open("/password-reset")
    await browser.should_see("proprium user password-link EMAIL")
    await ask(site, "ada@example.com")
    await asyncio.sleep(0.1)
    assert queue.latest(site.services.database) == []


async def test_the_page_of_a_link_says_what_its_reader_needs(site: Site) -> None:
    a_user(site.services.database)
    page = await site.browser().open(f"/password-reset/new?token={a_token(site)}")
    assert page_access.is_allowed(page)
