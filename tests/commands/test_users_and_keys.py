"""`user` and `key`: accounts and API keys."""

from __future__ import annotations

from uuid import uuid4

import pytest

from proprium.accounts import api_keys, password_reset
from proprium.accounts.users import check_password
from proprium.storage.database import Database
from proprium.storage.tables import Role
from tests.commands.conftest import Output, Proprium, is_one_sentence
from tests.support.builders import PASSWORD, a_property, a_user


def test_an_account_is_created_with_a_password_from_standard_input(proprium: Proprium, database: Database):
    output = proprium("user", "add", "Ada@Example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD + "\n")
    assert (output.code, output.out) == (0, "ada@example.com\n")
    user = check_password(database, "ada@example.com", PASSWORD)
    assert user is not None
    assert user.role == Role.OWNER


def test_without_a_terminal_there_is_no_password_prompt(proprium: Proprium):
    output = proprium("user", "add", "ada@example.com")
    assert output.code == 2
    assert "--password-stdin" in output.err


@pytest.mark.parametrize("password", ["", "short"])
def test_a_password_that_will_not_do_is_refused_in_one_sentence(proprium: Proprium, password: str):
    output = proprium("user", "add", "ada@example.com", "--password-stdin", stdin=password + "\n")
    assert (output.code, output.out) == (1, "")
    assert is_one_sentence(output.err)


def test_an_address_that_is_taken_is_refused_in_one_sentence(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com")
    output = proprium("user", "add", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    assert output.code == 1
    assert is_one_sentence(output.err)


def test_accounts_are_listed_one_a_line(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com", Role.OWNER)
    a_user(database, "bob@example.com", name="Bob")
    assert proprium("user", "list").out == "ada@example.com\towner\tAda\nbob@example.com\tmember\tBob\n"


def test_a_removed_account_is_gone_and_an_unknown_one_is_an_error(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com", Role.OWNER)
    a_user(database, "bob@example.com")
    assert proprium("user", "remove", "bob@example.com") == Output(0, "", "")
    output = proprium("user", "remove", "bob@example.com")
    assert output.code == 1
    assert is_one_sentence(output.err)


def test_a_new_password_takes_the_place_of_the_old(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com")
    assert proprium("user", "password", "ada@example.com", "--password-stdin", stdin="another long one\n").code == 0
    assert check_password(database, "ada@example.com", PASSWORD) is None
    assert check_password(database, "ada@example.com", "another long one") is not None


def test_a_key_is_printed_once_listed_without_its_text_and_revoked(proprium: Proprium, database: Database):
    property_ = a_property(database)
    output = proprium("key", "add", "shop", "--property", str(property_.id), "--write")
    token = output.out.strip()
    api_key = api_keys.find(database, token)
    assert api_key is not None
    listed = proprium("key", "list").out
    assert listed == f"{api_key.id}\twrite\t{property_.id}\tshop\n"
    assert proprium("key", "revoke", str(api_key.id)).code == 0
    assert api_keys.find(database, token) is None
    assert is_one_sentence(proprium("key", "revoke", str(api_key.id)).err)


def test_a_key_without_a_property_is_the_first_owners_to_read(proprium: Proprium, database: Database):
    assert is_one_sentence(proprium("key", "add", "reports").err)
    owner = a_user(database, role=Role.OWNER)
    api_key = api_keys.find(database, proprium("key", "add", "reports").out.strip())
    assert api_key is not None
    assert (api_key.user_id, api_key.property_id, api_key.may_write) == (owner.id, None, False)
    assert proprium("key", "add", "x", "--user", owner.email, "--property", str(uuid4())).code == 2


def test_a_key_that_manages_belongs_to_an_account(proprium: Proprium, database: Database):
    property_ = a_property(database, owner=a_user(database, role=Role.OWNER))
    api_key = api_keys.find(database, proprium("key", "add", "provisioning", "--manage").out.strip())
    assert api_key is not None
    assert api_key.may_manage
    assert "\tread,manage\t" in proprium("key", "list").out
    assert proprium("key", "add", "x", "--property", str(property_.id), "--manage").code == 2


def test_a_password_link_is_printed_alone_and_sets_a_password_once(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com")
    link = proprium("user", "password-link", "Ada@example.com").out
    address, _, token = link.strip().partition("?token=")
    assert address == "http://localhost:8000/password-reset/new"
    password_reset.reset_password(database, token, "a whole new password")
    assert check_password(database, "ada@example.com", "a whole new password")
    output = proprium("user", "password-link", "eve@example.com")
    assert (output.code, output.out) == (1, "")
    assert is_one_sentence(output.err)
