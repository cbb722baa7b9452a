"""Passkeys: which answers of a browser sign somebody in. The holder of the passkey is written here, in Python."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url, encode_cbor

from proprium.accounts import passkeys, second_factor
from proprium.accounts.audit import Actor
from proprium.accounts.passkeys import RelyingParty
from proprium.accounts.signed_states import SignedStates
from proprium.clock import utc_now
from proprium.errors import NotFound, SignInRequired
from proprium.storage.database import Database
from proprium.storage.tables import Passkey, User
from tests.support.builders import a_user

PARTY = RelyingParty.of("https://stats.example.com:8443")
USER_PRESENT, USER_VERIFIED = 0x01, 0x04


@dataclass
class Holder:
    """What holds a passkey: a phone, a laptop, a security key. A test changes what it says."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = b"credential 1"
    origin: str = PARTY.origin
    party_id: str = PARTY.id
    flags: int = USER_PRESENT | USER_VERIFIED
    count: int = 5
    kind: str = "webauthn.get"

    @property
    def public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return encode_cbor({1: 2, 3: -7, -1: 1, **point})

    def answer(self, challenge: str) -> dict[str, Any]:
        client = json.dumps({"type": self.kind, "challenge": challenge, "origin": self.origin}).encode()
        data = hashlib.sha256(self.party_id.encode()).digest() + bytes([self.flags]) + self.count.to_bytes(4, "big")
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        names = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        response = {name: bytes_to_base64url(value) for name, value in names.items()}
        id_ = bytes_to_base64url(self.credential_id)
        return {"id": id_, "rawId": id_, "type": "public-key", "response": response}


@pytest.fixture
def states(database: Database) -> SignedStates:
    return SignedStates(database)


@pytest.fixture
def ada(database: Database) -> User:
    return a_user(database)


@pytest.fixture
def holder(database: Database, ada: User) -> Holder:
    holder = Holder()
    with database.write_transaction() as session:
        session.add(
            Passkey(
                user_id=ada.id,
                credential_id=holder.credential_id,
                public_key=holder.public_key,
                sign_count=4,
                name="laptop",
            )
        )
    return holder


def sign_in(database: Database, states: SignedStates, holder: Holder, asked: dict[str, Any] | None = None) -> User:
    asked = asked or passkeys.signing_in_options(database, PARTY, states)
    return passkeys.check(database, PARTY, states, asked["state"], holder.answer(asked["options"]["challenge"]))


def test_a_signed_challenge_signs_its_user_in(
    database: Database, states: SignedStates, ada: User, holder: Holder
) -> None:
    assert sign_in(database, states, holder).id == ada.id
    (stored,) = second_factor.factors_of(database, ada.id).passkeys
    assert stored.sign_count == 5
    assert stored.used_at


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://stats.example.com"},  # another port
        {"origin": "http://stats.example.com:8443"},
        {"party_id": "evil.example"},
        {"flags": USER_PRESENT},  # nobody was asked for a PIN
        {"flags": 0},
        {"count": 4},  # a copy
        {"count": 0},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"credential_id": b"unknown"},
        {"kind": "webauthn.create"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_that_is_not_of_this_server_and_passkey_is_refused(
    database: Database, states: SignedStates, holder: Holder, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(holder, name, value)
    with pytest.raises(SignInRequired, match="does not sign in here"):
        sign_in(database, states, holder)


def test_a_challenge_is_answered_once(database: Database, states: SignedStates, holder: Holder) -> None:
    asked = passkeys.signing_in_options(database, PARTY, states)
    sign_in(database, states, holder, asked)
    holder.count += 1
    with pytest.raises(SignInRequired):
        sign_in(database, states, holder, asked)


def test_the_answer_to_another_challenge_is_refused(database: Database, states: SignedStates, holder: Holder) -> None:
    first, second = (passkeys.signing_in_options(database, PARTY, states) for _ in range(2))
    answer = holder.answer(first["options"]["challenge"])
    with pytest.raises(SignInRequired):
        passkeys.check(database, PARTY, states, second["state"], answer)


def test_a_challenge_expires(database: Database, holder: Holder) -> None:
    asked = passkeys.signing_in_options(
        database, PARTY, SignedStates(database, lambda: utc_now() - timedelta(minutes=6))
    )
    with pytest.raises(SignInRequired):
        sign_in(database, SignedStates(database), holder, asked)


def test_as_second_factor_only_a_passkey_of_the_same_user_counts(
    database: Database, states: SignedStates, holder: Holder
) -> None:
    bob = a_user(database, "bob@example.com")
    asked = passkeys.signing_in_options(database, PARTY, states, bob.id)
    with pytest.raises(SignInRequired):
        sign_in(database, states, holder, asked)


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": 5},
        {"id": "!!"},
        {"id": "ü"},
        {"id": "x" * 10_000},
        {"id": bytes_to_base64url(b"credential 1")},
        {"id": bytes_to_base64url(b"credential 1"), "rawId": [], "type": None, "response": "x"},
        {"id": bytes_to_base64url(b"credential 1"), "rawId": "x", "type": "public-key", "response": {}},
    ],
    ids=str,
)
def test_what_is_no_answer_is_refused(
    database: Database, states: SignedStates, holder: Holder, credential: dict[str, Any]
) -> None:
    asked = passkeys.signing_in_options(database, PARTY, states)
    with pytest.raises(SignInRequired):
        passkeys.check(database, PARTY, states, asked["state"], credential)


def test_a_passkey_is_renamed_and_removed_by_its_user_only(database: Database, ada: User, holder: Holder) -> None:
    bob = a_user(database, "bob@example.com")
    (passkey,) = second_factor.factors_of(database, ada.id).passkeys
    for user in (bob, a_user(database, "eve@example.com")):
        with pytest.raises(NotFound):
            passkeys.rename(database, user.id, passkey.id, "mine")
        with pytest.raises(NotFound):
            passkeys.remove(database, user.id, passkey.id, actor=Actor.of_user(user))
    passkeys.rename(database, ada.id, passkey.id, "phone\r\n")
    assert [each.name for each in second_factor.factors_of(database, ada.id).passkeys] == ["phone"]
    passkeys.remove(database, ada.id, passkey.id, actor=Actor.of_user(ada))
    assert not second_factor.is_enabled(database, ada)
