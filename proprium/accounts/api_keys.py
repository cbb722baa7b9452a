"""API keys: bearer tokens with which programs authenticate instead of a password.

A key belongs to a user or to one property. Every key may read; one with `may_write` may also send events, one with
`may_manage` also change what its user may change. Storage holds only the SHA-256 hash of a key.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from proprium.accounts.audit import COMMAND_LINE, Action, Actor, record
from proprium.accounts.users import validate_name
from proprium.clock import Clock, utc_now
from proprium.errors import ApiKeyRequired, InsufficientScope, NotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, User

KEY_PREFIX = "proprium_"  # makes a leaked key recognisable, for secret scanners and for people
LAST_USED_UPDATE_INTERVAL = timedelta(minutes=5)
"""Precision of `used_at`: recording each use would be a write for each request."""


def create(
    database: Database,
    name: str,
    *,
    user_id: UUID | None = None,
    property_id: UUID | None = None,
    may_write: bool = False,
    may_manage: bool = False,
    actor: Actor = COMMAND_LINE,
) -> str:
    """Creates an API key and returns its text, which cannot be read again.

    The key is for one property (`property_id`), or for those that a user may see (`user_id`). Raises UserFacingError
    without a name, and for a key that may manage without being a user's: it could do more than anybody gave it.
    """
    if may_manage and user_id is None:
        raise UserFacingError(_("A key that manages belongs to an account: it may do what the account may do."))
    if not (name := validate_name(name)):
        raise UserFacingError(_("The API key needs a name, for example what it is used for."))
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    api_key = ApiKey(
        name=name,
        token_hash=_hash(token),
        user_id=user_id,
        property_id=property_id,
        may_write=may_write,
        may_manage=may_manage,
    )
    with database.write_transaction() as session:
        session.add(api_key)
        after = {"may_write": may_write, "may_manage": may_manage}
        record(session, Action.KEY_CREATED, actor, property_id=property_id, target=name, after=after)
    return token


def find(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey | None:
    """Returns the key with this text, or None, and records its use.

    The key is looked up by its hash, which is compared in constant time.
    """
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
    """Returns the key with this text, which may read. Raises ApiKeyRequired for a missing, unknown or revoked key."""
    if (api_key := find(database, token, clock=clock)) is None:
        raise ApiKeyRequired("Expected a header `Authorization: Bearer …` with an API key that has not been revoked.")
    return api_key


def require_writer(database: Database, token: str, *, clock: Clock = utc_now) -> ApiKey:
    """Returns the key with this text if it may send events.

    Raises ApiKeyRequired as `require` does, InsufficientScope for a key that may only read.
    """
    api_key = require(database, token, clock=clock)
    if not api_key.may_write:
        raise InsufficientScope(f"The API key {api_key.name!r} may only read. Create a key that may send events.")
    return api_key


def user_of(database: Database, api_key: ApiKey) -> User | None:
    """Returns the owner of a key, None for a key of a property."""
    with database.session() as session:
        return session.get(User, api_key.user_id) if api_key.user_id else None


def list_keys(database: Database, user_id: UUID | None = None) -> list[ApiKey]:
    """Lists the keys of a user, or all keys, newest first."""
    statement = select(ApiKey).order_by(col(ApiKey.created_at).desc())
    if user_id is not None:
        statement = statement.where(col(ApiKey.user_id) == user_id)
    with database.session() as session:
        return list(session.scalars(statement))


def revoke(database: Database, key_id: UUID, *, user_id: UUID | None = None, actor: Actor = COMMAND_LINE) -> None:
    """Deletes a key, effective at once. Raises NotFound, also when `user_id` does not own the key."""
    with database.write_transaction() as session:
        api_key = session.get(ApiKey, key_id)
        if api_key is None or (user_id is not None and api_key.user_id != user_id):
            raise NotFound(_("No API key {key_id}. It may have been revoked.", key_id=key_id))
        session.delete(api_key)
        record(session, Action.KEY_REVOKED, actor, property_id=api_key.property_id, target=api_key.name)


def _record_use(database: Database, api_key: ApiKey, clock: Clock) -> None:
    now = clock()
    if api_key.used_at is not None and now - api_key.used_at < LAST_USED_UPDATE_INTERVAL:
        return
    try:
        with database.write_transaction() as session:
            if (stored_key := session.get(ApiKey, api_key.id)) is not None:
                stored_key.used_at = now
    except OperationalError:
        pass  # storage is locked: a valid key must not be rejected for a timestamp


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
