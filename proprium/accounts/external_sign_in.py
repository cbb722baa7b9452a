"""Accounts of people who signed in elsewhere: at an OpenID Connect provider, or at a proxy in front of this server."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlmodel import Session, col

from proprium.accounts import audit, users
from proprium.accounts.audit import Action, Actor
from proprium.accounts.openid import Identity
from proprium.errors import Forbidden, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.database import Database
from proprium.storage.tables import Role, User


def user_of_identity(
    database: Database, identity: Identity, *, allowed_domains: Collection[str] = (), creates_users: bool = False
) -> User:
    """Returns the account of a user who signed in at the OpenID Connect provider.

    An account is bound to issuer and subject; the first time it is found by its e-mail address, which the provider has
    verified. Raises Forbidden when there is none and none may be created.
    """
    domain = identity.email.rpartition("@")[2]
    if allowed_domains and domain not in allowed_domains:
        raise Forbidden(_("Only verified e-mail addresses of certain domains may sign in here."))
    with database.write_transaction() as session:
        bound = session.scalars(select(User).where(col(User.oidc_subject) == identity.subject)).first()
        if bound is not None:
            return bound
        if not identity.email:
            raise Forbidden(_("The identity provider has not verified your e-mail address."))
        user = _user_of_email(session, identity.email)
        if user is None and creates_users:
            user = _create(session, identity.email, identity.name)
        if user is None:
            raise Forbidden(_no_account(identity.email))
        if user.oidc_subject is not None:
            raise Forbidden(_("The account {email} belongs to another identity.", email=identity.email))
        user.oidc_subject = identity.subject
        audit.record(session, Action.FACTOR_ADDED, Actor.of_user(user), target=user.email, after="OpenID Connect")
    return user


def user_of_proxy(database: Database, email: str, *, creates_users: bool = False) -> User:
    """Returns the account with the e-mail address that a trusted proxy has sent.

    Raises Forbidden when there is none and none may be created.
    """
    email = email.strip().lower()
    with database.session() as session:
        if (user := _user_of_email(session, email)) is not None:
            return user
    if not creates_users:
        raise Forbidden(_no_account(email))
    with database.write_transaction() as session:
        return _user_of_email(session, email) or _create(session, email, "")


def _no_account(email: str) -> str:
    shortened = email if len(email) <= 60 else email[:60] + "…"
    return _("{email} has no account on this server. Ask an owner for an invitation.", email=shortened)


def _user_of_email(session: Session, email: str) -> User | None:
    return session.scalars(select(User).where(col(User.email) == email)).first()


def _create(session: Session, email: str, name: str) -> User:
    """Creates a member without a password."""
    try:
        name = users.validate_name(name)
    except UserFacingError:  # too long: it can be set on the account page
        name = ""
    user = User(email=users.validate_email(email), name=name, password_hash="", role=Role.MEMBER, property_access={})
    session.add(user)
    audit.record(session, Action.USER_CREATED, Actor.of_user(user), target=user.email, after={"role": str(Role.MEMBER)})
    return user
