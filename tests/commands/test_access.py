"""`access` and `user invite`: who has access to which property, from the command line."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

from proprium.accounts import invitations, users
from proprium.properties import service
from proprium.storage.database import Database
from proprium.storage.tables import PropertyRole, Role
from tests.commands.conftest import Output, Proprium, is_one_sentence
from tests.support.builders import PASSWORD, a_property, a_user


def test_roles_are_given_listed_and_taken_away(proprium: Proprium, database: Database):
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    shop = a_property(database, "Shop", ada)
    assert proprium("access", "grant", "Bob@example.com", "--property", str(shop.id)) == Output(0, "", "")
    listed = proprium("access", "list", "--property", str(shop.id))
    assert listed.out == "ada@example.com\towner\nbob@example.com\tviewer\n"
    proprium("access", "grant", bob.email, "--property", str(shop.id), "--role", "editor")
    assert users.find(database, bob.email).role_on(shop.id) == PropertyRole.EDITOR
    assert proprium("access", "revoke", bob.email, "--property", str(shop.id)) == Output(0, "", "")
    assert users.find(database, bob.email).role_on(shop.id) is None


@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_unknown_people_and_properties_are_one_sentence(proprium: Proprium, database: Database, command: str):
    ada = a_user(database)
    shop = a_property(database, "Shop", ada)
    for email, property_id in (("nobody@example.com", shop.id), (ada.email, uuid4())):
        output = proprium("access", command, email, "--property", str(property_id))
        assert (output.code, output.out) == (1, "")
        assert is_one_sentence(output.err)
    assert proprium("access", "list", "--property", str(uuid4())).code == 1
    assert proprium("access", command, ada.email, "--property", "x").code == 2


def test_an_invitation_prints_its_link_alone(proprium: Proprium, database: Database):
    shops = [a_property(database, name) for name in ("a", "b")]
    roles = [f"--property={shops[0].id}:viewer", f"--property={shops[1].id}:owner"]
    output = proprium("user", "invite", "zoe@example.com", "--role", "viewer", *roles)
    assert output.code == 0
    match = re.fullmatch(r"http://localhost:8000/invitation\?token=(\S+)\n", output.out)
    assert match is not None
    zoe = invitations.accept(database, match[1], "Zoe", PASSWORD)
    assert (zoe.role, zoe.may_create_properties) == (Role.MEMBER, False)
    assert [zoe.role_on(shop.id) for shop in shops] == [PropertyRole.VIEWER, PropertyRole.OWNER]


@pytest.mark.parametrize("role", ["x", "x:viewer", f"{UUID(int=1)}", f"{UUID(int=1)}:king", ":viewer"])
def test_a_role_that_is_none_is_a_usage_error(proprium: Proprium, role: str):
    output = proprium("user", "invite", "zoe@example.com", "--property", role)
    assert output.code == 2
    assert repr(role) in output.err


def test_an_address_with_an_account_is_refused_in_one_sentence(proprium: Proprium, database: Database):
    a_user(database)
    output = proprium("user", "invite", "ada@example.com")
    assert (output.code, output.out) == (1, "")
    assert is_one_sentence(output.err)


def test_a_removed_account_hands_its_properties_over(proprium: Proprium, database: Database):
    a_user(database, "eve@example.com", Role.OWNER)
    shop, bob = a_property(database, "Shop", a_user(database)), a_user(database, "bob@example.com")
    assert proprium("user", "remove", "ada@example.com", "--hand-over-to", bob.email) == Output(0, "", "")
    assert service.find_any(database, shop.id).owner_id == bob.id
