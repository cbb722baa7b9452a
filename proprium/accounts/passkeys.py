"""Passkeys (WebAuthn): adding one to an account, and signing in with one, alone or as the second factor.

Origin and relying party are those of the server's public URL. A challenge travels in a signed state and works once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import select
from sqlmodel import Session, col
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, generate_challenge
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from proprium.accounts import audit, second_factor, users
from proprium.accounts.audit import Action, Actor
from proprium.accounts.signed_states import SignedStates
from proprium.clock import Clock, utc_now
from proprium.errors import Conflict, NotFound, SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.database import Database
from proprium.storage.tables import Passkey, User

CEREMONY_LIFETIME = timedelta(minutes=5)
MAX_PASSKEYS = 20  # of one account
ADDING, SIGNING_IN = "add passkey", "sign in with passkey"


@dataclass(frozen=True)
class RelyingParty:
    """The server as browsers and passkeys know it."""

    origin: str
    id: str

    @classmethod
    def of(cls, public_url: str) -> RelyingParty:
        parts = urlsplit(public_url)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.hostname or "")


def exist(database: Database) -> bool:
    """Returns True if any account has a passkey."""
    with database.session() as session:
        return session.scalars(select(col(Passkey.id)).limit(1)).first() is not None


def adding_options(database: Database, party: RelyingParty, states: SignedStates, user: User) -> dict[str, Any]:
    """Returns what the browser needs to create a passkey: options and the state that comes back with the answer."""
    challenge = generate_challenge()
    with database.session() as session:
        existing = _passkeys_of(session, user.id)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Proprium",
        user_name=user.email,
        user_display_name=user.name or user.email,
        user_id=user.id.bytes,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(existing),
    )
    return _answer(options, states, ADDING, challenge, user.id)


def add(
    database: Database,
    party: RelyingParty,
    states: SignedStates,
    user_id: UUID,
    state: str,
    credential: Mapping[str, Any],
    name: str,
    *,
    actor: Actor,
) -> list[str]:
    """Adds the passkey that a browser has created.

    Returns the recovery codes, which are shown this once; [] if the user has some already. Raises UserFacingError.
    """
    values = states.redeem(ADDING, state)
    if values is None or values["user"] != str(user_id):
        raise UserFacingError(_("The passkey was not added: it took too long. Try again."))
    try:
        verified = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(values["challenge"]),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise UserFacingError(_("The passkey was not added: the browser's answer is not valid.")) from None
    with database.write_transaction() as session:
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(_("This account no longer exists."))
        existing = _passkeys_of(session, user_id)
        if len(existing) >= MAX_PASSKEYS or _find(session, verified.credential_id) is not None:
            raise Conflict(_("An account has at most {maximum} passkeys, each once.", maximum=MAX_PASSKEYS))
        name = users.validate_name(name) or _("Passkey {number}", number=len(existing) + 1)
        session.add(
            Passkey(
                user_id=user_id,
                credential_id=verified.credential_id,
                public_key=verified.credential_public_key,
                sign_count=verified.sign_count,
                name=name,
            )
        )
        audit.record(session, Action.FACTOR_ADDED, actor, target=user.email, after=f"passkey {name}")
        return second_factor.add_missing_codes(session, user_id)


def signing_in_options(
    database: Database, party: RelyingParty, states: SignedStates, user_id: UUID | None = None
) -> dict[str, Any]:
    """Returns what the browser needs to sign in: with any passkey of this server, or with one of a user."""
    challenge = generate_challenge()
    allowed: Sequence[Passkey] = ()
    if user_id is not None:
        with database.session() as session:
            allowed = _passkeys_of(session, user_id)
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _answer(options, states, SIGNING_IN, challenge, user_id)


def check(
    database: Database,
    party: RelyingParty,
    states: SignedStates,
    state: str,
    credential: Mapping[str, Any],
    *,
    clock: Clock = utc_now,
) -> User:
    """Returns the user whose passkey has signed the challenge. Raises SignInRequired.

    The passkey has asked its holder for a PIN or a fingerprint. A counter that does not grow, of passkeys that count,
    is refused: it is a copy.
    """
    refused = SignInRequired(_("This passkey does not sign in here. Try again, or use your password."))
    values = states.redeem(SIGNING_IN, state)
    if values is None:
        raise refused
    try:
        credential_id = base64url_to_bytes(str(credential["id"]))
        with database.session() as session:
            passkey = _find(session, credential_id)
        if passkey is None or values["user"] not in {"", str(passkey.user_id)}:
            raise refused
        verified = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(values["challenge"]),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise refused from None
    with database.write_transaction() as session:
        stored, user = session.get(Passkey, passkey.id), session.get(User, passkey.user_id)
        if stored is None or user is None or stored.sign_count > passkey.sign_count:  # removed, or used meanwhile
            raise refused
        stored.sign_count, stored.used_at = verified.new_sign_count, clock()
    return user


def rename(database: Database, user_id: UUID, passkey_id: UUID, name: str) -> None:
    """Names a passkey of a user. Raises NotFound for another one's."""
    name = users.validate_name(name)
    with database.write_transaction() as session:
        _own(session, user_id, passkey_id).name = name or _("Passkey")


def remove(database: Database, user_id: UUID, passkey_id: UUID, *, actor: Actor) -> None:
    """Removes a passkey of a user. Raises NotFound for another one's, Conflict for the last required factor."""
    with database.write_transaction() as session:
        passkey = _own(session, user_id, passkey_id)
        user = session.get(User, user_id)
        assert user is not None
        session.delete(passkey)
        audit.record(session, Action.FACTOR_REMOVED, actor, target=user.email, before=f"passkey {passkey.name}")
        second_factor.after_removal(session, user)


def _own(session: Session, user_id: UUID, passkey_id: UUID) -> Passkey:
    passkey = session.get(Passkey, passkey_id)
    if passkey is None or passkey.user_id != user_id:
        raise NotFound(_("This passkey does not exist any more."))
    return passkey


def _find(session: Session, credential_id: bytes) -> Passkey | None:
    return session.scalars(select(Passkey).where(col(Passkey.credential_id) == credential_id)).first()


def _passkeys_of(session: Session, user_id: UUID) -> Sequence[Passkey]:
    return session.scalars(select(Passkey).where(col(Passkey.user_id) == user_id)).all()


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in passkeys]


def _answer(options: Any, states: SignedStates, purpose: str, challenge: bytes, user_id: UUID | None) -> dict[str, Any]:
    values = {"challenge": bytes_to_base64url(challenge), "user": str(user_id or "")}
    return {
        "options": json.loads(webauthn.options_to_json(options)),
        "state": states.issue(purpose, values, CEREMONY_LIFETIME),
    }
