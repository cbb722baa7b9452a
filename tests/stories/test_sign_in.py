"""Signing in as people do, in a real browser against a real server: a forgotten password, by a mail that arrives, an
authenticator app, and passkeys of Chromium's virtual authenticator."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.support.mail_server import MailServer, mail_server
from tests.support.openid_server import CLIENT_ID, CLIENT_SECRET, openid_server
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


def test_an_authenticator_app_is_asked_for_after_the_password(browser: Browser, server: Running) -> None:
    server.proprium("user", "add", "grace@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    page = browser.new_context().new_page()
    sign_in(page, server, "grace@example.com", PASSWORD)
    page.goto(f"{server.url}/account")
    page.get_by_role("link", name="Set up").click()
    secret = page.get_by_label("Key for the app").inner_text().replace(" ", "")
    assert page.get_by_alt_text("QR code for the authenticator app").evaluate("image => image.naturalWidth") > 100
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).at(int(time.time()) - 30))
    page.get_by_role("button", name="Turn on").click()
    codes = page.get_by_label("Recovery codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()
    for code in (pyotp.TOTP(secret).now(), codes[0]):
        other = browser.new_context().new_page()
        sign_in(other, server, "grace@example.com", PASSWORD)
        expect(other).to_have_url(f"{server.url}/login/second-factor")
        other.get_by_label("Code").fill("000 000")
        other.get_by_role("button", name="Sign in").click()
        expect(other.get_by_text("This code is wrong, expired or was used before.")).to_be_visible()
        other.get_by_label("Code").fill(code)
        other.get_by_role("button", name="Sign in").click()
        expect(other).to_have_url(f"{server.url}/properties")


def with_authenticator(page: Page) -> CDPSession:
    """Gives the page's browser context a passkey holder that is built in, and agrees to everything."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.authenticator = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]  # type: ignore[attr-defined]
    return session


def test_a_passkey_signs_in_alone_and_as_the_second_factor(browser: Browser, server: Running) -> None:
    server.proprium("user", "add", "joan@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    page = browser.new_context().new_page()
    authenticator = with_authenticator(page)
    sign_in(page, server, "joan@example.com", PASSWORD)
    page.goto(f"{server.url}/account")
    page.get_by_label("Name of the new passkey").fill("Joan's <b>laptop")
    page.get_by_role("button", name="Add passkey").click()
    assert len(page.get_by_label("Recovery codes").inner_text().split()) == 10
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_label("Name of the passkey Joan's <b>laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    # Alone, and back to the page that was asked for.
    page.goto(f"{server.url}/sql")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{server.url}/sql")
    page.goto(f"{server.url}/account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    # After the password.
    sign_in(page, server, "joan@example.com", PASSWORD)
    expect(page).to_have_url(f"{server.url}/login/second-factor")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{server.url}/properties")
    # A copy of the passkey counts from where it was copied.
    credential = authenticator.send("WebAuthn.getCredentials", {"authenticatorId": authenticator.authenticator})[
        "credentials"
    ][0]  # type: ignore[attr-defined]
    assert credential["signCount"] >= 2
    copy = browser.new_context().new_page()
    copier = with_authenticator(copy)
    copy.goto(f"{server.url}/login")
    copied = {**credential, "signCount": 1}
    copier.send("WebAuthn.addCredential", {"authenticatorId": copier.authenticator, "credential": copied})  # type: ignore[attr-defined]
    copy.get_by_role("button", name="Sign in with a passkey").click()
    expect(copy.get_by_text("This passkey does not sign in here.")).to_be_visible()
    # Removed, it signs nobody in.
    page.goto(f"{server.url}/account")
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, server, "joan@example.com", PASSWORD)
    expect(page).to_have_url(f"{server.url}/properties")


def test_an_identity_provider_signs_in(browser: Browser, tmp_path: Path) -> None:
    with openid_server() as provider:
        env = {
            "PROPRIUM_OIDC_ISSUER": provider.issuer,
            "PROPRIUM_OIDC_CLIENT_ID": CLIENT_ID,
            "PROPRIUM_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "PROPRIUM_OIDC_NAME": "Keycloak",
        }
        with running(tmp_path, env=env) as server:
            server.add_owner("ada@example.com", PASSWORD)
            page = browser.new_context().new_page()
            page.goto(f"{server.url}/sql")
            page.get_by_role("link", name="Sign in with Keycloak").click()
            expect(page).to_have_url(f"{server.url}/sql")
            provider.claims = {"nonce": "another"}
            other = browser.new_context().new_page()
            other.goto(f"{server.url}/login")
            other.get_by_role("link", name="Sign in with Keycloak").click()
            expect(other.get_by_text("Signing in with the identity provider failed.")).to_be_visible()


def test_a_theme_follows_its_account_to_another_browser(browser: Browser, server: Running) -> None:
    server.proprium("user", "add", "mary@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    page = browser.new_context(color_scheme="light").new_page()
    sign_in(page, server, "mary@example.com", PASSWORD)
    page.wait_for_function("window.did_handshake")
    page.get_by_role("button", name="Theme: automatic, light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    time.sleep(1)
    other = browser.new_context(color_scheme="light").new_page()
    sign_in(other, server, "mary@example.com", PASSWORD)
    expect(other).to_have_url(f"{server.url}/properties")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
