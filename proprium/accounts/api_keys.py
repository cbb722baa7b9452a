"""API keys: what a program shows instead of a password. Each is a user's or a property's, to read or also to write."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from proprium.accounts.users import validate_name
from proprium.clock import Clock, utc_now
from proprium.errors import ApiKeyRequired, InsufficientScope, NotFound, UserFacingError
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, User

KEY_PREFIX = "proprium_"  # so that a key is known for one wherever it is found by mistake
LAST_USED_UPDATE_INTERVAL = timedelta(minutes=5)
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
    if not (name := validate_name(name)):
        raise UserFacingError("A key needs a name: what it is for.")
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    api_key = ApiKey(name=name, token_hash=_hash(token), user_id=user_id, property_id=property_id, may_write=may_write)
    with database.write_transaction() as session:
        session.add(api_key)
    return token


def find(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey | None:
    """The key with this text. Looked up by its hash, and compared in constant time."""
    if not token:
        return None
    token_hash = _hash(token)
    with database.session() as session:
        api_key = session.scalars(select(ApiKey).where(col(ApiKey.token_hash) == token_hash)).first()
    if api_key is None or not secrets.compare_digest(api_key.token_hash, token_hash):
        return None
    _record_use(database, api_key, clock)
    return api_key


def require(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey:
    """Each may read. Raises KeyNeeded for no key, an unknown one and one that was revoked."""
    if (api_key := find(database, token, clock=clock)) is None:
        raise ApiKeyRequired("Expected a header `Authorization: Bearer …` with an API key that has not been revoked.")
    return api_key


def require_writer(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey:
    """The same for sending. Raises KeyTooWeak for one that may only read."""
    api_key = require(database, token, clock=clock)
    if not api_key.may_write:
        raise InsufficientScope(f"The key {api_key.name!r} may only read. Make one that may write.")
    return api_key


def user_of(database: Database, api_key: ApiKey) -> User | None:
    """Whose key it is, None for a property's own."""
    with database.session() as session:
        return session.get(User, api_key.user_id) if api_key.user_id else None


def list_keys(database: Database, user_id: UUID | None = None) -> list[ApiKey]:
    """A user's, or all; newest first."""
    statement = select(ApiKey).order_by(col(ApiKey.created_at).desc())
    if user_id is not None:
        statement = statement.where(col(ApiKey.user_id) == user_id)
    with database.session() as session:
        return list(session.scalars(statement))


def revoke(database: Database, key_id: UUID, *, user_id: UUID | None = None) -> None:
    """It stops working at once. Raises NotFound, also for a key of another than `user_id`."""
    conditions = [col(ApiKey.id) == key_id] + ([col(ApiKey.user_id) == user_id] if user_id else [])
    with database.write_transaction() as session:
        if not session.execute(delete(ApiKey).where(*conditions)).rowcount:  # type: ignore[attr-defined]
            raise NotFound(f"No API key {key_id}. It may have been revoked.")


def _record_use(database: Database, api_key: ApiKey, clock: Clock) -> None:
    now = clock()
    if api_key.used_at is not None and now - api_key.used_at < LAST_USED_UPDATE_INTERVAL:
        return
    try:
        with database.write_transaction() as session:
            if (stored_key := session.get(ApiKey, api_key.id)) is not None:
                stored_key.used_at = now
    except OperationalError:
        pass  # a busy store is no reason to refuse a key


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
