"""Who may read what: keys of a property, of a person, of one who only looks; and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import Request

from collector import rate_limit
from proprium.accounts import api_keys
from proprium.properties.service import set_public
from proprium.server.collector_app import CollectorParts
from proprium.storage.database import Database
from proprium.storage.tables import Property, Role, User
from tests.api.conftest import NOW, app_of, client_of
from tests.support.builders import a_property, a_user
from tests.support.warehouse_fixture import FilledWarehouse

PATHS = ("", "/totals", "/timeline", "/breakdown/page", "/live")


@dataclass
class House:
    """Three properties: Ada's, Grace's, and Grace's public one. `person` is who is signed in."""

    client: httpx.AsyncClient
    database: Database
    ada: User
    mine: Property
    hers: Property
    open: Property
    person: User | None = None

    async def get(self, key: str, path: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.client.get(f"/api/v1/properties{path}", headers=headers)

    async def seen(self, key: str) -> list[str]:
        return [one["name"] for one in (await self.get(key)).json()["properties"]]

    def a_key(self, user: User | None = None, only: Property | None = None, *, may_write: bool = False) -> str:
        return api_keys.create(
            self.database,
            "a key",
            user_id=user.id if user else None,
            property_id=only.id if only else None,
            may_write=may_write,
        )


@pytest.fixture
async def house(database: Database, doors: CollectorParts, warehouse: FilledWarehouse) -> AsyncIterator[House]:
    ada, grace = a_user(database), a_user(database, "grace@example.com")
    mine, hers, public = (
        a_property(database, name, owner) for name, owner in (("Mine", ada), ("Hers", grace), ("Open", grace))
    )
    set_public(database, public.id, True)

    def user_of(_: Request) -> User | None:
        return made.person

    async with client_of(app_of(warehouse, doors, NOW, user_of=user_of, reads_per_minute=30)) as client:
        made = House(client, database, ada, mine, hers, public)
        yield made


async def test_a_propertys_key_sees_that_property_only(house: House) -> None:
    key = house.a_key(only=house.hers)
    assert await house.seen(key) == ["Hers"]
    assert [(await house.get(key, f"/{house.hers.id}{path}")).status_code for path in PATHS] == [200] * 5
    for other in (house.mine.id, house.open.id, uuid4()):
        assert [(await house.get(key, f"/{other}{path}")).status_code for path in PATHS] == [404] * 5


async def test_a_persons_key_sees_what_the_person_sees_and_one_of_it_less(house: House) -> None:
    assert await house.seen(house.a_key(house.ada)) == ["Mine", "Open"]
    assert await house.seen(house.a_key(house.ada, house.open)) == ["Open"]
    assert await house.seen(house.a_key(house.ada, house.hers)) == []
    owner = a_user(house.database, "owner@example.com", Role.OWNER)
    assert {"Mine", "Hers", "Open"} < set(await house.seen(house.a_key(owner)))
    viewer = house.a_key(a_user(house.database, "viewer@example.com", Role.VIEWER))
    assert await house.seen(viewer) == ["Open"]
    assert (await house.get(viewer, f"/{house.hers.id}/totals")).status_code == 404


async def test_what_is_not_theirs_looks_like_what_does_not_exist(house: House) -> None:
    key, missing = house.a_key(house.ada), uuid4()

    async def told(path: str, id_: UUID) -> str:
        return (await house.get(key, f"/{id_}{path}")).text.replace(str(id_), "")

    for path in (*PATHS, "/events.csv"):
        assert await told(path, house.hers.id) == await told(path, missing)
    assert (await house.get(key, "/42/totals")).status_code == 404


async def test_a_key_that_writes_reads_as_well_and_without_one_nothing_is_read(house: House) -> None:
    assert await house.seen(house.a_key(only=house.mine, may_write=True)) == ["Mine"]
    for key in ("", "proprium_nonsense"):
        for path in ("", f"/{house.open.id}/totals", f"/{house.open.id}/events.csv"):
            answer = await house.get(key, path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_revoked_key_is_out_at_once_and_so_is_the_key_of_somebody_who_left(house: House) -> None:
    key = house.a_key(house.ada)
    assert await house.seen(key) == ["Mine", "Open"]
    [found] = api_keys.list_keys(house.database, house.ada.id)
    api_keys.revoke(house.database, found.id)
    assert (await house.get(key)).status_code == 401


async def test_single_events_are_for_those_who_may_change_the_property(house: House) -> None:
    viewer = a_user(house.database, "viewer@example.com", Role.VIEWER)
    status = {
        "a stranger to it": (house.a_key(house.ada), house.hers, 404),
        "who only looks": (house.a_key(house.ada), house.open, 403),
        "a viewer": (house.a_key(viewer), house.open, 403),
        "its editor": (house.a_key(house.ada), house.mine, 200),
        "its own key": (house.a_key(only=house.hers), house.hers, 200),
    }
    for who, (key, found, expected) in status.items():
        assert (await house.get(key, f"/{found.id}/events.csv")).status_code == expected, who


async def test_a_page_links_to_single_events_for_who_is_signed_in_and_to_nothing_else(house: House) -> None:
    address = f"/{house.mine.id}/events.jsonl"
    assert (await house.get("", address)).status_code == 401
    house.person = house.ada
    assert (await house.get("", address)).status_code == 200
    assert (await house.get("", f"/{house.hers.id}/events.csv")).status_code == 404
    assert (await house.get("", f"/{house.mine.id}/totals")).status_code == 401
    assert (await house.get("proprium_nonsense", address)).status_code == 401


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(rate_limit.time, "time", lambda: 2_000.0)
    busy, calm = house.a_key(only=house.mine), house.a_key(only=house.hers)
    answers = [await house.get(busy) for _ in range(31)]
    assert [one.status_code for one in answers] == [200] * 30 + [429]
    assert answers[-1].json()["title"] == "Too many requests"
    assert 55 < int(answers[-1].headers["retry-after"]) <= 61
    assert (await house.get(calm)).status_code == 200
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: 1_061.0)
    assert (await house.get(busy)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_keys_are_limited_by_subscriber_and_valid_ones_of_the_same_address_are_not(
    database: Database, doors: CollectorParts, warehouse: FilledWarehouse, method: str
) -> None:
    valid = api_keys.create(database, "shop", property_id=warehouse.property.id, may_write=True)
    doors.rules_cache.refresh()
    app = app_of(warehouse, doors, NOW, address_of=lambda request: request.headers["x-client"])
    path = "/api/v1/properties" if method == "GET" else "/api/v1/events"

    async def ask(client: httpx.AsyncClient, key: str, address: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "X-Client": address}
        body = {"collectorId": str(warehouse.property.id), "event": "page_view"} if method == "POST" else None
        return await client.request(method, path, headers=headers, json=body)

    async with client_of(app) as client:
        assert (await ask(client, valid, "2001:db8::1")).status_code == 200
        statuses = [(await ask(client, f"guess {n}", f"2001:db8::{n:x}")).status_code for n in range(62)]
        assert statuses == [401] * 60 + [429] * 2
        refused = await ask(client, "guess", "2001:db8::1")
        assert refused.headers["retry-after"] == "60"
        assert "without a valid API key" in refused.json()["detail"]
        assert (await ask(client, valid, "2001:db8::1")).status_code == 200
        assert (await ask(client, "guess", "2001:db8:0:1::1")).status_code == 401


async def test_requests_without_a_key_are_not_counted_as_guesses(house: House) -> None:
    assert {(await house.get("")).status_code for _ in range(70)} == {401}
    assert (await house.get("proprium_nonsense")).status_code == 401


async def test_a_property_is_told_with_its_name_zone_and_hostnames(house: House) -> None:
    told = (await house.get(house.a_key(house.ada), f"/{house.mine.id}")).json()
    created_at = house.mine.created_at.isoformat().replace("+00:00", "Z")
    assert told == {
        "id": str(house.mine.id),
        "name": "Mine",
        "timezone": "UTC",
        "hostnames": [],
        "created_at": created_at,
    }
