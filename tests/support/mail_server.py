"""A real mail server on this machine, which answers as a test wants and keeps what it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers import free_port

USER, MAIL_PASSWORD = "stats@example.com", "a/b:c@d%"


@dataclass
class MailServer:
    """Keeps each accepted message; `recipient_answer` and `data_answer` refuse, `delay_s` is before any of them."""

    port: int = field(default_factory=free_port)
    recipient_answer: str = ""
    data_answer: str = ""
    delay_s: float = 0.0
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.delay_s)
        if self.recipient_answer:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_answer:
            return self.data_answer
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.envelopes.append(envelope)
        self.was_encrypted.append(
            session.ssl is not None or isinstance(server.transport, asyncio.sslproto._SSLProtocolTransport)
        )  # type: ignore[attr-defined]
        return f"250 2.0.0 queued as number {len(self.messages)}"

    @property
    def texts(self) -> list[str]:
        """The plain text of each message."""
        parts = [message.get_body(("plain",)) for message in self.messages]
        return [part.get_content() for part in parts if part is not None]


class _StartTlsController(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, **self.SMTP_kwargs)


def _sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    is_right = (
        isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == MAIL_PASSWORD.encode()
    )
    return AuthResult(success=is_right, handled=False)


@contextmanager
def mail_server(
    mail: MailServer | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    is_implicit: bool = False,
    has_users: bool = False,
) -> Iterator[MailServer]:
    """Runs a server. `tls` is its certificate: for STARTTLS, or from the first byte if `is_implicit`."""
    mail = mail or MailServer()
    options = {"authenticator": _sign_in, "auth_required": True, "auth_require_tls": False} if has_users else {}
    controller = _StartTlsController(
        mail,
        hostname="127.0.0.1",
        port=mail.port,
        ssl_context=tls if is_implicit else None,
        tls_context=None if is_implicit else tls,
        **options,
    )
    controller.start()
    try:
        yield mail
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Returns the contexts of a server named localhost and of a client that trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=pem.decode())
    return server, client
