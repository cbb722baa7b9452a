"""User accounts: creation, lookup, removal, profile and password changes."""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import Session, col

from proprium.accounts import passwords
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.database import Database
from proprium.storage.tables import LoginSession, Role, User

MAX_EMAIL_LENGTH = 254
MAX_NAME_LENGTH = 100

_EMAIL_PATTERN = re.compile(
    r"[^@\s\x00-\x1f\x7f,;<>()\"]+@(?:[^@\s\x00-\x1f\x7f,;<>()\"]+\.[^@\s\x00-\x1f\x7f,;<>()\".]+|localhost)"
)


def create_user(
    database: Database,
    email: str,
    name: str,
    password: str,
    role: Role = Role.MEMBER,
    *,
    may_create: bool = True,
) -> User:
    """Creates a user. Raises UserFacingError for an invalid address or password, Conflict for a taken address.

    `may_create` is about properties.
    """
    user = build_user(email, name, password, role)
    user.may_create_properties = may_create
    with database.write_transaction() as session:
        add(session, user)
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


def remove(database: Database, email: str) -> None:
    """Deletes a user with their login sessions; their properties stay, for the owner.

    Raises NotFound, and Conflict for the last owner.
    """
    with database.write_transaction() as session:
        user = _find_by_email(session, email)
        owners = session.scalars(select(User).where(col(User.role) == Role.OWNER)).all()
        if user.role == Role.OWNER and len(owners) == 1:
            raise Conflict(_("{email} is the only owner. Create another owner first.", email=user.email))
        session.delete(user)


def set_password(database: Database, email: str, password: str) -> User:
    """Sets a password and ends all login sessions of the user. Raises NotFound."""
    password_hash = passwords.hash_password(password)
    with database.write_transaction() as session:
        user = _find_by_email(session, email)
        user.password_hash = password_hash
        for login_session in session.scalars(select(LoginSession).where(col(LoginSession.user_id) == user.id)):
            session.delete(login_session)
    return user


def set_profile(database: Database, user_id: UUID, *, name: str, email: str) -> User:
    """Changes name and e-mail address. Raises Conflict when another user has the address."""
    name, email = validate_name(name), validate_email(email)
    with database.write_transaction() as session:
        if (user := session.get(User, user_id)) is None:
            raise NotFound(_("This account no longer exists."))
        if email != user.email:
            _check_email_is_free(session, email)
        user.name, user.email = name, email
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


def add(session: Session, user: User) -> None:
    """Adds a user in the caller's transaction. Raises Conflict when the address is taken."""
    _check_email_is_free(session, user.email)
    session.add(user)


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


def _check_email_is_free(session: Session, email: str) -> None:
    if session.scalars(select(User).where(col(User.email) == email)).first() is not None:
        raise Conflict(_("{email} already has an account.", email=email))
