"""Authentication of the API: keys of properties, users and viewers, and their rate limits."""

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
class TwoUsers:
    """Three properties: Ada's, Grace's, and Grace's public one. `person` is the signed-in user."""

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
        return [item["name"] for item in (await self.get(key)).json()["properties"]]

    def a_key(self, user: User | None = None, only: Property | None = None, *, may_write: bool = False) -> str:
        return api_keys.create(
            self.database,
            "a key",
            user_id=user.id if user else None,
            property_id=only.id if only else None,
            may_write=may_write,
        )


@pytest.fixture
async def two_users(
    database: Database, collector_parts: CollectorParts, warehouse: FilledWarehouse
) -> AsyncIterator[TwoUsers]:
    ada, grace = a_user(database), a_user(database, "grace@example.com")
    mine, hers, public = (
        a_property(database, name, owner) for name, owner in (("Mine", ada), ("Hers", grace), ("Open", grace))
    )
    set_public(database, public.id, True)

    def user_of(_: Request) -> User | None:
        return fixture_.person

    async with client_of(app_of(warehouse, collector_parts, NOW, user_of=user_of, reads_per_minute=30)) as client:
        fixture_ = TwoUsers(client, database, ada, mine, hers, public)
        yield fixture_


async def test_a_propertys_key_sees_that_property_only(two_users: TwoUsers) -> None:
    key = two_users.a_key(only=two_users.hers)
    assert await two_users.seen(key) == ["Hers"]
    assert [(await two_users.get(key, f"/{two_users.hers.id}{path}")).status_code for path in PATHS] == [200] * 5
    for other in (two_users.mine.id, two_users.open.id, uuid4()):
        assert [(await two_users.get(key, f"/{other}{path}")).status_code for path in PATHS] == [404] * 5


async def test_a_users_key_sees_the_properties_of_the_user_or_one_of_them(two_users: TwoUsers) -> None:
    assert await two_users.seen(two_users.a_key(two_users.ada)) == ["Mine", "Open"]
    assert await two_users.seen(two_users.a_key(two_users.ada, two_users.open)) == ["Open"]
    assert await two_users.seen(two_users.a_key(two_users.ada, two_users.hers)) == []
    owner = a_user(two_users.database, "owner@example.com", Role.OWNER)
    assert {"Mine", "Hers", "Open"} < set(await two_users.seen(two_users.a_key(owner)))
    viewer = two_users.a_key(a_user(two_users.database, "viewer@example.com", may_create=False))
    assert await two_users.seen(viewer) == ["Open"]
    assert (await two_users.get(viewer, f"/{two_users.hers.id}/totals")).status_code == 404


async def test_an_inaccessible_property_looks_like_a_missing_one(two_users: TwoUsers) -> None:
    key, missing = two_users.a_key(two_users.ada), uuid4()

    async def text_without_id(path: str, id_: UUID) -> str:
        return (await two_users.get(key, f"/{id_}{path}")).text.replace(str(id_), "")

    for path in (*PATHS, "/events.csv"):
        assert await text_without_id(path, two_users.hers.id) == await text_without_id(path, missing)
    assert (await two_users.get(key, "/42/totals")).status_code == 404


async def test_a_write_key_may_read_and_without_a_key_nothing_is_read(two_users: TwoUsers) -> None:
    assert await two_users.seen(two_users.a_key(only=two_users.mine, may_write=True)) == ["Mine"]
    for key in ("", "proprium_nonsense"):
        for path in ("", f"/{two_users.open.id}/totals", f"/{two_users.open.id}/events.csv"):
            answer = await two_users.get(key, path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_revoked_key_is_rejected_at_once(two_users: TwoUsers) -> None:
    key = two_users.a_key(two_users.ada)
    assert await two_users.seen(key) == ["Mine", "Open"]
    [property_] = api_keys.list_keys(two_users.database, two_users.ada.id)
    api_keys.revoke(two_users.database, property_.id)
    assert (await two_users.get(key)).status_code == 401


async def test_raw_events_require_edit_access(two_users: TwoUsers) -> None:
    viewer = a_user(two_users.database, "viewer@example.com", may_create=False)
    status = {
        "a stranger to it": (two_users.a_key(two_users.ada), two_users.hers, 404),
        "who only looks": (two_users.a_key(two_users.ada), two_users.open, 403),
        "a viewer": (two_users.a_key(viewer), two_users.open, 403),
        "its editor": (two_users.a_key(two_users.ada), two_users.mine, 200),
        "its own key": (two_users.a_key(only=two_users.hers), two_users.hers, 200),
    }
    for who, (key, property_, expected) in status.items():
        assert (await two_users.get(key, f"/{property_.id}/events.csv")).status_code == expected, who


async def test_a_signed_in_browser_may_download_raw_events_without_a_key(two_users: TwoUsers) -> None:
    address = f"/{two_users.mine.id}/events.jsonl"
    assert (await two_users.get("", address)).status_code == 401
    two_users.person = two_users.ada
    assert (await two_users.get("", address)).status_code == 200
    assert (await two_users.get("", f"/{two_users.hers.id}/events.csv")).status_code == 404
    assert (await two_users.get("", f"/{two_users.mine.id}/totals")).status_code == 401
    assert (await two_users.get("proprium_nonsense", address)).status_code == 401


async def test_a_key_over_its_rate_limit_gets_retry_after(two_users: TwoUsers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(rate_limit.time, "time", lambda: 2_000.0)
    busy, calm = two_users.a_key(only=two_users.mine), two_users.a_key(only=two_users.hers)
    answers = [await two_users.get(busy) for _ in range(31)]
    assert [item.status_code for item in answers] == [200] * 30 + [429]
    assert answers[-1].json()["title"] == "Too many requests"
    assert 55 < int(answers[-1].headers["retry-after"]) <= 61
    assert (await two_users.get(calm)).status_code == 200
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: 1_061.0)
    assert (await two_users.get(busy)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_keys_are_limited_by_network_and_valid_ones_of_it_are_not(
    database: Database, collector_parts: CollectorParts, warehouse: FilledWarehouse, method: str
) -> None:
    valid = api_keys.create(database, "shop", property_id=warehouse.property.id, may_write=True)
    collector_parts.rules_cache.refresh()
    app = app_of(warehouse, collector_parts, NOW, address_of=lambda request: request.headers["x-client"])
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


async def test_requests_without_a_key_are_not_counted_as_guesses(two_users: TwoUsers) -> None:
    assert {(await two_users.get("")).status_code for _ in range(70)} == {401}
    assert (await two_users.get("proprium_nonsense")).status_code == 401


async def test_a_property_has_its_name_time_zone_and_hostnames(two_users: TwoUsers) -> None:
    body = (await two_users.get(two_users.a_key(two_users.ada), f"/{two_users.mine.id}")).json()
    created_at = two_users.mine.created_at.isoformat().replace("+00:00", "Z")
    assert body == {
        "id": str(two_users.mine.id),
        "name": "Mine",
        "timezone": "UTC",
        "hostnames": [],
        "created_at": created_at,
    }
