"""The e-mail settings: who sees them, the test mail with the server's answer, the list of the last mails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nicegui.testing import User as Browser

from proprium.mail.mailer import Mailer
from proprium.storage.tables import Role, User
from tests.support.builders import a_user
from tests.support.mail_server import MAIL_PASSWORD, USER, MailServer, mail_server
from tests.support.pseudo_language import page_texts, pseudo_language, untranslated
from tests.ui.conftest import Site, mailer_of
from tests.ui.test_property_pages import has, last_field, press


@pytest.fixture
def owner(site: Site) -> User:
    return a_user(site.services.database, role=Role.OWNER)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as mail:
        yield mail


async def opened(site: Site, owner: User, mailer: Mailer) -> Browser:
    object.__setattr__(site.services, "mail", mailer)
    browser = site.browser(owner)
    await browser.open("/settings/mail")
    return browser


async def test_only_owners_see_the_mail_settings(site: Site, owner: User) -> None:
    assert (await site.client(owner).get("/settings/mail")).status_code == 200
    member = a_user(site.services.database, "bob@example.com")
    assert (await site.client(member).get("/settings/mail")).status_code == 404
    assert (await site.client().get("/settings/mail")).headers["location"] == "/login?next=/settings/mail"


async def test_a_test_mail_shows_what_the_server_said_and_is_listed(site: Site, owner: User, mail: MailServer) -> None:
    browser = await opened(site, owner, mailer_of(site, f"smtp://localhost:{mail.port}"))
    await has(browser, f"localhost:{mail.port}")
    press(browser, "Send test mail")
    await has(browser, "Sent. The server's answer: 250 2.0.0 queued as number 1")
    assert mail.messages[0]["To"] == owner.email
    await has(browser, "sent")
    mail.recipient_answer = "550 5.1.1 Mailbox <b>unavailable</b>"
    last_field(browser).value = "eve@example.com"
    press(browser, "Send test mail")
    await has(browser, "Not sent. Answer: 550 5.1.1 Mailbox <b>unavailable</b>")
    await has(browser, "failed")


@pytest.mark.parametrize("recipient", ["", "nobody", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@c.de"])
async def test_a_test_mail_goes_to_one_address(site: Site, owner: User, mail: MailServer, recipient: str) -> None:
    browser = await opened(site, owner, mailer_of(site, f"smtp://localhost:{mail.port}"))
    last_field(browser).value = recipient
    press(browser, "Send test mail")
    await has(browser, "is not an e-mail address")
    assert mail.messages == []


async def test_the_password_of_the_server_is_not_shown(site: Site, owner: User, mail: MailServer) -> None:
    url = f"smtp://stats%40example.com:a%2Fb%3Ac%40d%25@localhost:{mail.port}"
    browser = await opened(site, owner, mailer_of(site, url))
    await has(browser, USER)
    assert browser.client is not None
    assert not any(MAIL_PASSWORD in text for text in page_texts(browser.client))


@pytest.mark.parametrize("is_production", [True, False])
async def test_without_a_server_the_page_says_how_to_name_one(site: Site, owner: User, is_production: bool) -> None:
    browser = await opened(site, owner, mailer_of(site, "", is_production=is_production))
    await has(browser, "so no mail is sent" if is_production else "written to the server's log")
    await has(browser, "PROPRIUM_SMTP_URL=smtp://user:password@mail.example.com:587")


async def test_texts_of_the_mail_settings(site: Site, owner: User, mail: MailServer) -> None:
    mailer = mailer_of(site, f"smtp://localhost:{mail.port}")
    with pseudo_language():
        browser = await opened(site, owner, mailer)
        press(browser, "⟦Send test mail⟧")
        await has(browser, "⟦Sent. The server's answer")
        assert browser.client is not None
        texts = list(page_texts(browser.client))
    names = {f"localhost:{mail.port}", "proprium@localhost", owner.email, "Proprium", "250 2.0.0 queued as number 1"}
    assert untranslated(texts, names | {"http://localhost:8000"}) == []
