"""Login sessions: a random token in a cookie, its SHA-256 hash in the database, so that a session can be revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from proprium.accounts import users
from proprium.accounts.audit import Action, Actor, network_of, record
from proprium.accounts.login_throttle import LoginThrottle
from proprium.clock import Clock, utc_now
from proprium.errors import SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.database import Database
from proprium.storage.tables import LoginSession, PropertyAccess, PropertyRole, Role, User

SESSION_LIFETIME = timedelta(days=30)
LAST_SEEN_UPDATE_INTERVAL = timedelta(minutes=5)
"""Precision of `seen_at`, which the account page shows: recording each use would be a write for each request."""

MAX_BROWSER_LENGTH = 100

_SELECT_SIGNED_IN_USERS = (  # built once: building takes as long as executing
    select(col(LoginSession.token_hash), col(User.id), col(User.role))
    .join(LoginSession, col(LoginSession.user_id) == col(User.id))
    .where(
        col(LoginSession.token_hash).in_(bindparam("hashes", expanding=True)),
        col(LoginSession.expires_at) > bindparam("now", type_=LoginSession.__table__.c.expires_at.type),  # type: ignore[attr-defined]
    )
)


_SELECT_ACCESS = select(col(PropertyAccess.user_id), col(PropertyAccess.property_id), col(PropertyAccess.role)).where(
    col(PropertyAccess.user_id).in_(bindparam("user_ids", expanding=True))
)


class SignedInUser(NamedTuple):
    """A signed-in user, as far as authorization needs it."""

    id: UUID
    role: Role
    access: Mapping[UUID, PropertyRole] = MappingProxyType({})

    @classmethod
    def of(cls, user: User) -> SignedInUser:
        return cls(user.id, Role(user.role), {id_: PropertyRole(row.role) for id_, row in user.property_access.items()})

    def role_on(self, property_id: UUID) -> PropertyRole | None:
        """Returns the role that this user was given on a property, None without one."""
        return self.access.get(property_id)


def log_in(
    database: Database,
    email: str,
    password: str,
    browser: str = "",
    *,
    throttle: LoginThrottle,
    replaced_token: str | None = None,
    address: str | None = None,
    device: str | None = None,
    clock: Clock = utc_now,
) -> str:
    """Checks e-mail address and password and returns the token of a new session, for the cookie.

    `replaced_token` is the token that the browser had; its session ends. `device` is the browser's device name if its
    device cookie was valid (accounts.devices). Hashes a password: call it in the PasswordHashingPool.
    Raises SignInRequired when address and password do not match, TooManyAttempts.
    """
    user = check_password(database, email, password, throttle=throttle, address=address, device=device)
    actor = Actor.of_user(user, address)
    return start_session(database, user.id, browser, replaced_token=replaced_token, actor=actor, clock=clock)


def check_password(
    database: Database,
    email: str,
    password: str,
    *,
    throttle: LoginThrottle,
    address: str | None = None,
    device: str | None = None,
) -> User:
    """Returns the user with this address and password; `device` and errors as in `log_in`.

    A failure is recorded, in the same way for an address that has an account and for one that has none.
    """
    email = email.strip().lower()
    throttle.count_attempt(email, address, device)
    if (user := users.check_password(database, email, password)) is None:
        _record_failure(database, email, address)
        raise SignInRequired(_("No account has this e-mail address and password."))
    throttle.record_success(email, address, device)
    return user


def start_session(
    database: Database,
    user_id: UUID,
    browser: str = "",
    *,
    replaced_token: str | None = None,
    actor: Actor | None = None,
    clock: Clock = utc_now,
) -> str:
    """Starts a session for a user who has just authenticated; returns its token. Deletes expired sessions.

    `actor` is the user at their address: the audit log gets an entry. Without one the session continues another one.
    """
    token, now = secrets.token_urlsafe(32), clock()
    login_session = LoginSession(
        token_hash=_hash(token),
        user_id=user_id,
        browser=browser[:MAX_BROWSER_LENGTH],
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LIFETIME,
    )
    with database.write_transaction() as session:
        session.execute(delete(LoginSession).where(col(LoginSession.expires_at) <= now))
        if replaced_token:
            session.execute(delete(LoginSession).where(col(LoginSession.token_hash) == _hash(replaced_token)))
        session.add(login_session)
        session.execute(update(User).where(col(User.id) == user_id).values(seen_at=now))
        if actor is not None:
            record(session, Action.SIGNED_IN, actor, target=browser[:MAX_BROWSER_LENGTH])
    return token


def user_of(database: Database, token: str | None, *, clock: Clock = utc_now) -> User | None:
    """Returns the user of the unexpired session with this token, or None."""
    if not token:
        return None
    now = clock()
    statement = (
        select(User, LoginSession)
        .join(LoginSession, col(LoginSession.user_id) == col(User.id))
        .where(col(LoginSession.token_hash) == _hash(token), col(LoginSession.expires_at) > now)
    )
    with database.session() as session:
        row = session.execute(statement).first()
    if row is None:
        return None
    user, login_session = row
    if now - login_session.seen_at >= LAST_SEEN_UPDATE_INTERVAL:
        _record_use(database, login_session.id, clock)
    return user  # type: ignore[no-any-return]


def signed_in_users(database: Database, tokens: Collection[str], *, clock: Clock = utc_now) -> dict[str, SignedInUser]:
    """Maps each token of an unexpired session to its user, in two indexed reads. Writes nothing."""
    token_by_hash = {_hash(token): token for token in tokens if token}
    if not token_by_hash:
        return {}
    with database.engine.connect() as connection:
        rows = connection.execute(_SELECT_SIGNED_IN_USERS, {"hashes": list(token_by_hash), "now": clock()}).all()
        members = {user_id for _, user_id, role in rows if role != Role.OWNER}  # owners have access to everything
        access: dict[UUID, dict[UUID, PropertyRole]] = {user_id: {} for _, user_id, _role in rows}
        if members:
            for user_id, property_id, role in connection.execute(_SELECT_ACCESS, {"user_ids": list(members)}):
                access[user_id][property_id] = PropertyRole(role)
    return {
        token_by_hash[token_hash]: SignedInUser(user_id, Role(role), access[user_id])
        for token_hash, user_id, role in rows
    }


def list_sessions(database: Database, user_id: UUID, *, clock: Clock = utc_now) -> list[LoginSession]:
    """Lists the unexpired sessions of a user, last used first."""
    statement = (
        select(LoginSession)
        .where(col(LoginSession.user_id) == user_id, col(LoginSession.expires_at) > clock())
        .order_by(col(LoginSession.seen_at).desc())
    )
    with database.session() as session:
        return list(session.scalars(statement))


def is_session_of_token(login_session: LoginSession, token: str | None) -> bool:
    """Returns True if the token is the one of this session."""
    return bool(token) and secrets.compare_digest(login_session.token_hash, _hash(token or ""))


def revoke(database: Database, user_id: UUID, login_session_id: UUID) -> None:
    """Ends one session of a user; does nothing when it belongs to another user."""
    conditions = (col(LoginSession.id) == login_session_id, col(LoginSession.user_id) == user_id)
    with database.write_transaction() as session:
        session.execute(delete(LoginSession).where(*conditions))


def revoke_token(database: Database, token: str) -> None:
    """Signs out: ends the session with this token.

    Takes the write lock only for a session that exists, since anyone may post any token.
    """
    with database.session() as session:
        if session.scalar(select(col(LoginSession.id)).where(col(LoginSession.token_hash) == _hash(token))) is None:
            return
    with database.write_transaction() as session:
        session.execute(delete(LoginSession).where(col(LoginSession.token_hash) == _hash(token)))


def revoke_all(database: Database, user_id: UUID, *, except_token: str | None = None) -> None:
    """Ends every session of a user, except the one with `except_token`."""
    statement = delete(LoginSession).where(col(LoginSession.user_id) == user_id)
    if except_token:
        statement = statement.where(col(LoginSession.token_hash) != _hash(except_token))
    with database.write_transaction() as session:
        session.execute(statement)


def _record_failure(database: Database, email: str, address: str | None) -> None:
    """Records a failed sign-in. A text that is no address is left out: it may be a password in the wrong field."""
    try:
        name = users.validate_email(email)
    except UserFacingError:
        name = ""
    try:
        with database.write_transaction() as session:
            record(session, Action.SIGN_IN_FAILED, Actor(name, network=network_of(address)))
    except OperationalError:
        pass  # storage is locked: the answer must not depend on it


def _record_use(database: Database, login_session_id: UUID, clock: Clock) -> None:
    try:
        with database.write_transaction() as session:
            if (login_session := session.get(LoginSession, login_session_id)) is not None:
                login_session.seen_at = clock()
                session.execute(
                    update(User).where(col(User.id) == login_session.user_id).values(seen_at=login_session.seen_at)
                )
    except OperationalError:
        pass  # storage is locked: a valid session must not be rejected for a timestamp


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
