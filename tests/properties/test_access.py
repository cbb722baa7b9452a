"""Who may do what with a property: its owner, members with a role on it, owners of the instance, everybody else."""

from __future__ import annotations

from uuid import uuid4

import pytest

from proprium.accounts import users
from proprium.errors import NotFound, PropertyNotFound
from proprium.properties import access, permissions, service
from proprium.properties.permissions import Level
from proprium.storage.database import Database
from proprium.storage.tables import Property, PropertyRole, Role, User
from tests.support.builders import a_property, a_user


def level(database: Database, user: User | None, property_: Property) -> Level:
    """With the user as the next request reads it."""
    return permissions.level_of(users.find(database, user.email) if user else None, property_)


@pytest.fixture
def ada(database: Database) -> User:
    return a_user(database)


@pytest.fixture
def shop(database: Database, ada: User) -> Property:
    return a_property(database, "Shop", ada)


def test_each_role_includes_the_one_before_and_owners_own_everything(
    database: Database, shop: Property, ada: User
) -> None:
    bob = a_user(database, "bob@example.com")
    assert level(database, bob, shop) == level(database, None, shop) == Level.NONE
    for role, expected in zip(PropertyRole, (Level.READ, Level.EDIT, Level.OWN), strict=True):
        access.grant(database, shop.id, bob.id, role)
        assert level(database, bob, shop) == expected
        assert level(database, bob, a_property(database, "Other", ada)) == Level.NONE
    assert level(database, ada, shop) == Level.OWN
    assert level(database, a_user(database, "root@example.com", Role.OWNER), shop) == Level.OWN


def test_everybody_reads_a_public_property_and_an_editor_still_edits_it(database: Database, shop: Property) -> None:
    bob = a_user(database, "bob@example.com")
    public = service.set_public(database, shop.id, True)
    assert level(database, bob, public) == level(database, None, public) == Level.READ
    access.grant(database, shop.id, bob.id, PropertyRole.EDITOR)
    assert level(database, bob, public) == Level.EDIT


def test_a_member_sees_two_of_five_properties(database: Database, ada: User) -> None:
    bob = a_user(database, "bob@example.com")
    shops = [a_property(database, f"Shop {number}", ada) for number in range(5)]
    for shop, role in ((shops[1], PropertyRole.VIEWER), (shops[3], PropertyRole.EDITOR)):
        access.grant(database, shop.id, bob.id, role)
    bob = users.find(database, bob.email)
    assert [shop.name for shop in service.visible_properties(database, bob)] == ["Shop 1", "Shop 3"]
    assert service.find_visible(database, shops[1].id, bob).name == "Shop 1"
    for find, shop in (
        (service.find_visible, shops[0]),
        (service.find_editable, shops[1]),
        (service.find_owned, shops[3]),
    ):
        with pytest.raises(PropertyNotFound):
            find(database, shop.id, bob)


def test_access_ends_when_it_is_revoked_and_with_the_user_or_the_property(database: Database, ada: User) -> None:
    bob, shops = a_user(database, "bob@example.com"), [a_property(database, name, ada) for name in "ab"]
    for shop in shops:
        access.grant(database, shop.id, bob.id, PropertyRole.VIEWER)
    assert [(member.user.email, member.role) for member in access.list_members(database, shops[0].id)] == [
        ("bob@example.com", PropertyRole.VIEWER)
    ]
    access.revoke(database, shops[0].id, bob.id)
    assert access.list_members(database, shops[0].id) == []
    service.delete_property(database, shops[1].id)
    assert users.find(database, bob.email).property_access == {}
    third = a_property(database, "c", ada)
    access.grant(database, third.id, bob.id, PropertyRole.VIEWER)
    users.remove(database, bob.email)
    assert access.list_members(database, third.id) == []


def test_who_hands_a_property_over_stays_its_editor(database: Database, shop: Property, ada: User) -> None:
    bob = a_user(database, "bob@example.com")
    access.grant(database, shop.id, bob.id, PropertyRole.VIEWER)
    assert access.transfer(database, shop.id, bob.id).owner_id == bob.id
    transferred = service.find_any(database, shop.id)
    assert level(database, bob, transferred) == Level.OWN
    assert level(database, ada, transferred) == Level.EDIT
    assert [member.user.email for member in access.list_members(database, shop.id)] == [ada.email]
    access.transfer(database, shop.id, bob.id)  # to who owns it already
    assert [member.user.email for member in access.list_members(database, shop.id)] == [ada.email]


def test_nothing_is_given_to_nobody_and_nothing_that_is_missing_is_given(database: Database, shop: Property) -> None:
    for change in (
        lambda: access.grant(database, shop.id, uuid4(), PropertyRole.VIEWER),
        lambda: access.transfer(database, shop.id, uuid4()),
    ):
        with pytest.raises(NotFound):
            change()
    bob = a_user(database, "bob@example.com")
    for change in (
        lambda: access.grant(database, uuid4(), bob.id, PropertyRole.VIEWER),
        lambda: access.transfer(database, uuid4(), bob.id),
    ):
        with pytest.raises(PropertyNotFound):
            change()
