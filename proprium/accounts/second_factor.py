"""Second factor: an authenticator app or passkeys, and recovery codes that replace them once each.

An account with one of them signs in with its password and the second factor. Functions that change factors write an
entry of the audit log in the transaction of the change.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, func, select
from sqlmodel import Session, col

from proprium.accounts import audit, totp
from proprium.accounts.audit import Action, Actor
from proprium.clock import Clock, utc_now
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import LoginSession, Passkey, RecoveryCode, User

RECOVERY_CODE_COUNT = 10
RECOVERY_CODE_LENGTH = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without 0 o 1 l i; ten characters have 49 bits
REQUIRED_SETTING = "require_second_factor"
APP, CODES, EVERYTHING = "authenticator app", "recovery codes", "all second factors"


@dataclass(frozen=True)
class Factors:
    """The second factors of a user."""

    has_app: bool
    passkeys: Sequence[Passkey]
    recovery_code_count: int

    @property
    def has_any(self) -> bool:
        return self.has_app or bool(self.passkeys)


def factors_of(database: Database, user_id: UUID) -> Factors:
    with database.session() as session:
        return _factors(session, user_id)


def is_enabled(database: Database, user: User) -> bool:
    """Returns True if the password alone does not sign the user in."""
    if user.totp_secret is not None:
        return True
    with database.session() as session:
        return _has_passkey(session, user.id)


def is_required(database: Database) -> bool:
    """Returns True if this server requires a second factor of all users with a password."""
    return bool(instance_settings.get(database, REQUIRED_SETTING, False))


def is_missing(database: Database, user: User) -> bool:
    """Returns True if the user must add a second factor before anything else.

    Accounts without a password sign in elsewhere, where their second factor is asked for.
    """
    if user.totp_secret is not None or not user.password_hash:
        return False
    with database.session() as session:
        return bool(instance_settings.read(session, REQUIRED_SETTING, False)) and not _has_passkey(session, user.id)


def set_required(database: Database, value: bool, *, actor: Actor) -> None:
    """Sets whether all users with a password need a second factor.

    Sessions of users who have none end: they sign in again and add one. The actor needs one already. Raises Conflict.
    """
    with database.write_transaction() as session:
        before = bool(instance_settings.read(session, REQUIRED_SETTING, False))
        if value and actor.user_id is not None and not _factors(session, actor.user_id).has_any:
            raise Conflict(_("Add a second factor to your own account first."))
        instance_settings.write(session, REQUIRED_SETTING, value)
        if value:
            has_passkey = exists().where(col(Passkey.user_id) == col(User.id))
            lacking = select(col(User.id)).where(
                col(User.totp_secret).is_(None), col(User.password_hash) != "", ~has_passkey
            )
            session.execute(delete(LoginSession).where(col(LoginSession.user_id).in_(lacking)))
        if before is not value:
            audit.record(
                session,
                Action.INSTANCE_CHANGED,
                actor,
                before={REQUIRED_SETTING: before},
                after={REQUIRED_SETTING: value},
            )


def enable_app(
    database: Database, user_id: UUID, secret: str, code: str, *, actor: Actor, clock: Clock = utc_now
) -> list[str]:
    """Turns the authenticator app on, once a code proves that it has the secret.

    Returns the recovery codes, which are shown this once; [] if the user has some already. Raises UserFacingError for a
    wrong code.
    """
    step = totp.matching_step(secret, normalise_code(code), clock(), None)
    if step is None:
        raise UserFacingError(_("This code is wrong or expired. Enter the code that the app shows now."))
    with database.write_transaction() as session:
        user = _user(session, user_id)
        user.totp_secret, user.totp_step = secret, step
        audit.record(session, Action.FACTOR_ADDED, actor, target=user.email, after=APP)
        return add_missing_codes(session, user_id)


def disable_app(database: Database, user_id: UUID, *, actor: Actor) -> None:
    """Turns the authenticator app off. Raises Conflict if the server requires a second factor and this is the last."""
    with database.write_transaction() as session:
        user = _user(session, user_id)
        if user.totp_secret is None:
            return
        user.totp_secret = user.totp_step = None
        audit.record(session, Action.FACTOR_REMOVED, actor, target=user.email, before=APP)
        after_removal(session, user)


def renew_recovery_codes(database: Database, user_id: UUID, *, actor: Actor) -> list[str]:
    """Replaces the recovery codes and returns the new ones. Raises Conflict without a second factor."""
    with database.write_transaction() as session:
        user = _user(session, user_id)
        if not _factors(session, user_id).has_any:
            raise Conflict(_("Add an authenticator app or a passkey first."))
        session.execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
        audit.record(session, Action.FACTOR_ADDED, actor, target=user.email, after=CODES)
        return add_missing_codes(session, user_id)


def remove_all(database: Database, email: str, *, actor: Actor) -> None:
    """Removes all second factors of an account whose user has lost them. Raises NotFound."""
    with database.write_transaction() as session:
        user = session.scalars(select(User).where(col(User.email) == email.strip().lower())).first()
        if user is None:
            raise NotFound(_("No user {email}.", email=email.strip().lower()))
        user.totp_secret = user.totp_step = None
        for table in (Passkey, RecoveryCode):
            session.execute(delete(table).where(col(table.user_id) == user.id))
        audit.record(session, Action.FACTOR_REMOVED, actor, target=user.email, before=EVERYTHING)


def use_code(database: Database, user_id: UUID, code: str, *, clock: Clock = utc_now) -> bool:
    """Checks a code of the app or a recovery code, and uses it up: no code works twice."""
    code = normalise_code(code)
    with database.write_transaction() as session:
        if (user := session.get(User, user_id)) is None:
            return False
        if user.totp_secret is not None:
            step = totp.matching_step(user.totp_secret, code, clock(), user.totp_step)
            if step is not None:
                user.totp_step = step
                return True
        recovery = (col(RecoveryCode.user_id) == user_id, col(RecoveryCode.code_hash) == _hash(code))
        return bool(session.execute(delete(RecoveryCode).where(*recovery)).rowcount)  # type: ignore[attr-defined]


def normalise_code(code: str) -> str:
    """Returns a code as it is stored: people type spaces, dashes and capitals."""
    return "".join(character for character in code if character.isalnum()).lower()


def add_missing_codes(session: Session, user_id: UUID) -> list[str]:
    """Creates recovery codes for a user who has none and returns them; [] for one who has."""
    if _factors(session, user_id).recovery_code_count:
        return []
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_CODE_LENGTH)) for _ in range(RECOVERY_CODE_COUNT)
    ]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def after_removal(session: Session, user: User) -> None:
    """Ends what makes no sense without a factor, in the transaction that removed one.

    Raises Conflict if the server requires a second factor and none is left.
    """
    session.flush()
    if _factors(session, user.id).has_any:
        return
    if user.password_hash and instance_settings.read(session, REQUIRED_SETTING, False):
        raise Conflict(_("This server requires a second factor. Add another one before you remove this one."))
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))


def _factors(session: Session, user_id: UUID) -> Factors:
    passkeys = session.scalars(
        select(Passkey).where(col(Passkey.user_id) == user_id).order_by(col(Passkey.created_at))
    ).all()
    code_count = session.scalar(
        select(func.count()).select_from(RecoveryCode).where(col(RecoveryCode.user_id) == user_id)
    )
    secret = session.scalar(select(col(User.totp_secret)).where(col(User.id) == user_id))
    return Factors(secret is not None, passkeys, code_count or 0)


def _has_passkey(session: Session, user_id: UUID) -> bool:
    return session.scalars(select(col(Passkey.id)).where(col(Passkey.user_id) == user_id).limit(1)).first() is not None


def _user(session: Session, user_id: UUID) -> User:
    if (user := session.get(User, user_id)) is None:
        raise NotFound(_("This account no longer exists."))
    return user


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode(errors="surrogatepass")).digest()
