"""Signing in as people do, in a real browser against a real server: a forgotten password, by a mail that arrives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.mail_server import MailServer, mail_server
from tests.support.servers import Running, running

EMAIL, PASSWORD, NEW_PASSWORD = "owner@example.com", "correct horse battery", "another long password"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as mail:
        yield mail


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sign-in")
    with running(folder, env={"PROPRIUM_SMTP_URL": f"smtp://localhost:{mail.port}"}) as server:
        server.add_owner(EMAIL, PASSWORD)
        yield server


def until(is_true: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sign_in(page: Page, server: Running, email: str, password: str) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_forgotten_password_is_replaced_by_a_received_mail(
    browser: Browser, server: Running, mail: MailServer
) -> None:
    server.proprium("user", "add", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    elsewhere = browser.new_context().new_page()
    sign_in(elsewhere, server, "ada@example.com", PASSWORD)
    expect(elsewhere).to_have_url(f"{server.url}/properties")
    elsewhere.wait_for_function("window.did_handshake")
    page = browser.new_context().new_page()
    page.goto(f"{server.url}/login")
    page.get_by_role("link", name="Forgot password?").click()
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_text("a mail with a link is on its way")).to_be_visible()
    until(lambda: mail.messages)
    link = re.search(r"http://localhost:\d+/password-reset/new\?token=\S+", mail.texts[-1])
    assert link
    page.goto(link.group(0))
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    expect(elsewhere).to_have_url(re.compile("/login"), timeout=10_000)
    sign_in(page, server, "ada@example.com", NEW_PASSWORD)
    expect(page).to_have_url(f"{server.url}/properties")
    page.goto(link.group(0))
    expect(page.get_by_text("This link is not valid")).to_be_visible()
