"""Mailer: queues e-mails and sends them in the background, by SMTP or, in development, to the log."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from enum import StrEnum

from sqlmodel import Session

from proprium.clock import Clock, utc_now
from proprium.config import Env, Settings
from proprium.mail import queue, texts
from proprium.mail.content import MailContent
from proprium.mail.smtp import MailFailed, SmtpServer, build_message
from proprium.storage.database import Database
from proprium.storage.tables import OutgoingMail

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 10.0
"""Interval at which due retries are looked for: one indexed read. A new mail is sent at once."""
CLEANUP_INTERVAL_S = 3_600.0


class Transport(StrEnum):
    SMTP = "smtp"
    LOG = "log"  # in development without a mail server
    NONE = "none"


class Mailer:
    """E-mail of one server. Without a transport nothing may be queued: ask `is_available`."""

    def __init__(
        self, settings: Settings, database: Database, *, server: SmtpServer | None = None, clock: Clock = utc_now
    ) -> None:
        self._database, self._clock = database, clock
        self.base_url = settings.public_url
        self.sender = settings.mail_sender
        self.server = server or (SmtpServer.of(settings.smtp_url) if settings.smtp_url else None)
        is_development = settings.env is Env.DEVELOPMENT
        self.transport = Transport.SMTP if self.server else Transport.LOG if is_development else Transport.NONE
        self._wake_event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_available(self) -> bool:
        return self.transport is not Transport.NONE

    def add(self, session: Session, recipient: str, content: MailContent) -> None:
        """Queues a mail in the caller's transaction. Call `wake` after its commit."""
        assert self.is_available
        queue.add(session, recipient, content, self._clock())

    def wake(self) -> None:
        """Has new mails sent at once; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake_event.set)

    async def run(self) -> None:
        """Sends queued mails until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        cleaned_s = float("-inf")
        while self.is_available:
            self._wake_event.clear()
            try:
                await self.send_due()
                if self._loop.time() - cleaned_s > CLEANUP_INTERVAL_S:
                    await asyncio.to_thread(queue.delete_old, self._database, clock=self._clock)
                    cleaned_s = self._loop.time()
            except Exception:  # storage may be usable again in a moment
                log.exception("e-mail queue failed, will retry")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake_event.wait(), POLL_INTERVAL_S)

    async def send_due(self) -> None:
        """Sends all mails that are due, one after another."""
        while mail := await asyncio.to_thread(queue.claim_next, self._database, clock=self._clock):
            with suppress(MailFailed):  # is recorded
                await self._send(mail)

    async def send_test(self, recipient: str) -> str:
        """Sends a test mail at once and returns the server's answer. Raises MailFailed. It is not sent again."""
        with self._database.write_transaction() as session:
            mail = queue.add(session, recipient, texts.test_mail(self.base_url), self._clock())
            mail.attempts, mail.next_at = 1, None
        return await self._send(mail)

    async def _send(self, mail: OutgoingMail) -> str:
        try:
            answer = await self._deliver(mail)
        except MailFailed as failure:
            log.warning("e-mail not sent", extra={"attempt": mail.attempts, "answer": str(failure)})
            await asyncio.to_thread(
                queue.record_failure, self._database, mail.id, str(failure), is_permanent=failure.is_permanent
            )
            raise
        await asyncio.to_thread(queue.record_sent, self._database, mail.id, clock=self._clock)
        return answer

    async def _deliver(self, mail: OutgoingMail) -> str:
        if self.server is None:
            log.info("e-mail", extra={"to": mail.recipient, "subject": mail.subject, "text": mail.text})
            return ""
        try:
            message = build_message(self.sender, mail.recipient, mail.subject, mail.text, mail.html)
        except ValueError as error:
            raise MailFailed(str(error), is_permanent=True) from None
        return await self.server.send(message)
