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


def test_a_key_is_found_by_its_exact_text_only(database: Database) -> None:
    token = api_keys.create(database, "shop", user_id=a_user(database).id)
    api_key = api_keys.find(database, token)
    assert api_key is not None
    assert (api_key.name, api_key.may_write) == ("shop", False)
    for other in ("", token[:-1], token + "x", token.removeprefix("proprium_"), token.upper()):
        assert api_keys.find(database, other) is None


def test_keys_are_unique_and_storage_has_only_their_hash(database: Database) -> None:
    user = a_user(database)
    first, second = (api_keys.create(database, "shop", user_id=user.id) for _ in range(2))
    assert first != second
    assert first.startswith("proprium_")
    assert len(first) > 50
    database.truncate_wal()
    assert database.path is not None
    assert first.encode() not in database.path.read_bytes()


def test_only_a_key_with_write_access_may_send_events(database: Database) -> None:
    property_ = a_property(database)
    reader = api_keys.create(database, "reads", property_id=property_.id)
    writer = api_keys.create(database, "writes", property_id=property_.id, may_write=True)
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


def test_a_key_is_deleted_with_its_user_or_its_property(database: Database) -> None:
    ada, property_ = a_user(database), a_property(database)
    user_token, property_token = (
        api_keys.create(database, "ada's", user_id=ada.id),
        api_keys.create(database, "site's", property_id=property_.id),
    )
    users.remove(database, ada.email)
    delete_property(database, property_.id)
    assert api_keys.find(database, user_token) is None
    assert api_keys.find(database, property_token) is None
    assert api_keys.list_keys(database) == []


def test_the_last_use_is_recorded_at_most_every_five_minutes(database: Database) -> None:
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
