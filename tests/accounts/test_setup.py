"""First-run setup: the owner account and the one-time setup link."""

from __future__ import annotations

import pytest

from proprium.accounts import login_sessions, setup, users
from proprium.accounts.login_throttle import LoginThrottle
from proprium.errors import NotFound, UserFacingError
from proprium.storage.database import Database
from proprium.storage.tables import Role
from tests.support.builders import PASSWORD, a_user


def setup_token(database: Database) -> str:
    token = setup.create_setup_token(database)
    assert token is not None
    return token


def test_the_setup_link_creates_the_owner_once(database: Database) -> None:
    token = setup_token(database)
    owner = setup.complete_setup(database, token, "Ada@example.com", "Ada", PASSWORD)
    assert (owner.email, owner.role) == ("ada@example.com", Role.OWNER)
    with pytest.raises(NotFound, match="no longer valid"):
        setup.complete_setup(database, token, "eve@example.com", "Eve", PASSWORD)
    assert len(users.list_users(database)) == 1
    assert login_sessions.log_in(database, "ada@example.com", PASSWORD, throttle=LoginThrottle())


def test_there_is_no_link_once_there_is_a_user(database: Database) -> None:
    token = setup_token(database)
    a_user(database)
    assert setup.create_setup_token(database) is None
    assert not setup.is_valid(database, token)
    with pytest.raises(NotFound):
        setup.complete_setup(database, token, "eve@example.com", "Eve", PASSWORD)


def test_a_restart_prints_a_new_link_and_the_old_one_ends(database: Database) -> None:
    old, new = setup_token(database), setup_token(database)
    assert not setup.is_valid(database, old)
    assert setup.is_valid(database, new)


def test_a_wrong_token_is_not_valid(database: Database) -> None:
    setup_token(database)
    for guess in ("", "guess", "\ud800"):
        assert not setup.is_valid(database, guess)
    with pytest.raises(NotFound):
        setup.complete_setup(database, "guess", "eve@example.com", "Eve", PASSWORD)


def test_a_rejected_password_leaves_the_link_valid(database: Database) -> None:
    token = setup_token(database)
    with pytest.raises(UserFacingError, match="10 to 1,000"):
        setup.complete_setup(database, token, "ada@example.com", "Ada", "short")
    assert setup.complete_setup(database, token, "ada@example.com", "Ada", PASSWORD)


def test_the_link_is_not_stored_as_it_is(database: Database) -> None:
    token = setup_token(database)
    database.truncate_wal()
    assert token.encode() not in database.path.read_bytes()
