"""The queue of outgoing mails: retries, giving up, erasure of what was sent."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from proprium.config import Env, Settings
from proprium.mail import queue, texts
from proprium.mail.mailer import Mailer, Transport
from proprium.mail.queue import MailState
from proprium.mail.smtp import MailFailed
from proprium.storage.database import Database
from tests.support.mail_server import MailServer, mail_server
from tests.support.servers import free_port

BASE = "https://stats.example.com"
START = datetime(2026, 11, 2, 9, tzinfo=UTC)


class Hands:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def settings(port: int = 0, env: Env = Env.PRODUCTION) -> Settings:
    url = f"smtp://localhost:{port}" if port else ""
    return Settings(env=env, base_url=BASE, smtp_url=url, _env_file=None)  # type: ignore[call-arg]


def add(database: Database, mailer: Mailer, recipient: str = "ada@example.com") -> None:
    with database.write_transaction() as session:
        mailer.add(session, recipient, texts.password_reset(BASE, f"{BASE}/password-reset/new?token=secret"))


async def test_a_mail_is_sent_once_and_its_text_is_erased(database: Database) -> None:
    with mail_server() as mail:
        mailer = Mailer(settings(mail.port), database)
        add(database, mailer)
        for _ in range(2):
            await mailer.send_due()
    assert len(mail.messages) == 1
    (record,) = queue.latest(database)
    assert (queue.state_of(record), record.text, record.html, record.attempts) == (MailState.SENT, "", "", 1)
    assert record.recipient == "ada@example.com"


async def test_a_server_that_is_down_is_asked_later_and_later_for_a_day(database: Database) -> None:
    clock, attempts_at = Hands(), []
    mailer = Mailer(settings(free_port()), database, clock=clock)
    add(database, mailer)
    while (record := queue.latest(database)[0]).next_at is not None:
        assert record.text
        clock.now = record.next_at
        attempts_at.append((clock.now - START) / timedelta(minutes=1))
        await mailer.send_due()
    delays = [later - earlier for earlier, later in pairwise(attempts_at)]
    assert delays[:8] == [1, 2, 4, 8, 16, 32, 64, 120]
    assert delays == sorted(delays)
    assert 22 * 60 < attempts_at[-1] <= 24 * 60
    assert (queue.state_of(record), record.text, record.html) == (MailState.FAILED, "", "")
    assert "localhost" in record.error


async def test_a_mail_that_waited_is_sent_when_the_server_is_back(database: Database) -> None:
    clock, port = Hands(), free_port()
    mailer = Mailer(settings(port), database, clock=clock)
    add(database, mailer)
    await mailer.send_due()
    assert queue.state_of(queue.latest(database)[0]) is MailState.WAITING
    with mail_server(MailServer(port=port)) as mail:
        await mailer.send_due()
        assert mail.messages == []  # not before its time
        clock.now += timedelta(minutes=1)
        await mailer.send_due()
        assert len(mail.messages) == 1
    record = queue.latest(database)[0]
    assert (queue.state_of(record), record.error, record.attempts) == (MailState.SENT, "", 2)


async def test_a_final_refusal_is_not_repeated(database: Database) -> None:
    with mail_server(MailServer(recipient_answer="550 5.1.1 No such user")) as mail:
        mailer = Mailer(settings(mail.port), database)
        add(database, mailer)
        await mailer.send_due()
    (record,) = queue.latest(database)
    assert (queue.state_of(record), record.error, record.text) == (MailState.FAILED, "550 5.1.1 No such user", "")


async def test_one_bad_mail_holds_up_no_other(database: Database) -> None:
    with mail_server() as mail:
        mailer = Mailer(settings(mail.port), database)
        for recipient in ("not one, but two@example.com", "ada@example.com"):
            add(database, mailer, recipient)
        await mailer.send_due()
    assert [message["To"] for message in mail.messages] == ["ada@example.com"]
    assert sorted(queue.state_of(record) for record in queue.latest(database)) == [MailState.FAILED, MailState.SENT]


def test_two_senders_do_not_send_the_same_mail(database: Database) -> None:
    add(database, Mailer(settings(1), database))
    assert queue.claim_next(database) is not None
    assert queue.claim_next(database) is None


def test_a_mail_whose_sender_died_is_due_again(database: Database) -> None:
    clock = Hands()
    add(database, Mailer(settings(1), database, clock=clock))
    queue.claim_next(database, clock=clock)
    clock.now += timedelta(minutes=1)
    assert queue.claim_next(database, clock=clock) is not None


def test_a_mail_is_queued_with_its_cause_or_not_at_all(database: Database) -> None:
    mailer = Mailer(settings(1), database)
    with suppress(ZeroDivisionError), database.write_transaction() as session:
        mailer.add(session, "ada@example.com", texts.test_mail(BASE))
        raise ZeroDivisionError
    assert queue.latest(database) == []


async def test_a_new_mail_is_sent_at_once_by_the_running_mailer(database: Database) -> None:
    with mail_server() as mail:
        mailer = Mailer(settings(mail.port), database)
        task = asyncio.create_task(mailer.run())
        await asyncio.sleep(0.2)
        add(database, mailer)
        mailer.wake()
        async with asyncio.timeout(5):  # it looks for retries every ten seconds
            while not mail.messages:
                await asyncio.sleep(0.02)
        task.cancel()


async def test_the_log_forgets_after_a_month(database: Database) -> None:
    clock = Hands()
    with mail_server() as mail:
        mailer = Mailer(settings(mail.port), database, clock=clock)
        add(database, mailer)
        await mailer.send_due()
    clock.now += timedelta(days=29)
    queue.delete_old(database, clock=clock)
    assert len(queue.latest(database)) == 1
    clock.now += timedelta(days=2)
    queue.delete_old(database, clock=clock)
    assert queue.latest(database) == []


async def test_a_test_mail_says_what_the_server_said(database: Database) -> None:
    with mail_server(MailServer(data_answer="554 5.7.1 Relay access denied")) as mail:
        mailer = Mailer(settings(mail.port), database)
        with pytest.raises(MailFailed, match=r"^554 5\.7\.1 Relay access denied$"):
            await mailer.send_test("ada@example.com")
        mail.data_answer = ""
        assert await mailer.send_test("ada@example.com") == "250 2.0.0 queued as number 1"
    assert [queue.state_of(record) for record in queue.latest(database)] == [MailState.SENT, MailState.FAILED]
    assert await asyncio.to_thread(queue.claim_next, database) is None


async def test_without_a_server_mails_of_development_are_logged_with_their_link(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    mailer = Mailer(settings(env=Env.DEVELOPMENT), database)
    assert mailer.transport is Transport.LOG
    add(database, mailer)
    with caplog.at_level(logging.INFO):
        await mailer.send_due()
    assert "password-reset/new?token=secret" in next(vars(record)["text"] for record in caplog.records)
    assert queue.latest(database)[0].text == ""


def test_without_a_server_there_is_no_mail_in_production(database: Database) -> None:
    assert not Mailer(settings(), database).is_available
