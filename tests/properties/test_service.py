"""Permissions on properties, and changes of their settings."""

from __future__ import annotations

from uuid import uuid4

import pytest

from proprium.accounts.users import remove
from proprium.errors import Conflict, PropertyNotFound, UserFacingError
from proprium.properties import permissions, service
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.tables import ChangeKind, Property, Role, User
from tests.support.builders import a_property, a_user, an_event


def names(properties: list[Property]) -> list[str]:
    return [known.name for known in properties]


def changes(database: Database) -> list[tuple[ChangeKind, int | None]]:
    tail = ChangeFeed(database)
    changes = [(change.kind, change.property) for change in tail.changes_after(0)]
    tail.close()
    return changes


@pytest.fixture
def ada(database: Database) -> User:
    return a_user(database, "ada@example.com")


@pytest.fixture
def grace(database: Database) -> User:
    return a_user(database, "grace@example.com")


@pytest.fixture
def owner(database: Database) -> User:
    return a_user(database, "owner@example.com", Role.OWNER)


def test_users_see_their_own_and_public_properties_the_owner_all(
    database: Database, ada: User, grace: User, owner: User
) -> None:
    a_property(database, "zebra", ada)
    a_property(database, "Apple", grace)
    service.set_public(database, a_property(database, "Public", grace).id, True)
    assert names(service.visible_properties(database, ada)) == ["Public", "zebra"]
    assert names(service.visible_properties(database, grace)) == ["Apple", "Public"]
    assert names(service.visible_properties(database, owner)) == ["Apple", "Public", "zebra"]
    assert names(service.visible_properties(database, None)) == ["Public"]


def test_a_property_without_access_looks_like_a_missing_one(database: Database, ada: User, grace: User) -> None:
    theirs = a_property(database, owner=grace)
    with pytest.raises(PropertyNotFound) as foreign:
        service.find_visible(database, theirs.id, ada)
    service.delete_property(database, theirs.id)
    with pytest.raises(PropertyNotFound) as missing:
        service.find_visible(database, theirs.id, ada)
    assert (str(foreign.value), foreign.value.status) == (str(missing.value), missing.value.status)


def test_a_public_property_is_visible_without_an_account_and_not_editable(database: Database, ada: User) -> None:
    public = service.set_public(database, a_property(database, owner=ada).id, True)
    assert service.find_visible(database, public.id, None).id == public.id
    assert not permissions.may_edit(None, public)
    with pytest.raises(PropertyNotFound):
        service.find_editable(database, public.id, None)


def test_its_creator_and_the_owner_may_edit_it(database: Database, ada: User, grace: User, owner: User) -> None:
    known = a_property(database, owner=ada)
    assert [permissions.may_edit(user, known) for user in (ada, owner, grace)] == [True, True, False]


def test_only_members_who_may_and_owners_create_properties(database: Database) -> None:
    assert permissions.may_create(a_user(database))
    assert not permissions.may_create(a_user(database, "guest@example.com", may_create=False))
    assert permissions.may_create(a_user(database, "owner@example.com", Role.OWNER, may_create=False))
    assert not permissions.may_create(None)


def test_a_property_outlives_its_creator(database: Database, ada: User, owner: User) -> None:
    known = a_property(database, owner=ada)
    remove(database, ada.email)
    assert service.find_visible(database, known.id, owner).owner_id is None


def test_deleting_removes_the_events_and_notifies_the_warehouse(database: Database) -> None:
    deleted, stays = a_property(database, "gone"), a_property(database, "stays")
    EventStore(database).append([an_event(property=known.number or 0) for known in (deleted, stays)])
    service.delete_property(database, deleted.id)
    assert (count_events(database, deleted.number), count_events(database, stays.number)) == (0, 1)
    assert changes(database) == [(ChangeKind.PROPERTY_DELETED, deleted.number)]
    with pytest.raises(PropertyNotFound):
        service.delete_property(database, deleted.id)


def test_a_number_is_never_given_out_twice(database: Database) -> None:
    first = a_property(database)
    service.delete_property(database, first.id)
    assert a_property(database).number != first.number


def test_a_reset_keeps_the_property(database: Database) -> None:
    known = a_property(database)
    EventStore(database).append([an_event(property=known.number or 0)])
    assert service.reset_property(database, known.id) == 1
    assert count_events(database) == 0
    assert changes(database) == [(ChangeKind.PROPERTY_RESET, known.number)]
    assert service.rename(database, known.id, "Still here").name == "Still here"


def test_the_own_property_is_created_once_and_cannot_be_deleted(database: Database) -> None:
    own = service.ensure_own_property(database)
    assert service.ensure_own_property(database).id == own.id
    assert (own.name, own.is_protected, own.is_cookieless) == ("Proprium", True, True)
    with pytest.raises(Conflict, match="cannot be deleted"):
        service.delete_property(database, own.id)
    assert names(service.visible_properties(database, None)) == []


