"""`share`: links of a property from the command line."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from proprium.accounts import share_links
from proprium.accounts.passwords import is_correct
from proprium.clock import utc_now
from proprium.properties.service import update_settings
from proprium.storage.database import Database
from tests.commands.conftest import Proprium, is_one_sentence
from tests.support.builders import PASSWORD, a_property


def test_a_link_is_printed_alone_and_opens_what_was_asked_for(proprium: Proprium, database: Database):
    shop = a_property(database, "Shop")
    update_settings(database, shop.id, segments=[{"name": "Germany", "filters": ["country:is:DE"]}])
    output = proprium(
        *("share", "add", "--property", str(shop.id), "--name", "Client", "--password-stdin", "--expires", "30d"),
        *("--segment", "Germany", "--tile", "cards", "--tile", "map", "--without-keys"),
        *("--embed", "https://wiki.example.com", "--embed", "http://localhost:8080"),
        stdin=PASSWORD + "\n",
    )
    assert output.code == 0, output.err
    (line,) = output.out.splitlines()
    address, _, token = line.rpartition("/")
    assert address == "http://localhost:8000/share"
    link = share_links.open_by_token(database, token).link
    assert is_correct(link.password_hash, PASSWORD)
    assert (link.name, link.segment, link.tiles, link.shows_data_keys) == (
        "Client",
        "Germany",
        ["cards", "places"],
        False,
    )
    assert link.frame_ancestors == ["https://wiki.example.com", "http://localhost:8080"]
    assert link.expires_at is not None
    assert abs(link.expires_at - utc_now() - timedelta(days=30)) < timedelta(minutes=5)
    listed = proprium("share", "list", "--property", str(shop.id)).out
    assert listed.startswith(f"{token}\t20")
    assert listed.endswith(
        "\tpassword segment=Germany tile=cards tile=places without-keys embed=https://wiki.example.com"
        " embed=http://localhost:8080\tClient\n"
    )


def test_a_link_is_revoked_by_its_token_or_address(proprium: Proprium, database: Database):
    shop = a_property(database)
    addresses = [proprium("share", "add", "--property", str(shop.id)).out.strip() for _ in range(2)]
    assert proprium("share", "revoke", addresses[0]).code == 0
    assert proprium("share", "revoke", addresses[1].rpartition("/")[2]).code == 0
    assert proprium("share", "list", "--property", str(shop.id)).out == ""
    again = proprium("share", "revoke", addresses[0])
    assert (again.code, again.out) == (1, "")
    assert is_one_sentence(again.err)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--expires", "soon"], 2),
        (["--expires", "0d"], 2),
        (["--expires", "-3d"], 2),
        (["--expires", "99999d"], 1),
        (["--segment", "France"], 1),
        (["--tile", "sql"], 1),
        (["--embed", "wiki.example.com"], 1),
        (["--embed", "https://a.example; script-src *"], 1),
        (["--name", "x" * 101], 1),
        (["--password-stdin"], 2),
    ],
)
def test_what_will_not_do_is_refused(proprium: Proprium, database: Database, options: list[str], code: int):
    shop = a_property(database)
    output = proprium("share", "add", "--property", str(shop.id), *options)
    assert (output.code, output.out) == (code, "")
    assert "Traceback" not in output.err
    assert share_links.list_links(database, shop.id) == []


def test_a_link_needs_a_property_that_exists(proprium: Proprium, database: Database):
    for command in ("add", "list"):
        output = proprium("share", command, "--property", str(uuid4()))
        assert (output.code, output.out) == (1, "")
        assert is_one_sentence(output.err)
