"""SMTP: the configured server, and sending one message through it with the server's own answer."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from proprium.clock import utc_now
from proprium.config import parse_mailbox
from proprium.i18n import gettext as _

DEFAULT_PORTS = {"smtp": 587, "smtp+starttls": 587, "smtps": 465}
TIMEOUT_S = 30.0
"""Timeout of the whole delivery of one message."""


class MailFailed(Exception):
    """A message that was not accepted; the text is the server's answer, or what went wrong before it.

    `is_permanent` is True if the server will never accept this message, so that it is not sent again.
    """

    def __init__(self, answer: str, *, is_permanent: bool = False) -> None:
        super().__init__(answer)
        self.is_permanent = is_permanent


@dataclass(frozen=True)
class SmtpServer:
    """A mail server and how to sign in to it."""

    scheme: str  # smtp: STARTTLS where offered; smtp+starttls: always; smtps: TLS from the first byte
    host: str
    port: int
    user: str = ""
    password: str = ""
    tls_context: ssl.SSLContext | None = None  # None: the system's certificate authorities
    timeout_s: float = TIMEOUT_S

    @classmethod
    def of(cls, url: str) -> SmtpServer:
        """Returns the server of a valid PROPRIUM_SMTP_URL."""
        parts = urlsplit(url)
        assert parts.hostname
        return cls(
            parts.scheme,
            parts.hostname,
            parts.port or DEFAULT_PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    @property
    def is_loopback(self) -> bool:
        """True for a server on this machine: nothing on the way can read or change what is sent."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    async def send(self, message: EmailMessage) -> str:
        """Sends a message; returns the server's answer, such as "250 OK". Raises MailFailed.

        A password goes over an encrypted connection or not at all, except to this machine.
        """
        has_optional_tls = self.scheme == "smtp"
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.scheme == "smtps",
            start_tls={"smtp": None, "smtp+starttls": True, "smtps": False}[self.scheme],
            tls_context=self.tls_context,
            # Mail servers of one machine have certificates that nobody has signed.
            validate_certs=not (has_optional_tls and self.is_loopback),
            timeout=self.timeout_s,
        )
        try:
            async with asyncio.timeout(self.timeout_s):
                try:
                    await client.connect()
                    if self.user:
                        self._check_encryption(client)
                        await client.login(self.user, self.password)
                    _errors, answer = await client.send_message(message)
                    await client.quit()
                finally:
                    client.close()
        except TimeoutError:
            raise MailFailed(
                _("{server} did not answer within {seconds} seconds.", server=self.name, seconds=f"{self.timeout_s:g}")
            ) from None
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _failure(refused.recipients[0], is_about_message=True) from None
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused) as error:
            raise _failure(error, is_about_message=True) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailFailed(f"{self.name}: {' '.join(str(error).split())}") from None
        return f"250 {answer}" if not answer.startswith("250") else answer

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _check_encryption(self, client: aiosmtplib.SMTP) -> None:
        if not self.is_loopback and client.get_transport_info("sslcontext") is None:
            raise MailFailed(
                _(
                    "{server} offers no encryption (STARTTLS), so the password was not sent. Use smtps://, or leave out"
                    " user and password.",
                    server=self.name,
                )
            )


def build_message(sender: str, recipient: str, subject: str, text: str, html: str) -> EmailMessage:
    """Returns a message with a text and an HTML part.

    No value can add a header or a recipient: line breaks of the subject become spaces. Raises ValueError for a
    recipient that is not exactly one address.
    """
    message = EmailMessage()
    mailbox = parse_mailbox(sender)
    message["From"] = mailbox
    message["To"] = _address(recipient)
    message["Subject"] = " ".join("".join(char if char.isprintable() else " " for char in subject).split())
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = make_msgid(domain=_ascii_domain(mailbox.domain))
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies (RFC 3834)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _address(text: str) -> Address:
    """Returns an address with its domain in ASCII. Raises ValueError."""
    local_part, at, domain = text.rpartition("@")
    if not (local_part and at and domain) or not text.isprintable() or any(char in text for char in ' ,;<>()"\\'):
        raise ValueError("not one e-mail address")
    return Address(username=local_part, domain=_ascii_domain(domain))


def _ascii_domain(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode()


def _failure(error: aiosmtplib.SMTPResponseException, *, is_about_message: bool = False) -> MailFailed:
    """Returns the failure for a server's answer; 5xx to a recipient or to the text itself is final (RFC 5321)."""
    return MailFailed(
        f"{error.code} {' '.join(error.message.split())}", is_permanent=is_about_message and error.code >= 500
    )
