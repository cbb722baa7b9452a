"""Password reset: a one-time link by e-mail, or handed over by an owner, that sets a new password."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, select

from proprium.accounts import audit, one_time_links, passwords
from proprium.accounts.audit import Action, Actor
from proprium.clock import Clock, utc_now
from proprium.errors import InvalidLink, NotFound
from proprium.i18n import gettext as _
from proprium.mail import texts
from proprium.mail.mailer import Mailer
from proprium.storage.database import Database
from proprium.storage.tables import LoginSession, OneTimeLinkKind, User

LINK_LIFETIME = timedelta(hours=1)
PAGE_PATH = "/password-reset/new"
KIND = OneTimeLinkKind.PASSWORD_RESET


def create_link(database: Database, base_url: str, email: str, *, clock: Clock = utc_now) -> str:
    """Returns a reset link for an account. Raises NotFound. Earlier links stay valid for their hour."""
    with database.write_transaction() as session:
        if (user := _user_of_email(session, email)) is None:
            raise NotFound(_("No user {email}.", email=email.strip().lower()))
        return _add_link(session, base_url, user, clock)


def send_link(database: Database, mailer: Mailer, email: str, *, clock: Clock = utc_now) -> None:
    """Mails a reset link to an account's address; does nothing without such an account.

    Whether it exists shows in the time that this takes: call it after the request was answered. Earlier links stay
    valid, so that further requests by others do not invalidate a link that the user has just received.
    """
    with database.session() as session:  # an unknown address does not take the write lock
        if _user_of_email(session, email) is None:
            return
    with database.write_transaction() as session:
        if (user := _user_of_email(session, email)) is None:
            return
        mailer.add(
            session, user.email, texts.password_reset(mailer.base_url, _add_link(session, mailer.base_url, user, clock))
        )
    mailer.wake()


def find_user(database: Database, token: str, *, clock: Clock = utc_now) -> User:
    """Returns the user of a reset link without using it. Raises InvalidLink."""
    with database.session() as session:
        return _user_of_token(session, token, clock)


def reset_password(
    database: Database, token: str, password: str, *, address: str | None = None, clock: Clock = utc_now
) -> User:
    """Sets the password of a link's user, uses up all their reset links and ends all their sessions.

    Raises InvalidLink, and UserFacingError for a password that is too short or too long. Hashes a password: call it in
    the PasswordHashingPool.
    """
    find_user(database, token, clock=clock)  # before the work of hashing
    password_hash = passwords.hash_password(password)
    with database.write_transaction() as session:
        user = _user_of_token(session, token, clock)
        user.password_hash = password_hash
        one_time_links.delete_all(session, KIND, user.id)
        session.execute(delete(LoginSession).where(col(LoginSession.user_id) == user.id))
        audit.record(session, Action.PASSWORD_CHANGED, Actor.of_user(user, address), target=user.email)
    return user


def _user_of_email(session: Session, email: str) -> User | None:
    return session.exec(select(User).where(col(User.email) == email.strip().lower())).first()


def _add_link(session: Session, base_url: str, user: User, clock: Clock) -> str:
    token = one_time_links.create(session, KIND, LINK_LIFETIME, clock(), user_id=user.id)
    return f"{base_url}{PAGE_PATH}?token={token}"


def _user_of_token(session: Session, token: str, clock: Clock) -> User:
    link = one_time_links.find(session, KIND, token, clock())
    user = session.get(User, link.user_id) if link else None
    if user is None:
        raise InvalidLink
    return user
