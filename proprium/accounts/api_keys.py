"""API keys: what a program shows instead of a password. Each is a user's or a property's, to read or also to write."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from proprium.accounts.users import checked_name
from proprium.clock import Clock, utc_now
from proprium.errors import KeyNeeded, KeyTooWeak, NotFound, ProblemForReader
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, User

PREFIX = "proprium_"  # so that a key is known for one wherever it is found by mistake
USED_EVERY = timedelta(minutes=5)
"""How exactly it is known when a key was last used; each note of it is a write."""


def create(
    database: Database,
    name: str,
    *,
    user_id: UUID | None = None,
    property_id: UUID | None = None,
    may_write: bool = False,
) -> str:
    """The key itself, which nobody can read again: storage has its hash. It is for one property, or for a user's."""
    if not (name := checked_name(name)):
        raise ProblemForReader("A key needs a name: what it is for.")
    token = PREFIX + secrets.token_urlsafe(32)
    made = ApiKey(name=name, token_hash=_hash(token), user_id=user_id, property_id=property_id, may_write=may_write)
    with database.writing() as session:
        session.add(made)
    return token


def find(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey | None:
    """The key with this text. Looked up by its hash, and compared in constant time."""
    if not token:
        return None
    wanted = _hash(token)
    with database.session() as session:
        found = session.scalars(select(ApiKey).where(col(ApiKey.token_hash) == wanted)).first()
    if found is None or not secrets.compare_digest(found.token_hash, wanted):
        return None
    _note_use(database, found, clock)
    return found


def require(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey:
    """Each may read. Raises KeyNeeded for no key, an unknown one and one that was revoked."""
    if (found := find(database, token, clock=clock)) is None:
        raise KeyNeeded("Expected a header `Authorization: Bearer …` with an API key that has not been revoked.")
    return found


def require_writer(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey:
    """The same for sending. Raises KeyTooWeak for one that may only read."""
    found = require(database, token, clock=clock)
    if not found.may_write:
        raise KeyTooWeak(f"The key {found.name!r} may only read. Make one that may write.")
    return found


def user_of(database: Database, key: ApiKey) -> User | None:
    """Whose key it is, None for a property's own."""
    with database.session() as session:
        return session.get(User, key.user_id) if key.user_id else None


def keys_of(database: Database, user_id: UUID | None = None) -> list[ApiKey]:
    """A user's, or all; newest first."""
    question = select(ApiKey).order_by(col(ApiKey.created_at).desc())
    if user_id is not None:
        question = question.where(col(ApiKey.user_id) == user_id)
    with database.session() as session:
        return list(session.scalars(question))


def revoke(database: Database, key_id: UUID, *, user_id: UUID | None = None) -> None:
    """It stops working at once. Raises NotFound, also for a key of another than `user_id`."""
    mine = [col(ApiKey.id) == key_id] + ([col(ApiKey.user_id) == user_id] if user_id else [])
    with database.writing() as session:
        if not session.execute(delete(ApiKey).where(*mine)).rowcount:  # type: ignore[attr-defined]
            raise NotFound(f"No API key {key_id}. It may have been revoked.")


def _note_use(database: Database, key: ApiKey, clock: Clock) -> None:
    now = clock()
    if key.used_at is not None and now - key.used_at < USED_EVERY:
        return
    try:
        with database.writing() as session:
            if (found := session.get(ApiKey, key.id)) is not None:
                found.used_at = now
    except OperationalError:
        pass  # a busy store is no reason to refuse a key


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
