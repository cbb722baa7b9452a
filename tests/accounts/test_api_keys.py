"""API keys: shown once, kept as a hash, gone when they are revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proprium.accounts import api_keys, users
from proprium.clock import utc_now
from proprium.errors import ApiKeyRequired, InsufficientScope, NotFound, UserFacingError
from proprium.properties.service import delete_property
from proprium.storage.database import Database
from tests.support.builders import a_property, a_user


def test_a_key_is_found_by_its_text_and_by_nothing_else(database: Database) -> None:
    token = api_keys.create(database, "shop", user_id=a_user(database).id)
    found = api_keys.find(database, token)
    assert found is not None
    assert (found.name, found.may_write) == ("shop", False)
    for other in ("", token[:-1], token + "x", token.removeprefix("proprium_"), token.upper()):
        assert api_keys.find(database, other) is None


def test_two_keys_are_never_the_same_and_storage_has_only_their_hash(database: Database) -> None:
    user = a_user(database)
    first, second = (api_keys.create(database, "shop", user_id=user.id) for _ in range(2))
    assert first != second
    assert first.startswith("proprium_")
    assert len(first) > 50
    database.truncate_wal()
    assert database.path is not None
    assert first.encode() not in database.path.read_bytes()


def test_only_a_key_that_may_write_is_let_in_to_write(database: Database) -> None:
    made = a_property(database)
    reader = api_keys.create(database, "reads", property_id=made.id)
    writer = api_keys.create(database, "writes", property_id=made.id, may_write=True)
    assert api_keys.require_writer(database, writer).name == "writes"
    with pytest.raises(InsufficientScope, match="'reads' may only read"):
        api_keys.require_writer(database, reader)
    with pytest.raises(ApiKeyRequired, match="Authorization: Bearer"):
        api_keys.require_writer(database, "proprium_nonsense")


def test_a_user_sees_and_revokes_their_own_keys_only(database: Database) -> None:
    ada, grace = a_user(database), a_user(database, "grace@example.com")
    token = api_keys.create(database, "ada's", user_id=ada.id)
    [key] = api_keys.list_keys(database, ada.id)
    assert api_keys.list_keys(database, grace.id) == []
    with pytest.raises(NotFound):
        api_keys.revoke(database, key.id, user_id=grace.id)
    assert api_keys.find(database, token) is not None
    api_keys.revoke(database, key.id, user_id=ada.id)
    assert api_keys.find(database, token) is None
    with pytest.raises(NotFound, match=f"No API key {key.id}"):
        api_keys.revoke(database, key.id)


def test_a_key_ends_with_its_user_or_its_property(database: Database) -> None:
    ada, made = a_user(database), a_property(database)
    users_, propertys = (
        api_keys.create(database, "ada's", user_id=ada.id),
        api_keys.create(database, "site's", property_id=made.id),
    )
    users.remove(database, ada.email)
    delete_property(database, made.id)
    assert api_keys.find(database, users_) is None
    assert api_keys.find(database, propertys) is None
    assert api_keys.list_keys(database) == []


def test_a_key_knows_when_it_was_last_used_and_is_written_seldom(database: Database) -> None:
    token, start = api_keys.create(database, "shop", user_id=a_user(database).id), utc_now()
    api_keys.find(database, token, clock=lambda: start)
    api_keys.find(database, token, clock=lambda: start + timedelta(minutes=4))
    [key] = api_keys.list_keys(database)
    assert key.used_at == start
    api_keys.find(database, token, clock=lambda: start + timedelta(minutes=6))
    [key] = api_keys.list_keys(database)
    assert key.used_at == start + timedelta(minutes=6)


def test_a_key_without_a_name_is_refused(database: Database) -> None:
    with pytest.raises(UserFacingError, match="needs a name"):
        api_keys.create(database, " \n", user_id=a_user(database).id)
