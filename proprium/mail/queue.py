"""Queue of outgoing e-mails in storage: retries with growing delay, and the log of what was sent.

A mail is claimed before it is sent: claiming plans its next attempt, so that one whose sender died is sent again. Text
and HTML are erased once it was sent or given up, since they may hold a secret link.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Session, col, select

from proprium.clock import Clock, utc_now
from proprium.mail.content import MailContent
from proprium.storage.database import Database
from proprium.storage.tables import OutgoingMail

FIRST_DELAY = timedelta(minutes=1)
MAX_DELAY = timedelta(hours=2)
GIVES_UP_AFTER = timedelta(days=1)
LOG_LIFETIME = timedelta(days=30)
MAX_ERROR_LENGTH = 500


class MailState(StrEnum):
    SENT = "sent"
    WAITING = "waiting"
    FAILED = "failed"


def state_of(mail: OutgoingMail) -> MailState:
    if mail.sent_at is not None:
        return MailState.SENT
    return MailState.FAILED if mail.next_at is None else MailState.WAITING


def add(session: Session, recipient: str, content: MailContent, now: datetime) -> OutgoingMail:
    """Queues a mail in the caller's transaction, to be sent at once."""
    mail = OutgoingMail(
        recipient=recipient,
        subject=content.subject,
        text=content.as_text(),
        html=content.as_html(),
        created_at=now,
        next_at=now,
    )
    session.add(mail)
    return mail


def claim_next(database: Database, *, clock: Clock = utc_now) -> OutgoingMail | None:
    """Returns the mail that is due first and plans its next attempt; None when nothing is due.

    Takes the write lock only if something is due.
    """
    now = clock()
    due = select(OutgoingMail).where(col(OutgoingMail.next_at) <= now).order_by(col(OutgoingMail.next_at)).limit(1)
    with database.session() as session:
        if session.exec(due).first() is None:
            return None
    with database.write_transaction() as session:
        if (mail := session.exec(due).first()) is None:  # another process was faster
            return None
        mail.attempts += 1
        mail.next_at = now + delay_after(mail.attempts)
    return mail


def delay_after(attempts: int) -> timedelta:
    """Returns the time between an attempt and the next: one minute, doubled each time, two hours at most."""
    delay: timedelta = FIRST_DELAY * 2 ** min(attempts - 1, 20)
    return min(delay, MAX_DELAY)


def record_sent(database: Database, mail_id: UUID, *, clock: Clock = utc_now) -> None:
    with database.write_transaction() as session:
        if (mail := session.get(OutgoingMail, mail_id)) is not None:
            mail.sent_at, mail.error = clock(), ""
            _finish(mail)


def record_failure(database: Database, mail_id: UUID, answer: str, *, is_permanent: bool = False) -> None:
    """Stores the server's answer; gives the mail up if that is final, or if the next attempt would be too late."""
    with database.write_transaction() as session:
        if (mail := session.get(OutgoingMail, mail_id)) is not None:
            mail.error = answer[:MAX_ERROR_LENGTH]
            if is_permanent or mail.next_at is None or mail.next_at > mail.created_at + GIVES_UP_AFTER:
                _finish(mail)


def latest(database: Database, limit: int = 50) -> Sequence[OutgoingMail]:
    """Lists the newest mails, latest first."""
    statement = select(OutgoingMail).order_by(col(OutgoingMail.created_at).desc()).limit(limit)
    with database.session() as session:
        return session.exec(statement).all()


def delete_old(database: Database, *, clock: Clock = utc_now) -> None:
    """Deletes the records of mails that were sent or given up over LOG_LIFETIME ago."""
    is_old = (col(OutgoingMail.next_at).is_(None), col(OutgoingMail.created_at) < clock() - LOG_LIFETIME)
    with database.write_transaction() as session:
        session.execute(delete(OutgoingMail).where(*is_old))


def _finish(mail: OutgoingMail) -> None:
    mail.next_at, mail.text, mail.html = None, "", ""