def test_a_changed_warehouse_rule_is_in_the_change_feed(database: Database) -> None:
    known = a_property(database)
    service.update_settings(database, known.id, counts_automated=True, timezone="Asia/Kolkata")
    service.update_settings(database, known.id, counts_automated=True, query_keys=["id"])
    service.update_settings(database, known.id, excluded_paths=["/admin/*"])
    service.update_settings(database, known.id, excluded_paths=[" /admin/* "], excluded_addresses=["192.0.2.1"])
    assert changes(database) == [(ChangeKind.RULES_CHANGED, known.number)] * 2
    for rule in (
        {"hostnames": ["example.com"]},
        {"ignored_referrers": ["paypal.com"]},
        {"merges_trailing_slashes": False},
        {"merges_index_pages": True},
    ):
        service.update_settings(database, known.id, **rule)
    assert changes(database) == [(ChangeKind.RULES_CHANGED, known.number)] * 6


def test_settings_read_back_as_they_were_normalised(database: Database) -> None:
    known = service.create_property(
        database, "  My \n shop ", None, hostnames=["https://Shop.Example.com:8443/x", "shop.example.com", ""]
    )
    service.update_settings(
        database, known.id, excluded_addresses=["192.0.2.7/32", "2001:db8::1/48", " "], query_keys=["q", "q"]
    )
    service.set_custom_cards(database, known.id, ["signup", "sign up", "signup"])
    service.update_settings(
        database,
        known.id,
        excluded_countries=["france", " DE ", "de", ""],
        excluded_paths=["/admin/*", "*.pdf "],
        excluded_user_agents=["HomeMonitor", " "],
    )
    property_ = service.find_visible(database, known.id, a_user(database, role=Role.OWNER))
    assert (property_.name, property_.hostnames) == ("My shop", ["shop.example.com"])
    assert property_.excluded_addresses == ["192.0.2.7", "2001:db8::/48"]
    assert (property_.query_keys, property_.custom_cards) == (["q"], ["signup", "sign up"])
    assert (property_.excluded_countries, property_.excluded_paths) == (["DE", "FR"], ["/admin/*", "*.pdf"])
    assert property_.excluded_user_agents == ["HomeMonitor"]
    assert property_.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": " \t "}, "1 to 100 characters; this one has 0"),
        ({"name": "x" * 101}, "this one has 101"),
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"timezone": "../../etc/passwd"}, "is not a time zone"),
        ({"hostnames": ["not a host"]}, "'not a host' is not a host name"),
        ({"hostnames": ["http://[broken"]}, "is not a host name"),
        ({"excluded_addresses": ["192.0.2.300"]}, "'192.0.2.300' is not an IP address"),
        ({"excluded_countries": ["DE", "Atlantis"]}, "'Atlantis' is not a country; expected a code like DE"),
        ({"excluded_paths": ["admin"]}, "'admin' is not a path; expected one like"),
        ({"excluded_user_agents": ["* *"]}, "would exclude nearly all visitors"),
        ({"custom_cards": ["x" * 256]}, "this one has 256"),
        ({"query_keys": [str(n) for n in range(101)]}, "At most 100 entries are allowed"),
        ({"public_data_keys": ["user_id"]}, "'user_id' identifies individual visitors"),
        ({"public_data_keys": ["User-ID"]}, "cannot be made public"),
        ({"public_data_keys": ["view_id"]}, "cannot be made public"),
        ({"public_data_keys": ["visitor"]}, "cannot be made public"),
        ({"public_data_keys": [""]}, "1 to 255 characters; this one has 0"),
    ],
)
def test_an_invalid_value_is_rejected_with_a_message(
    database: Database, settings: dict[str, object], message: str
) -> None:
    known = a_property(database, "As it was")
    with pytest.raises(UserFacingError, match=message):
        service.update_settings(database, known.id, **settings)
    assert names(service.visible_properties(database, a_user(database, role=Role.OWNER))) == ["As it was"]


def test_a_page_with_an_outdated_list_publishes_no_key_again(database: Database) -> None:
    known = a_property(database)
    assert known.public_data_keys == []
    service.set_data_key_public(database, known.id, "email", True)
    service.set_data_key_public(database, known.id, "email", False)
    assert service.set_data_key_public(database, known.id, "plan", True).public_data_keys == ["plan"]


def test_publishing_or_hiding_a_data_key_leaves_the_others_as_they_are(database: Database) -> None:
    known = service.update_settings(database, a_property(database).id, public_data_keys=["coupon", "plan"])
    assert service.set_data_key_public(database, known.id, "size", True).public_data_keys == ["coupon", "plan", "size"]
    assert service.set_data_key_public(database, known.id, "plan", False).public_data_keys == ["coupon", "size"]


def test_a_missing_property_cannot_be_changed(database: Database) -> None:
    with pytest.raises(PropertyNotFound, match="may have been deleted"):
        service.rename(database, uuid4(), "Ghost")
