"""Users: e-mail addresses, passwords, profile, removal."""

from __future__ import annotations

from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update
from sqlmodel import col

from proprium.accounts import login_sessions, passwords, users
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.properties import access, service
from proprium.storage.database import Database
from proprium.storage.tables import Passkey, PropertyRole, Role, User
from tests.support.builders import PASSWORD, a_property, a_user


def test_an_account_is_found_by_its_address_in_any_case(database: Database) -> None:
    user = users.create_user(database, " Ada@Example.COM ", "Ada\nLovelace", PASSWORD)
    assert user.email == "ada@example.com"
    assert users.find(database, "ADA@example.com").name == "Ada Lovelace"
    assert users.find(database, "ada@example.com").role == Role.MEMBER


def test_an_address_is_taken_once(database: Database) -> None:
    a_user(database, "ada@example.com")
    with pytest.raises(Conflict, match=r"ada@example\.com already has an account"):
        a_user(database, "Ada@example.com")


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example", "a@b@c.de", "x" * 250 + "@e.com"]
)
def test_an_invalid_address_is_rejected(database: Database, email: str) -> None:
    with pytest.raises(UserFacingError, match="not an e-mail address"):
        a_user(database, email)


@pytest.mark.parametrize(
    "email", ["ada@example.com", "ada+stats@mail.example.co.uk", "ada@localhost", "ädä@exämple.de"]
)
def test_valid_addresses_are_accepted(database: Database, email: str) -> None:
    assert a_user(database, email).email == email


def test_a_short_password_is_refused_and_the_message_says_so(database: Database) -> None:
    with pytest.raises(UserFacingError, match="10 to 1,000 characters; this one has 9"):
        a_user(database, password="123456789")
    assert not users.has_users(database)


def test_only_the_correct_password_matches(database: Database) -> None:
    ada = a_user(database, password="correct horse")
    user = users.check_password(database, "ADA@example.com", "correct horse")
    assert user is not None
    assert user.id == ada.id
    assert users.check_password(database, "ada@example.com", "correct horse ") is None
    assert users.check_password(database, "unknown@example.com", "correct horse") is None


def test_a_password_is_stored_as_an_argon2id_hash(database: Database) -> None:
    ada = a_user(database, password="correct horse")
    assert ada.password_hash.startswith("$argon2id$")
    assert "correct horse" not in ada.password_hash


def test_a_hash_with_weaker_parameters_is_replaced_at_the_next_sign_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = a_user(database, password="correct horse")
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    assert users.check_password(database, ada.email, "correct horse") is not None
    assert "$m=65536,t=3,p=4$" in users.find(database, ada.email).password_hash


def test_an_unknown_address_takes_the_time_of_a_hash_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = passwords._hasher.__class__.verify

    def counting(hasher: object, password_hash: str, password: bytes) -> bool:
        checked.append(password_hash)
        return verify(passwords._hasher, password_hash, password)

    monkeypatch.setattr(passwords._hasher.__class__, "verify", counting)
    assert users.check_password(database, "unknown@example.com", "whatever it is") is None
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$")


def test_a_new_password_ends_every_session(database: Database) -> None:
    ada = a_user(database)
    token = login_sessions.start_session(database, ada.id)
    users.set_password(database, ada.email, "another good password")
    assert login_sessions.user_of(database, token) is None
    assert users.check_password(database, ada.email, PASSWORD) is None
    assert users.check_password(database, ada.email, "another good password") is not None


def test_a_profile_changes_name_and_address(database: Database) -> None:
    ada, _ = a_user(database), a_user(database, "grace@example.com")
    changed = users.set_profile(database, ada.id, name=" Ada  L. ", email="ADA@new.example.com")
    assert (changed.name, changed.email) == ("Ada L.", "ada@new.example.com")
    with pytest.raises(Conflict):
        users.set_profile(database, ada.id, name="Ada", email="grace@example.com")
    assert users.find(database, "ada@new.example.com").id == ada.id


def test_the_last_owner_cannot_be_removed(database: Database) -> None:
    a_user(database, "first@example.com", Role.OWNER)
    with pytest.raises(Conflict, match="only owner"):
        users.remove(database, "first@example.com")
    a_user(database, "second@example.com", Role.OWNER)
    users.remove(database, "first@example.com")
    assert [user.email for user in users.list_users(database)] == ["second@example.com"]


def test_a_removed_user_is_signed_out(database: Database) -> None:
    ada = a_user(database)
    token = login_sessions.start_session(database, ada.id)
    users.remove(database, ada.email)
    assert login_sessions.user_of(database, token) is None
    with pytest.raises(NotFound, match=r"No user ada@example\.com"):
        users.find(database, ada.email)


def test_properties_of_a_removed_user_are_handed_over_or_left_to_the_owners(database: Database) -> None:
    eve = a_user(database, "eve@example.com", Role.OWNER)
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    shops = [a_property(database, name, ada) for name in ("a", "b")]
    access.grant(database, shops[0].id, bob.id, PropertyRole.VIEWER)
    with pytest.raises(Conflict):
        users.remove(database, ada.email, hand_over_to=ada.email)
    with pytest.raises(NotFound):
        users.remove(database, ada.email, hand_over_to="nobody@example.com")
    users.remove(database, ada.email, hand_over_to=bob.email)
    assert [service.find_any(database, shop.id).owner_id for shop in shops] == [bob.id, bob.id]
    assert access.list_members(database, shops[0].id) == []  # its owner needs no role
    users.remove(database, bob.email)
    assert [service.find_any(database, shop.id).owner_id for shop in shops] == [None, None]
    assert [shop.name for shop in service.visible_properties(database, eve)] == ["a", "b"]


def test_the_last_owner_stays_an_owner(database: Database) -> None:
    eve = a_user(database, "eve@example.com", Role.OWNER)
    with pytest.raises(Conflict, match="only owner"):
        users.set_role(database, eve.id, Role.MEMBER)
    with pytest.raises(Conflict, match="only owner"):
        users.remove(database, eve.email)
    ada = a_user(database)
    assert users.set_role(database, ada.id, Role.OWNER).role == Role.OWNER
    assert users.set_role(database, eve.id, Role.MEMBER, may_create=False).may_create_properties is False
    with pytest.raises(Conflict, match="only owner"):
        users.set_role(database, ada.id, Role.MEMBER)
    with pytest.raises(NotFound):
        users.set_role(database, uuid4(), Role.MEMBER)


def test_the_list_of_users_counts_properties_and_knows_second_factors(database: Database) -> None:
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    zoe = a_user(database, "zoe@example.com")
    shop = a_property(database, "Shop", ada)
    access.grant(database, shop.id, bob.id, PropertyRole.VIEWER)
    with database.write_transaction() as session:
        session.add(Passkey(user_id=bob.id, credential_id=b"id", public_key=b"key"))
        session.execute(update(User).where(col(User.id) == zoe.id).values(totp_secret="BASE32"))
    counts = {each.user.email: each[1:] for each in users.summaries(database)}
    assert counts == {ada.email: (1, 0, False), bob.email: (0, 1, True), zoe.email: (0, 0, True)}
