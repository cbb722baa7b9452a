"""First-run setup: creates the owner account by the one-time setup link that the server prints at its first start."""

from __future__ import annotations

import hashlib
import secrets

from sqlmodel import Session, select

from proprium.accounts import users
from proprium.accounts.audit import Actor
from proprium.errors import InvalidSetupLink
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import Role, User

SETUP_TOKEN_SETTING = "setup_token_hash"


def create_setup_token(database: Database) -> str | None:
    """Creates the token of the setup link and invalidates the previous one; None once a user exists."""
    token = secrets.token_urlsafe(24)
    with database.write_transaction() as session:
        if _has_users(session):
            return None
        instance_settings.write(session, SETUP_TOKEN_SETTING, _hash(token))
    return token


def is_valid(database: Database, token: str) -> bool:
    """Returns True if the token is the latest one and no user exists yet."""
    with database.session() as session:
        return _is_valid(session, token)


def complete_setup(
    database: Database, token: str, email: str, name: str, password: str, *, address: str | None = None
) -> User:
    """Creates the owner account, once.

    Raises InvalidSetupLink for a wrong or used token, UserFacingError as `users.create_user` does.
    """
    if not is_valid(database, token):
        raise InvalidSetupLink
    owner = users.build_user(email, name, password, Role.OWNER)
    with database.write_transaction() as session:
        if not _is_valid(session, token):  # another request has completed the setup meanwhile
            raise InvalidSetupLink
        users.add(session, owner, actor=Actor.of_user(owner, address))
        instance_settings.erase(session, SETUP_TOKEN_SETTING)
    return owner


def _is_valid(session: Session, token: str) -> bool:
    stored_hash = instance_settings.read(session, SETUP_TOKEN_SETTING)
    return stored_hash is not None and secrets.compare_digest(stored_hash, _hash(token)) and not _has_users(session)


def _has_users(session: Session) -> bool:
    return session.exec(select(User.id).limit(1)).first() is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
