"""`property`: tracked sites."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from proprium.properties.service import visible_properties
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.tables import Role
from tests.commands.conftest import Output, Proprium, only_property
from tests.support.builders import a_property, a_user, an_event


def test_a_new_property_prints_its_id_alone(proprium: Proprium, database: Database):
    owner = a_user(database, role=Role.OWNER)
    options = (
        "--hostname",
        "example.com",
        "--hostname",
        "www.example.org",
        "--timezone",
        "Europe/Berlin",
        "--cookieless",
    )
    output = proprium("property", "add", "My site", *options)
    property_ = only_property(database)
    assert output.out == f"{property_.id}\n"
    assert (property_.name, property_.owner_id, property_.timezone, property_.is_cookieless) == (
        "My site",
        owner.id,
        "Europe/Berlin",
        True,
    )
    assert property_.hostnames == ["example.com", "www.example.org"]


def test_a_property_can_be_created_before_any_account(proprium: Proprium, database: Database):
    assert UUID(proprium("property", "add", "Early").out.strip()) == only_property(database).id


def test_an_unknown_time_zone_is_an_error(proprium: Proprium):
    output = proprium("property", "add", "My site", "--timezone", "Europe/Atlantis")
    assert (output.code, output.out) == (1, "")
    assert "Europe/Atlantis" in output.err


def test_properties_are_listed_one_a_line(proprium: Proprium, database: Database):
    property_ = a_property(database, "My site")
    assert proprium("property", "list").out == f"{property_.id}\tprivate\tMy site\n"


def test_a_property_is_renamed(proprium: Proprium, database: Database):
    property_ = a_property(database, "Old")
    assert proprium("property", "rename", str(property_.id), "New") == Output(0, "", "")
    assert only_property(database).name == "New"


def test_a_property_is_deleted_only_when_that_is_certain(proprium: Proprium, database: Database):
    owner = a_user(database, role=Role.OWNER)
    property_ = a_property(database)
    EventStore(database).append([an_event(property=property_.number or 0)])
    assert proprium("property", "delete", str(property_.id)).code == 1
    assert proprium("property", "delete", str(property_.id), "--yes").code == 0
    assert visible_properties(database, owner) == []
    assert count_events(database) == 0


@pytest.mark.parametrize("command", [("rename", "x"), ("delete", "--yes")])
def test_an_unknown_property_is_an_error(proprium: Proprium, command: tuple[str, str]):
    output = proprium("property", command[0], str(uuid4()), command[1])
    assert output.code == 1
    assert output.err.startswith("No property ")


def test_an_id_that_is_none_is_a_misuse(proprium: Proprium):
    assert proprium("property", "rename", "42", "x").code == 2
