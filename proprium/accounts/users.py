"""User accounts: creation, lookup, removal, profile, role and password changes.

Functions that change an account write an entry of the audit log in the transaction of the change.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import Session, col

from proprium.accounts import passwords
from proprium.accounts.audit import COMMAND_LINE, Action, Actor, record, record_change
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.properties import access
from proprium.storage.database import Database
from proprium.storage.tables import LoginSession, Passkey, Property, PropertyAccess, Role, User

MAX_EMAIL_LENGTH = 254
MAX_NAME_LENGTH = 100

_EMAIL_PATTERN = re.compile(
    r"[^@\s\x00-\x1f\x7f,;<>()\"]+@(?:[^@\s\x00-\x1f\x7f,;<>()\"]+\.[^@\s\x00-\x1f\x7f,;<>()\".]+|localhost)"
)


class UserSummary(NamedTuple):
    """A user, as the list of users shows them."""

    user: User
    owned_count: int  # properties
    shared_count: int  # properties of others on which they have a role
    has_second_factor: bool


def create_user(
    database: Database,
    email: str,
    name: str,
    password: str,
    role: Role = Role.MEMBER,
    *,
    may_create: bool = True,
    actor: Actor = COMMAND_LINE,
) -> User:
    """Creates a user. Raises UserFacingError for an invalid address or password, Conflict for a taken address.

    `may_create` is about properties.
    """
    user = build_user(email, name, password, role)
    user.may_create_properties = may_create
    with database.write_transaction() as session:
        add(session, user, actor=actor)
    return user


def find(database: Database, email: str) -> User:
    """Returns the user with an e-mail address, ignoring its case. Raises NotFound."""
    with database.session() as session:
        return _find_by_email(session, email)


def find_by_id(database: Database, user_id: UUID | None) -> User | None:
    """Returns a user, None for a missing one."""
    with database.session() as session:
        return session.get(User, user_id) if user_id else None


def list_users(database: Database) -> list[User]:
    """Lists all users, oldest account first."""
    with database.session() as session:
        return list(session.scalars(select(User).order_by(col(User.created_at), col(User.email))))


def has_users(database: Database) -> bool:
    with database.session() as session:
        return session.scalar(select(func.count()).select_from(User)) != 0


def summaries(database: Database) -> list[UserSummary]:
    """Lists all users with what the list of users shows, by e-mail address."""
    owned_counts = select(col(Property.owner_id), func.count()).group_by(col(Property.owner_id))
    given_counts = select(col(PropertyAccess.user_id), func.count()).group_by(col(PropertyAccess.user_id))
    with database.session() as session:
        owned = {row[0]: row[1] for row in session.execute(owned_counts)}
        given = {row[0]: row[1] for row in session.execute(given_counts)}
        passkey_users = set(session.scalars(select(col(Passkey.user_id))))
        return [
            UserSummary(
                user,
                owned.get(user.id, 0),
                given.get(user.id, 0),
                user.totp_secret is not None or user.id in passkey_users,
            )
            for user in session.scalars(select(User).order_by(col(User.email)))
        ]


def remove(database: Database, email: str, *, hand_over_to: str | None = None, actor: Actor = COMMAND_LINE) -> None:
    """Deletes a user with their login sessions.

    Their properties go to the user with the address `hand_over_to`; without one they stay, for the server's owners.
    Raises NotFound for a missing user, Conflict for the last owner and for handing over to the removed user.
    """
    with database.write_transaction() as session:
        user = _find_by_email(session, email)
        _check_other_owners(session, user)
        if hand_over_to is not None:
            new_owner = _find_by_email(session, hand_over_to)
            if new_owner.id == user.id:
                raise Conflict(_("{email} is about to be removed. Choose another account.", email=user.email))
            for property_ in session.scalars(select(Property).where(col(Property.owner_id) == user.id)).all():
                access.set_owner_in(session, property_, new_owner.id, actor=actor)
            session.flush()  # before the user goes: the database would clear the owner of what is still theirs
        record(session, Action.USER_REMOVED, actor, target=user.email, before=_rights_of(user))
        session.delete(user)


def set_role(
    database: Database, user_id: UUID, role: Role, *, may_create: bool | None = None, actor: Actor = COMMAND_LINE
) -> User:
    """Changes what a user may do on the instance; `may_create` is about properties, None keeps it.

    Raises NotFound, and Conflict for the last owner.
    """
    with database.write_transaction() as session:
        if (user := session.get(User, user_id)) is None:
            raise NotFound(_("This account no longer exists."))
        if role != Role.OWNER:
            _check_other_owners(session, user)
        before = _rights_of(user)
        user.role = role
        if may_create is not None:
            user.may_create_properties = may_create
        record_change(session, Action.USER_CHANGED, actor, before, _rights_of(user), target=user.email)
    return user


def set_password(database: Database, email: str, password: str, *, actor: Actor = COMMAND_LINE) -> User:
    """Sets a password and ends all login sessions of the user. Raises NotFound."""
    password_hash = passwords.hash_password(password)
    with database.write_transaction() as session:
        user = _find_by_email(session, email)
        user.password_hash = password_hash
        for login_session in session.scalars(select(LoginSession).where(col(LoginSession.user_id) == user.id)):
            session.delete(login_session)
        record(session, Action.PASSWORD_CHANGED, actor, target=user.email)
    return user


def set_profile(database: Database, user_id: UUID, *, name: str, email: str, actor: Actor = COMMAND_LINE) -> User:
    """Changes name and e-mail address. Raises Conflict when another user has the address."""
    name, email = validate_name(name), validate_email(email)
    with database.write_transaction() as session:
        if (user := session.get(User, user_id)) is None:
            raise NotFound(_("This account no longer exists."))
        if email != user.email:
            _check_email_is_free(session, email)
        before = {"name": user.name, "email": user.email}
        user.name, user.email = name, email
        record_change(
            session, Action.USER_CHANGED, actor, before, {"name": name, "email": email}, target=before["email"]
        )
    return user


def check_password(database: Database, email: str, password: str) -> User | None:
    """Returns the user if the password is correct. Takes the same time for an unknown address."""
    with database.session() as session:
        user = session.scalars(select(User).where(col(User.email) == email.strip().lower())).first()
    if not passwords.is_correct(user.password_hash if user else None, password) or user is None:
        return None
    if passwords.needs_rehash(user.password_hash):
        password_hash = passwords.hash_password(password)  # before the transaction: events wait for the lock
        with database.write_transaction() as session:
            session.merge(user).password_hash = password_hash
    return user


def build_user(email: str, name: str, password: str, role: Role) -> User:
    """Returns a validated user with a hashed password, not stored yet."""
    email, name = validate_email(email), validate_name(name)
    password_hash = passwords.hash_password(password)
    return User(email=email, name=name, password_hash=password_hash, role=role, property_access={})


def add(session: Session, user: User, *, actor: Actor) -> None:
    """Adds a user in the caller's transaction. Raises Conflict when the address is taken."""
    _check_email_is_free(session, user.email)
    session.add(user)
    record(session, Action.USER_CREATED, actor, target=user.email, after=_rights_of(user))


