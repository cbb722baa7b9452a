"""Change of an account's e-mail address, confirmed by a link that is sent to the new one."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import Session, col

from proprium.accounts import audit, one_time_links, users
from proprium.accounts.audit import Action, Actor
from proprium.clock import Clock, utc_now
from proprium.errors import Conflict, InvalidLink
from proprium.i18n import gettext as _
from proprium.mail import texts
from proprium.mail.mailer import Mailer
from proprium.storage.database import Database
from proprium.storage.tables import OneTimeLink, OneTimeLinkKind, User

LINK_LIFETIME = timedelta(hours=1)
PAGE_PATH = "/account/e-mail"
KIND = OneTimeLinkKind.EMAIL_CHANGE


class EmailChange(NamedTuple):
    user: User
    new_email: str


def ask_confirmation(database: Database, mailer: Mailer, user_id: UUID, email: str, *, clock: Clock = utc_now) -> None:
    """Mails a link to a new address; the address changes once it is opened. An earlier link ends.

    Sends nothing to an address that has an account, without saying so. Raises UserFacingError for an invalid address.
    """
    email = users.validate_email(email)
    with database.write_transaction() as session:
        one_time_links.delete_all(session, KIND, user_id)
        if _is_taken(session, email):
            return
        token = one_time_links.create(session, KIND, LINK_LIFETIME, clock(), user_id=user_id, email=email)
        link = f"{mailer.base_url}{PAGE_PATH}?token={token}"
        mailer.add(session, email, texts.email_change(mailer.base_url, link))
    mailer.wake()


def find(database: Database, token: str, *, clock: Clock = utc_now) -> EmailChange:
    """Returns what a link would change, without using it. Raises InvalidLink."""
    with database.session() as session:
        link, user = _link_and_user(session, token, clock)
        return EmailChange(user, link.email)


def confirm(
    database: Database, mailer: Mailer, token: str, *, address: str | None = None, clock: Clock = utc_now
) -> User:
    """Changes the address, ends the link, and queues a notice to the old address. Password reset links of the user end.

    Raises InvalidLink, and Conflict if the address has got an account meanwhile.
    """
    with database.write_transaction() as session:
        link, user = _link_and_user(session, token, clock)
        new_email, old_email = link.email, user.email
        if _is_taken(session, new_email):
            raise Conflict(_("{email} already has an account.", email=new_email))
        actor = Actor.of_user(user, address)
        user.email = new_email
        for kind in (KIND, OneTimeLinkKind.PASSWORD_RESET):
            one_time_links.delete_all(session, kind, user.id)
        audit.record(
            session,
            Action.USER_CHANGED,
            actor,
            target=old_email,
            before={"email": old_email},
            after={"email": new_email},
        )
        if mailer.is_available:
            mailer.add(session, old_email, texts.email_changed(mailer.base_url, new_email))
    mailer.wake()
    return user


def _link_and_user(session: Session, token: str, clock: Clock) -> tuple[OneTimeLink, User]:
    link = one_time_links.find(session, KIND, token, clock())
    user = session.get(User, link.user_id) if link else None
    if link is None or user is None:
        raise InvalidLink
    return link, user


def _is_taken(session: Session, email: str) -> bool:
    return session.scalars(select(col(User.id)).where(col(User.email) == email)).first() is not None
