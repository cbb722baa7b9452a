"""Sending to a real mail server: encryption, passwords, answers, and headers that nobody can inject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proprium.mail import texts
from proprium.mail.content import MailContent
from proprium.mail.smtp import MailFailed, SmtpServer, build_message
from tests.support.mail_server import MAIL_PASSWORD, USER, MailServer, certificate, mail_server
from tests.support.servers import free_port

SENDER = "Stats, Inc. <stats@example.com>"
LINK = "https://stats.example.com/password-reset/new?token=" + "a1_" * 20


def a_message(recipient: str = "ada@example.com", subject: str = "Reset your password"):
    content = texts.password_reset("https://stats.example.com", LINK)
    return build_message('"Stats, Inc." <stats@example.com>', recipient, subject, content.as_text(), content.as_html())


def server_of(mail: MailServer, scheme: str = "smtp", user: str = "", password: str = "") -> SmtpServer:
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    return SmtpServer.of(f"{scheme}://{login}localhost:{mail.port}")


async def test_a_mail_arrives_with_both_parts_and_the_server_answers_in_its_own_words() -> None:
    with mail_server() as mail:
        answer = await server_of(mail).send(a_message())
    assert answer == "250 2.0.0 queued as number 1"
    (message,) = mail.messages
    assert (message["To"], message["From"]) == ("ada@example.com", '"Stats, Inc." <stats@example.com>')
    assert message["Auto-Submitted"] == "auto-generated"
    html = message.get_body(("html",))
    assert html is not None
    assert f'href="{LINK}"' in html.get_content()
    assert LINK in mail.texts[0].splitlines()  # whole, on a line of its own


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
async def test_starttls_encrypts_where_it_is_offered(tmp_path: Path, scheme: str) -> None:
    server_tls, client_tls = certificate(tmp_path)
    with mail_server(tls=server_tls) as mail:
        await replace(server_of(mail, scheme), tls_context=client_tls).send(a_message())
    assert mail.was_encrypted == [True]


async def test_smtps_encrypts_from_the_first_byte(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)
    with mail_server(tls=server_tls, is_implicit=True) as mail:
        await replace(server_of(mail, "smtps"), tls_context=client_tls).send(a_message())
    assert mail.was_encrypted == [True]


async def test_a_required_starttls_that_is_not_offered_sends_nothing() -> None:
    with mail_server() as mail:
        with pytest.raises(MailFailed, match="STARTTLS"):
            await server_of(mail, "smtp+starttls").send(a_message())
        await server_of(mail).send(a_message())
    assert mail.was_encrypted == [False]


async def test_a_certificate_that_nobody_signed_is_refused_where_tls_is_required(tmp_path: Path) -> None:
    with mail_server(tls=certificate(tmp_path)[0]) as mail:
        with pytest.raises(MailFailed, match="certificate"):
            await server_of(mail, "smtp+starttls").send(a_message())
        assert mail.messages == []
        await server_of(mail).send(a_message())  # to this machine, where nobody is between
    assert mail.was_encrypted == [True]


async def test_user_and_password_are_sent_as_they_are_whatever_is_in_them() -> None:
    with mail_server(has_users=True) as mail:
        await server_of(mail, "smtp", USER, MAIL_PASSWORD).send(a_message())
    assert len(mail.messages) == 1


async def test_a_wrong_password_is_answered_by_the_server() -> None:
    with mail_server(has_users=True) as mail, pytest.raises(MailFailed) as raised:
        await server_of(mail, "smtp", USER, "wrong").send(a_message())
    assert str(raised.value) == "535 5.7.8 Authentication credentials invalid"
    assert not raised.value.is_permanent  # the owner may correct it
    assert mail.messages == []


async def test_a_password_is_not_sent_in_clear_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpServer, "is_loopback", False)
    with mail_server(has_users=True) as mail, pytest.raises(MailFailed, match="offers no encryption"):
        await server_of(mail, "smtp", USER, MAIL_PASSWORD).send(a_message())
    assert mail.messages == []


@pytest.mark.parametrize(
    ("mail", "answer", "is_permanent"),
    [
        (MailServer(recipient_answer="550 5.1.1 No such user here"), "550 5.1.1 No such user here", True),
        (MailServer(recipient_answer="450 4.2.1 Try again later"), "450 4.2.1 Try again later", False),
        (MailServer(data_answer="554 5.7.1 Spam"), "554 5.7.1 Spam", True),
        (MailServer(data_answer="421 4.3.2 Shutting down"), "421 4.3.2 Shutting down", False),
    ],
)
async def test_a_refusal_is_told_in_the_servers_words(mail: MailServer, answer: str, is_permanent: bool) -> None:
    with mail_server(mail), pytest.raises(MailFailed) as raised:
        await server_of(mail).send(a_message())
    assert (str(raised.value), raised.value.is_permanent) == (answer, is_permanent)


async def test_a_slow_server_ends_in_time() -> None:
    with mail_server(MailServer(delay_s=3)) as mail, pytest.raises(MailFailed, match=r"not answer within 0\.3 seconds"):
        await replace(server_of(mail), timeout_s=0.3).send(a_message())


async def test_a_server_that_is_down_is_named() -> None:
    port = free_port()
    with pytest.raises(MailFailed, match=f"localhost:{port}"):
        await SmtpServer.of(f"smtp://localhost:{port}").send(a_message())


@given(st.text(max_size=60))
def test_no_subject_adds_a_header(subject: str) -> None:
    plain = a_message()
    message = a_message(subject=f"a{subject}\r\nBcc: eve@example.com")
    assert message.keys() == plain.keys()
    head = bytes(message).partition(b"\n\n")[0]
    assert b"\nBcc:" not in head
    assert "\n" not in message["Subject"]


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.com, eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nX: y",
        "<ada@example.com>",
        "ada eve@example.com",
        "a,eve@localhost",
        "ada@",
        "@example.com",
        "",
    ],
)
def test_a_recipient_is_one_address_or_none(recipient: str) -> None:
    with pytest.raises(ValueError):
        a_message(recipient)


def test_a_host_outside_of_ascii_is_written_as_dns_knows_it() -> None:
    assert a_message("ada@exämple.de")["To"] == "ada@xn--exmple-cua.de"


def test_names_in_a_mail_are_text_and_never_html() -> None:
    content = MailContent("<b>&", ('<a href="javascript:x">',), "https://e.example/?a=1&b=2", "<i>", ("<script>",))
    for tag in ("<b>", "<i>", "<script>", 'javascript:x"'):
        assert tag not in content.as_html()
    assert '<a href="javascript:x">' in content.as_text()