def validate_email(email: str) -> str:
    """Returns the address stripped and in lower case. Raises UserFacingError when it is invalid."""
    email = email.strip().lower()
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL_PATTERN.fullmatch(email):
        shortened = email if len(email) <= 60 else email[:60] + "…"
        raise UserFacingError(
            _("{email} is not an e-mail address; expected one like ada@example.com.", email=repr(shortened))
        )
    return email


def validate_name(name: str) -> str:
    """Returns the name with whitespace and control characters collapsed. Raises UserFacingError when it is too long."""
    name = " ".join("".join(character if character.isprintable() else " " for character in name).split())
    if len(name) > MAX_NAME_LENGTH:
        raise UserFacingError(
            _(
                "A name has at most {maximum} characters; this one has {count}.",
                maximum=MAX_NAME_LENGTH,
                count=len(name),
            )
        )
    return name


def _find_by_email(session: Session, email: str) -> User:
    user = session.scalars(select(User).where(col(User.email) == email.strip().lower())).first()
    if user is None:
        raise NotFound(_("No user {email}.", email=email.strip().lower()))
    return user


def _rights_of(user: User) -> dict[str, object]:
    return {"role": str(user.role), "may_create_properties": user.may_create_properties}


def _check_other_owners(session: Session, user: User) -> None:
    """Raises Conflict for the only owner, who can be neither removed nor made a member."""
    owners = select(func.count()).select_from(User).where(col(User.role) == Role.OWNER)
    if user.role == Role.OWNER and session.scalar(owners) == 1:
        raise Conflict(_("{email} is the only owner. Create another owner first.", email=user.email))


def _check_email_is_free(session: Session, email: str) -> None:
    if session.scalars(select(User).where(col(User.email) == email)).first() is not None:
        raise Conflict(_("{email} already has an account.", email=email))
