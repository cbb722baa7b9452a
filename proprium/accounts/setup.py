"""The first owner of an instance: whoever holds the link that was printed at its first start."""

from __future__ import annotations

import hashlib
import secrets

from sqlmodel import Session, select

from proprium.accounts import users
from proprium.errors import NotFound
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import Role, User

SETUP_TOKEN_SETTING = "setup_token_hash"


def create_setup_token(database: Database) -> str | None:
    """A new token for the link, while there is no user; None afterwards. The one before it stops working."""
    token = secrets.token_urlsafe(24)
    with database.write_transaction() as session:
        if _has_users(session):
            return None
        instance_settings.write(session, SETUP_TOKEN_SETTING, _hash(token))
    return token


def is_valid(database: Database, token: str) -> bool:
    with database.session() as session:
        return _is_valid(session, token)


def complete_setup(database: Database, token: str, email: str, name: str, password: str) -> User:
    """Makes the owner, once. Raises NotFound for a wrong or used token, ProblemForReader as users.create_user does."""
    if not is_valid(database, token):
        raise _invalid_link_error()
    owner = users.build_user(email, name, password, Role.OWNER)
    with database.write_transaction() as session:
        if not _is_valid(session, token):  # somebody else was faster
            raise _invalid_link_error()
        users.add(session, owner)
        instance_settings.erase(session, SETUP_TOKEN_SETTING)
    return owner


def _is_valid(session: Session, token: str) -> bool:
    stored_hash = instance_settings.read(session, SETUP_TOKEN_SETTING)
    return stored_hash is not None and secrets.compare_digest(stored_hash, _hash(token)) and not _has_users(session)


def _has_users(session: Session) -> bool:
    return session.exec(select(User.id).limit(1)).first() is not None


def _invalid_link_error() -> NotFound:
    return NotFound("This setup link is not valid any more. Restart the server for a new one, or sign in.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
