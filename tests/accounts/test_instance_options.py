"""Options of the whole server, and the defaults with which properties begin."""

from __future__ import annotations

import pytest

from proprium.accounts import instance_options
from proprium.accounts.instance_options import InstanceOptions
from proprium.errors import UserFacingError
from proprium.properties import service
from proprium.storage.database import Database
from tests.support.builders import a_property


def test_options_are_stored_validated(database: Database) -> None:
    assert instance_options.get(database) == InstanceOptions()
    options = InstanceOptions("  Acme \n Analytics ", False, "Europe/Berlin", True)
    assert instance_options.change(database, options).name == "Acme Analytics"
    assert instance_options.get(database) == InstanceOptions("Acme Analytics", False, "Europe/Berlin", True)
    for wrong in (InstanceOptions(timezone="Mars"), InstanceOptions(name="x" * 101)):
        with pytest.raises(UserFacingError):
            instance_options.change(database, wrong)
    assert instance_options.get(database).name == "Acme Analytics"


def test_a_new_property_has_the_defaults_unless_it_says_otherwise(database: Database) -> None:
    instance_options.change(database, InstanceOptions(timezone="Europe/Berlin", is_cookieless=True))
    new = a_property(database)
    assert (new.timezone, new.is_cookieless) == ("Europe/Berlin", True)
    chosen = a_property(database, timezone="UTC", is_cookieless=False)
    assert (chosen.timezone, chosen.is_cookieless) == ("UTC", False)
    own = service.ensure_own_property(database)
    assert (own.timezone, own.is_cookieless) == ("UTC", True)
