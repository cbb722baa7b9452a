"""The account page: a new e-mail address, theme and time zone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from nicegui import ui

from proprium.accounts import email_change, password_reset, preferences, users
from proprium.accounts.audit import Action
from proprium.clock import utc_now
from proprium.errors import NotFound, UserFacingError
from proprium.mail import queue
from proprium.properties import service
from proprium.storage.database import Database
from proprium.storage.tables import Property, User
from proprium.ui.http import page_access
from tests.support.builders import PASSWORD, a_user
from tests.support.mail_server import MailServer, mail_server
from tests.support.pseudo_language import page_texts, pseudo_language, untranslated
from tests.ui.conftest import HOME, Site, audit_actions, mailer_of
from tests.ui.test_login import flash_text
from tests.ui.test_property_pages import has, last_field, press
from tests.ui.test_translated_pages import NAMES

NEW = "ada@new.example"


@pytest.fixture
def mail(site: Site) -> Iterator[MailServer]:
    with mail_server() as mail:
        object.__setattr__(site.services, "mail", mailer_of(site, f"smtp://localhost:{mail.port}"))
        yield mail


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database)


async def ask(site: Site, user: User, email: str = NEW, **form: str) -> str:
    """Posts the profile; returns the message that the page shows."""
    answer = await site.client(user).post("/auth/profile", data={"name": "Ada", "email": email, **form})
    return flash_text(answer.headers["location"])


async def link_in(site: Site, mail: MailServer) -> str:
    await site.services.mail.send_due()
    link = re.search(rf"{HOME}/account/e-mail\?token=\S+", mail.texts[-1])
    assert link
    return link.group(0)


def token_in(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


async def test_a_new_address_is_confirmed_by_a_link_and_the_old_one_is_told(
    site: Site, mail: MailServer, ada: User
) -> None:
    old_link = password_reset.create_link(site.services.database, HOME, ada.email)
    assert "Open the link that was sent to ada@new.example" in await ask(site, ada, " ADA@new.example ")
    assert users.find(site.services.database, ada.email).id == ada.id  # nothing changed yet
    link = await link_in(site, mail)
    assert mail.messages[-1]["To"] == NEW
    for _ in range(2):  # opening it changes nothing either: mail scanners do
        assert NEW in (await site.client().get(link)).text
    answer = await site.client(ada).post("/auth/e-mail", data={"token": token_in(link)})
    assert flash_text(answer.headers["location"]) == f"Your e-mail address is {NEW} now."
    assert users.find(site.services.database, NEW).id == ada.id
    await site.services.mail.send_due()
    assert mail.messages[-1]["To"] == ada.email
    assert NEW in mail.texts[-1]
    assert audit_actions(site) == [Action.USER_CHANGED]
    assert (await site.client().get(old_link)).status_code == 404
    assert (await site.client().post("/auth/e-mail", data={"token": token_in(link)})).status_code == 404


async def test_an_address_with_an_account_gets_no_mail_and_the_same_answer(
    site: Site, mail: MailServer, ada: User
) -> None:
    a_user(site.services.database, "bob@example.com")
    free, taken = await ask(site, ada), await ask(site, ada, "bob@example.com")
    assert free.replace(NEW, "") == taken.replace("bob@example.com", "")
    assert [record.recipient for record in queue.latest(site.services.database)] == [NEW]


async def test_an_address_that_was_taken_meanwhile_stays_with_its_account(
    site: Site, mail: MailServer, ada: User
) -> None:
    await ask(site, ada)
    link = await link_in(site, mail)
    bob = a_user(site.services.database, NEW)
    answer = await site.client().post("/auth/e-mail", data={"token": token_in(link)})
    assert "already has an account" in flash_text(answer.headers["location"])
    assert users.find(site.services.database, NEW).id == bob.id


@pytest.mark.parametrize("case", ["expired", "unknown", "reset link", "replaced"])
async def test_another_link_looks_like_a_missing_one(site: Site, mail: MailServer, ada: User, case: str) -> None:
    database, mailer = site.services.database, site.services.mail
    then = utc_now() - timedelta(minutes=61 if case == "expired" else 1)
    email_change.ask_confirmation(database, mailer, ada.id, NEW, clock=lambda: then)
    token = token_in(await link_in(site, mail))
    if case == "unknown":
        token = "x" * 43
    elif case == "reset link":
        token = token_in(password_reset.create_link(database, HOME, ada.email))
    elif case == "replaced":
        email_change.ask_confirmation(database, mailer, ada.id, "other@new.example")
    assert (await site.client().get(email_change.PAGE_PATH, params={"token": token})).status_code == 404
    assert (await site.client().post("/auth/e-mail", data={"token": token})).status_code == 404
    with pytest.raises(NotFound):
        users.find(database, NEW)


async def test_without_mail_a_new_address_needs_the_password(site: Site, ada: User) -> None:
    object.__setattr__(site.services, "mail", mailer_of(site, ""))
    for password in ("", "wrong"):
        assert "needs your password. Nothing was changed." in await ask(site, ada, current=password)
    assert await ask(site, ada, current=PASSWORD) == "Saved."
    assert users.find(site.services.database, NEW).id == ada.id


@pytest.mark.parametrize("email", ["nobody", "a@b.de, c@d.de", "a@b.de\r\nBcc: c@d.de", "x" * 900])
async def test_what_is_no_address_is_refused(site: Site, mail: MailServer, ada: User, email: str) -> None:
    assert "is not an e-mail address" in await ask(site, ada, email)
    assert queue.latest(site.services.database) == []


async def test_the_page_of_a_link_says_what_its_reader_needs_in_their_language(
    site: Site, mail: MailServer, ada: User
) -> None:
    await ask(site, ada)
    link = await link_in(site, mail)
    with pseudo_language():
        page = await site.browser().open(link.removeprefix(HOME))
        assert page_access.is_allowed(page)
        assert untranslated(page_texts(page), NAMES | {NEW}) == []


def list_properties(site: Site, user: User) -> list[Property]:
    return service.visible_properties(site.services.database, user)


def field_of(page_fields: set[ui.select], label: str) -> ui.select:
    return next(field for field in page_fields if field.props.get("aria-label") == label)


async def test_theme_and_time_zone_are_kept_with_the_account(site: Site, ada: User) -> None:
    browser = site.browser(ada)
    await browser.open("/account")
    field_of(browser.find(ui.select).elements, "Theme").value = "dark"
    field_of(browser.find(ui.select).elements, "Time zone").value = "Europe/Berlin"
    await has(browser, "Saved.")
    stored = users.find(site.services.database, ada.email)
    assert (stored.theme, stored.timezone) == ("dark", "Europe/Berlin")
    assert 'propriumTheme.choose("dark")' in (await site.client(ada).get("/properties")).text.replace("'", '"').replace(
        "\\u0022", '"'
    )
    browser = site.browser(stored)
    await browser.open("/properties")
    press(browser, "New property")
    last_field(browser).value = "Shop"
    press(browser, "Create")
    async with asyncio.timeout(5):
        while not (shops := [each for each in list_properties(site, stored) if each.name == "Shop"]):
            await asyncio.sleep(0.05)
    assert shops[0].timezone == "Europe/Berlin"


@pytest.mark.parametrize("theme", ["", "blue", "');alert(1)//", "x" * 10_000])
def test_what_is_no_theme_is_not_stored(database: Database, theme: str) -> None:
    ada = a_user(database)
    preferences.set_theme(database, ada.id, theme)
    assert users.find(database, ada.email).theme is None


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "x" * 1_000])
def test_what_is_no_time_zone_is_refused(database: Database, zone: str) -> None:
    with pytest.raises(UserFacingError):
        preferences.set_timezone(database, a_user(database).id, zone)
