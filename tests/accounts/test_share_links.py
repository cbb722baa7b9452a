"""Share links: what opens one, what it grants, and that all others look like missing ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from proprium.accounts import share_links
from proprium.accounts.audit import COMMAND_LINE, Action, Actor
from proprium.accounts.share_links import MAX_LINKS, ShareLinkNotFound
from proprium.clock import utc_now
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.metrics.query.filters import parse_filter
from proprium.metrics.query.parts import ALL_PARTS, Part
from proprium.properties.service import delete_property, update_settings
from proprium.storage.database import Database
from proprium.storage.tables import AuditEntry, Property, ShareLink
from tests.support.builders import a_property

PASSWORD = "a password for the client"


@pytest.fixture
def shop(database: Database) -> Property:
    property_ = a_property(database, "Shop")
    segments = [{"name": "Germany", "filters": ["country:is:DE"]}, {"name": "Buyers", "filters": ["data.plan:is:pro"]}]
    return update_settings(database, property_.id, segments=segments, public_data_keys=["plan"])


def a_link(database: Database, property_: Property, **settings: Any) -> ShareLink:
    return share_links.create(database, property_.id, COMMAND_LINE, **settings)


def test_a_link_opens_by_its_exact_token_only(database: Database, shop: Property) -> None:
    link = a_link(database, shop, name="Client")
    share = share_links.open_by_token(database, link.token)
    assert (share.property_.id, share.parts, share.data_access.restriction) == (shop.id, ALL_PARTS, ())
    assert share.data_access.keys == frozenset({"plan"})
    others = ("", link.token[:-1], link.token + "x", link.token.swapcase(), "ü" * 32, link.token + "\n", "x" * 10_000)
    for other in (*others, "%00", "' OR 1=1 --", str(link.id)):
        with pytest.raises(ShareLinkNotFound):
            share_links.open_by_token(database, other)


def test_tokens_are_long_and_unique(database: Database, shop: Property) -> None:
    tokens = {a_link(database, shop).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) == 32 for token in tokens)


def test_an_expired_revoked_or_orphaned_link_looks_like_a_missing_one(database: Database, shop: Property) -> None:
    now = utc_now()
    expired = a_link(database, shop, expires_at=now + timedelta(seconds=60))
    revoked, without_segment = a_link(database, shop), a_link(database, shop, segment="Germany")
    share_links.revoke(database, shop.id, revoked.id, COMMAND_LINE)
    update_settings(database, shop.id, segments=[])
    messages = set()
    for token, at in ((expired.token, now + timedelta(seconds=60)), (revoked.token, now), (without_segment.token, now)):
        with pytest.raises(ShareLinkNotFound) as caught:
            share_links.open_by_token(database, token, clock=lambda at=at: at)
        messages.add(str(caught.value))
    with pytest.raises(ShareLinkNotFound) as caught:
        share_links.open_by_token(database, "x" * 32)
    assert messages == {str(caught.value)}
    assert share_links.open_by_token(database, expired.token, clock=lambda: now)
    delete_property(database, shop.id)
    with pytest.raises(ShareLinkNotFound):
        share_links.open_by_token(database, expired.token, clock=lambda: now)


def test_a_link_is_changed_and_revoked_by_its_own_property_only(database: Database, shop: Property) -> None:
    link, other = a_link(database, shop), a_property(database, "Other")
    with pytest.raises(ShareLinkNotFound):
        share_links.revoke(database, other.id, link.id, COMMAND_LINE)
    with pytest.raises(ShareLinkNotFound):
        share_links.change(database, other.id, link.id, COMMAND_LINE, name="mine")
    assert share_links.list_links(database, other.id) == []
    assert [listed.id for listed in share_links.list_links(database, shop.id)] == [link.id]


def test_a_segment_restricts_whatever_its_key_and_a_missing_one_is_refused(database: Database, shop: Property) -> None:
    link = a_link(database, shop, segment="Buyers", shows_data_keys=False)
    access = share_links.open_by_token(database, link.token).data_access
    assert access.restriction == (parse_filter("data.plan:is:pro"),)
    assert access.keys == frozenset()
    with pytest.raises(UserFacingError, match="Germany, Buyers"):
        a_link(database, shop, segment="France")


def test_parts_limit_the_dimensions_and_hide_the_keys_of_events(database: Database, shop: Property) -> None:
    link = a_link(database, shop, tiles=["chart", "CARDS", "map"])
    share = share_links.open_by_token(database, link.token)
    assert link.tiles == ["cards", "chart", "places"]
    assert share.parts == {Part.CARDS, Part.CHART, Part.PLACES}
    assert share.data_access.dimensions == frozenset({"country", "region", "city"})
    assert share.data_access.keys == frozenset()
    assert a_link(database, shop, tiles=list(Part)).tiles == []
    with pytest.raises(UserFacingError, match="no part 'sql'"):
        a_link(database, shop, tiles=["sql"])


GRANTS: list[dict[str, Any]] = [
    {"password": PASSWORD},
    {"segment": "Germany"},
    {"tiles": ["cards"]},
    {"shows_data_keys": False},
    {"frame_ancestors": ["https://wiki.example.com"]},
]


@pytest.mark.parametrize("change", GRANTS, ids=lambda change: next(iter(change)))
def test_every_change_of_what_a_link_grants_changes_its_fingerprint(
    database: Database, shop: Property, change: dict[str, Any]
) -> None:
    link = a_link(database, shop)
    before = share_links.open_by_token(database, link.token).fingerprint
    share_links.change(database, shop.id, link.id, COMMAND_LINE, name="Another name")
    assert share_links.open_by_token(database, link.token).fingerprint == before
    share_links.change(database, shop.id, link.id, COMMAND_LINE, **change)
    assert share_links.open_by_token(database, link.token).fingerprint != before


def test_a_changed_segment_changes_the_fingerprint(database: Database, shop: Property) -> None:
    link = a_link(database, shop, segment="Germany")
    before = share_links.open_by_token(database, link.token).fingerprint
    update_settings(database, shop.id, segments=[{"name": "Germany", "filters": ["country:is:AT"]}])
    assert share_links.open_by_token(database, link.token).fingerprint != before


@pytest.mark.parametrize("password", ["short", "x" * 10_000])
def test_passwords_of_a_wrong_length_are_refused(database: Database, shop: Property, password: str) -> None:
    with pytest.raises(UserFacingError, match="10 to 1,000"):
        a_link(database, shop, password=password)
    assert share_links.list_links(database, shop.id) == []


def test_a_proof_is_of_one_link_and_its_current_password(database: Database, shop: Property) -> None:
    link, other = a_link(database, shop, password=PASSWORD), a_link(database, shop, password=PASSWORD)
    proof = share_links.proof_of_password(database, link)
    assert share_links.proves_password(database, link, proof)
    assert not share_links.proves_password(database, other, proof)
    for forged in (
        "",
        ".",
        "1.",
        "x.y",
        proof[:-1],
        proof + "0",
        "9" * 11 + "." + proof.partition(".")[2],
        "é" * 5_000,
    ):
        assert not share_links.proves_password(database, link, forged)
    late = utc_now() + share_links.PASSWORD_LIFETIME + timedelta(seconds=5)
    assert not share_links.proves_password(database, link, proof, clock=lambda: late)
    changed = share_links.change(database, shop.id, link.id, COMMAND_LINE, password=PASSWORD + "!")
    assert not share_links.proves_password(database, changed, proof)
    dropped = share_links.change(database, shop.id, link.id, COMMAND_LINE, password=None)
    assert share_links.proves_password(database, dropped, "")


@pytest.mark.parametrize(
    "origin",
    [
        "wiki.example.com",
        "javascript:alert(1)",
        "https://a.example; script-src *",
        "https://a.example https://b.example",
        "https://a.example/path",
        "https://user@a.example",
        "https://a.example\r\nX-Evil: 1",
        "https://a.example,https://b.example",
        "https://",
        "https://*",
        "*",
        "'self'",
        "https://a.example:99999",
        "https://a.example:0",
        "data:",
        "https://ä.example",
        "https://" + "a" * 10_000,
        "https://a..example",
        "https://[::1",
        "null",
    ],
)
def test_a_frame_ancestor_that_is_no_origin_is_refused(database: Database, shop: Property, origin: str) -> None:
    with pytest.raises(UserFacingError, match="is not an origin"):
        a_link(database, shop, frame_ancestors=[origin])


def test_origins_are_stored_as_browsers_write_them(database: Database, shop: Property) -> None:
    origins = [
        "HTTPS://Wiki.Example.com/",
        " http://localhost:8080 ",
        "",
        "https://wiki.example.com",
        "http://[::1]:80",
    ]
    stored = a_link(database, shop, frame_ancestors=[*origins, "https://*.example.org"]).frame_ancestors
    assert stored == ["https://wiki.example.com", "http://localhost:8080", "http://[::1]:80", "https://*.example.org"]
    with pytest.raises(UserFacingError, match="At most 20"):
        a_link(database, shop, frame_ancestors=[f"https://{number}.example" for number in range(21)])


@pytest.mark.parametrize("days", [-1, 0, 3_661, 900_000])
def test_an_end_in_the_past_or_after_ten_years_is_refused(database: Database, shop: Property, days: int) -> None:
    now = utc_now()
    with pytest.raises(UserFacingError, match=r"expired already|ten years"):
        a_link(database, shop, expires_at=now + timedelta(days=days), clock=lambda: now)


def test_an_expired_link_can_be_renamed_and_renewed(database: Database, shop: Property) -> None:
    now = utc_now()
    link = a_link(database, shop, expires_at=now + timedelta(days=1))
    later = now + timedelta(days=2)
    share_links.change(database, shop.id, link.id, COMMAND_LINE, name="Old", clock=lambda: later)
    share_links.change(
        database, shop.id, link.id, COMMAND_LINE, expires_at=later + timedelta(days=1), clock=lambda: later
    )
    assert share_links.open_by_token(database, link.token, clock=lambda: later).link.name == "Old"


def test_names_lose_control_characters_and_have_a_limit(database: Database, shop: Property) -> None:
    assert a_link(database, shop, name="Client\r\nSet-Cookie: x\x00\x1b[31m").name == "Client Set-Cookie: x [31m"
    assert a_link(database, shop, name=" \n ").name == ""
    with pytest.raises(UserFacingError, match="1 to 100"):
        a_link(database, shop, name="x" * 101)


def test_a_property_has_a_limited_number_of_links(database: Database, shop: Property) -> None:
    with database.write_transaction() as session:
        session.add_all(ShareLink(token=f"{number:032d}", property_id=shop.id) for number in range(MAX_LINKS))
    with pytest.raises(Conflict, match=f"{MAX_LINKS} share links"):
        a_link(database, shop)


def test_the_use_of_a_link_is_recorded_every_five_minutes_at_most(database: Database, shop: Property) -> None:
    now, link = utc_now(), a_link(database, shop)

    def use_at(seconds: float) -> float | None:
        moment = now + timedelta(seconds=seconds)
        share_links.record_use(database, share_links.list_links(database, shop.id)[0], clock=lambda: moment)
        used_at = share_links.list_links(database, shop.id)[0].used_at
        return used_at and round((used_at - now).total_seconds())

    assert link.used_at is None
    assert [use_at(seconds) for seconds in (0, 299, 300, 301)] == [0, 0, 300, 300]


def test_every_change_is_in_the_audit_log_without_secrets(database: Database, shop: Property) -> None:
    actor = Actor("ada@example.com", network="203.0.113.0/24")
    link = share_links.create(database, shop.id, actor, name="Client", password=PASSWORD)
    share_links.change(database, shop.id, link.id, actor, name="Client", tiles=[])  # nothing changes
    share_links.change(database, shop.id, link.id, actor, password=PASSWORD + "!")
    share_links.change(database, shop.id, link.id, actor, segment="Germany")
    share_links.revoke(database, shop.id, link.id, actor)
    with database.session() as session:
        of_actor = select(AuditEntry).where(AuditEntry.actor == actor.name).order_by(AuditEntry.id)
        entries = list(session.scalars(of_actor))
    expected = [Action.SHARE_CREATED, Action.SHARE_CHANGED, Action.SHARE_CHANGED, Action.SHARE_REVOKED]
    assert [entry.action for entry in entries] == expected
    assert {(entry.actor, entry.property_id, entry.target) for entry in entries} == {(actor.name, shop.id, "Client")}
    assert [(entry.before or {}).get("password") for entry in entries] == [None, "set", "set", "set"]
    assert entries[1].after["password"] == "changed"
    assert (entries[2].before["segment"], entries[2].after["segment"]) == (None, "Germany")
    for entry in entries:
        text = f"{entry.target}{entry.before}{entry.after}"
        assert link.token not in text
        assert "argon2" not in text


def test_a_missing_property_has_no_links(database: Database, shop: Property) -> None:
    delete_property(database, shop.id)
    with pytest.raises(NotFound):
        a_link(database, shop)
