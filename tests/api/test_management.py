"""Management of properties, goals, segments and access over the API: with the rights of the key's user, no more."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from proprium.accounts import api_keys, invitations, users
from proprium.properties import access, service
from proprium.storage.database import Database
from proprium.storage.tables import Property, PropertyRole, Role, User
from tests.api.conftest import Api
from tests.support.builders import PASSWORD, a_property, a_user

GOAL = {"name": "Signed up", "filters": ["event:is:signup"]}
SEGMENT = {"name": "Germans", "filters": ["country:is:DE"]}


@dataclass
class Managed:
    """Ada owns Shop; Bob has nothing on it yet."""

    client: httpx.AsyncClient
    database: Database
    ada: User
    bob: User
    shop: Property

    def key(self, user: User, *, only: Property | None = None, may_manage: bool = True) -> str:
        property_id = only.id if only else None
        return api_keys.create(
            self.database, "management", user_id=user.id, property_id=property_id, may_write=True, may_manage=may_manage
        )

    async def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.key(self.ada)}"}
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        return await self.call(method, f"/properties{path}", body, key)

    async def ok(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        answer = await self.send(method, path, body, key)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def grant(self, role: PropertyRole) -> str:
        """Gives Bob a role on Shop; returns a key of his."""
        access.grant(self.database, self.shop.id, self.bob.id, role)
        return self.key(self.bob)


@pytest.fixture
def managed(api: Api) -> Managed:
    ada, bob = a_user(api.database), a_user(api.database, "bob@example.com")
    return Managed(api.client, api.database, ada, bob, a_property(api.database, "Shop", ada))


async def test_a_property_is_created_changed_and_deleted(managed: Managed) -> None:
    body = {"name": "Bakery", "timezone": "Europe/Berlin", "session_timeout_min": 20, "excluded_paths": ["/admin/*"]}
    answer = await managed.send("POST", "", body)
    assert answer.status_code == 201
    path = f"/{answer.json()['id']}"
    settings = await managed.ok("GET", f"{path}/settings")
    assert {name: settings[name] for name in body} == body
    changed = await managed.ok("PATCH", f"{path}/settings", {"name": "Baker", "engagement_threshold_s": 5})
    assert (changed["name"], changed["engagement_threshold_s"], changed["session_timeout_min"]) == ("Baker", 5, 20)
    assert (await managed.send("DELETE", path)).status_code == 204
    assert (await managed.send("GET", path)).status_code == 404


async def test_a_property_with_one_wrong_setting_is_not_created(managed: Managed) -> None:
    answer = await managed.send("POST", "", {"name": "Bakery", "timezone": "Mars/Olympus"})
    assert answer.status_code == 400
    assert "Mars/Olympus" in answer.json()["detail"]
    assert [each.name for each in service.visible_properties(managed.database, managed.ada)] == ["Shop"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"nmae": "Baker"}, "nmae"),
        ({"name": 7}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "characters"),
        ({"session_timeout_min": "30"}, "session_timeout_min"),
        ({"session_timeout_min": 0}, "session timeout"),
        ({"hostnames": "example.com"}, "hostnames"),
        ([], "body"),
        ("name", "body"),
    ],
)
async def test_a_wrong_body_is_named_and_changes_nothing(managed: Managed, body: Any, named: str) -> None:
    answer = await managed.send("PATCH", f"/{managed.shop.id}/settings", body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.json()["detail"]
    assert service.find_any(managed.database, managed.shop.id).name == "Shop"


async def test_a_body_without_end_is_refused(managed: Managed) -> None:
    answer = await managed.send("PATCH", f"/{managed.shop.id}/settings", {"name": "x" * 100_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(("plural", "entry"), [("goals", GOAL), ("segments", SEGMENT)])
async def test_goals_and_segments_are_created_changed_and_deleted(
    managed: Managed, plural: str, entry: dict[str, Any]
) -> None:
    path = f"/{managed.shop.id}/{plural}"
    assert await managed.ok("POST", path, entry) == {plural: [entry]}
    assert (await managed.send("POST", path, entry)).status_code == 409
    renamed = {"name": "Other", "filters": ["page:is:/pricing"]}
    assert await managed.ok("PUT", f"{path}/{entry['name']}", renamed) == {plural: [renamed]}
    assert (await managed.send("PUT", f"{path}/{entry['name']}", renamed)).status_code == 404
    assert (await managed.send("DELETE", f"{path}/{entry['name']}")).status_code == 404
    assert (await managed.send("DELETE", f"{path}/Other")).status_code == 204
    assert await managed.ok("GET", path) == {plural: []}


@pytest.mark.parametrize(
    ("plural", "filters", "status"),
    [
        ("goals", [], 400),
        ("goals", ["entry_page:is:/"], 400),  # a goal is reached by one event
        ("goals", ["nonsense"], 400),
        ("segments", [], 400),
        ("segments", ["entry_page:is:/"], 201),
        ("segments", ["country:is_about:DE"], 400),
    ],
)
async def test_filters_are_those_of_the_dashboard(
    managed: Managed, plural: str, filters: list[str], status: int
) -> None:
    answer = await managed.send("POST", f"/{managed.shop.id}/{plural}", {"name": "Some", "filters": filters})
    assert answer.status_code == status, answer.text


def test_goals_that_are_created_at_once_are_all_kept(managed: Managed) -> None:
    def create(number: int) -> None:
        goal = {"name": f"Goal {number}", "filters": ["event:is:signup"]}
        service.change_list(managed.database, managed.shop.id, "goals", lambda goals: [*goals, goal])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(16)))
    assert len(service.find_any(managed.database, managed.shop.id).goals) == 16


async def test_access_is_given_changed_and_taken_away(managed: Managed) -> None:
    path = f"/{managed.shop.id}/members"
    for role in ("viewer", "editor"):
        members = await managed.ok("PUT", f"{path}/bob@example.com", {"role": role})
        assert members == {
            "owner": "ada@example.com",
            "members": [{"email": "bob@example.com", "name": "Ada", "role": role}],
        }
    assert (await managed.send("PUT", f"{path}/nobody@example.com", {"role": "viewer"})).status_code == 404
    assert (await managed.send("PUT", f"{path}/bob@example.com", {"role": "king"})).status_code == 400
    assert (await managed.send("DELETE", f"{path}/bob@example.com")).status_code == 204
    assert (await managed.send("DELETE", f"{path}/bob@example.com")).status_code == 404
    assert users.find(managed.database, "bob@example.com").property_access == {}


async def test_a_transfer_makes_the_previous_owner_an_editor(managed: Managed) -> None:
    members = await managed.ok("POST", f"/{managed.shop.id}/transfer", {"email": "bob@example.com"})
    assert members["owner"] == "bob@example.com"
    assert members["members"] == [{"email": "ada@example.com", "name": "Ada", "role": "editor"}]
    assert (await managed.send("DELETE", f"/{managed.shop.id}")).status_code == 403


# Rights

CALLS: dict[str, tuple[str, str, Any, PropertyRole]] = {  # method, path, body, the lowest role that may
    "settings": ("GET", "/settings", None, PropertyRole.EDITOR),
    "rename": ("PATCH", "/settings", {"name": "Shop 2"}, PropertyRole.EDITOR),
    "publish": ("PATCH", "/settings", {"is_public": True}, PropertyRole.OWNER),
    "publish a key": ("PATCH", "/settings", {"public_data_keys": ["plan"]}, PropertyRole.OWNER),
    "goals": ("GET", "/goals", None, PropertyRole.VIEWER),
    "new goal": ("POST", "/goals", {"name": "Another", "filters": ["event:is:order"]}, PropertyRole.EDITOR),
    "changed goal": ("PUT", "/goals/Signed up", GOAL, PropertyRole.EDITOR),
    "deleted goal": ("DELETE", "/goals/Signed up", None, PropertyRole.EDITOR),
    "segments": ("GET", "/segments", None, PropertyRole.VIEWER),
    "new segment": ("POST", "/segments", {"name": "Another", "filters": ["country:is:US"]}, PropertyRole.EDITOR),
    "changed segment": ("PUT", "/segments/Germans", SEGMENT, PropertyRole.EDITOR),
    "deleted segment": ("DELETE", "/segments/Germans", None, PropertyRole.EDITOR),
    "members": ("GET", "/members", None, PropertyRole.OWNER),
    "grant": ("PUT", "/members/bob@example.com", {"role": "owner"}, PropertyRole.OWNER),
    "revoke": ("DELETE", "/members/bob@example.com", None, PropertyRole.OWNER),
    "transfer": ("POST", "/transfer", {"email": "bob@example.com"}, PropertyRole.OWNER),
    "delete": ("DELETE", "", None, PropertyRole.OWNER),
}
ORDER = list(PropertyRole)


def state(managed: Managed) -> Mapping[str, Any]:
    property_ = service.find_any(managed.database, managed.shop.id)
    return {**property_.model_dump(), "members": access.list_members(managed.database, managed.shop.id)}


@pytest.fixture
def filled(managed: Managed) -> Managed:
    service.update_settings(managed.database, managed.shop.id, goals=[GOAL], segments=[SEGMENT])
    return managed


@pytest.mark.parametrize("role", ORDER)
async def test_a_key_may_what_its_user_may(managed: Managed, role: PropertyRole) -> None:
    for name, (method, path, body, needed) in CALLS.items():
        call = replace(managed, shop=a_property(managed.database, name, managed.ada))
        service.update_settings(call.database, call.shop.id, goals=[GOAL], segments=[SEGMENT])
        key = call.grant(role)
        before = state(call)
        answer = await call.send(method, f"/{call.shop.id}{path}", body, key)
        if ORDER.index(role) >= ORDER.index(needed):
            assert answer.is_success, (name, answer.text)
        else:
            assert answer.status_code == 403, (name, answer.text)
            assert state(call) == before, name


async def test_what_a_user_cannot_see_looks_missing_and_other_keys_may_not_manage(filled: Managed) -> None:
    other = a_property(filled.database, "Other", filled.ada)
    keys = {
        "of a user without access": (filled.key(filled.bob), 404),
        "for another property": (filled.key(filled.ada, only=other), 404),
        "that may not manage": (filled.key(filled.ada, may_manage=False), 403),
        "of the property": (api_keys.create(filled.database, "its own", property_id=filled.shop.id), 403),
        "unknown": ("proprium_unknown", 401),
    }
    before = state(filled)
    for call, (method, path, body, _) in CALLS.items():
        for name, (key, status) in keys.items():
            answer = await filled.send(method, f"/{filled.shop.id}{path}", body, key)
            assert answer.status_code == status, (call, name, answer.text)
        assert (await filled.send(method, f"/{uuid4()}{path}", body)).status_code == 404, call
    assert state(filled) == before


async def test_a_key_for_one_property_manages_it_and_creates_none(managed: Managed) -> None:
    key = managed.key(managed.ada, only=managed.shop)
    assert (await managed.ok("PATCH", f"/{managed.shop.id}/settings", {"name": "Mine"}, key))["name"] == "Mine"
    assert (await managed.send("POST", "", {"name": "Another"}, key)).status_code == 403


async def test_who_may_not_create_properties_may_not_by_key(managed: Managed) -> None:
    guest = a_user(managed.database, "guest@example.com", may_create=False)
    assert (await managed.send("POST", "", {"name": "Another"}, managed.key(guest))).status_code == 403


async def test_owners_of_the_instance_manage_every_property(managed: Managed) -> None:
    key = managed.key(a_user(managed.database, "root@example.com", Role.OWNER))
    assert (await managed.send("DELETE", f"/{managed.shop.id}", key=key)).status_code == 204


async def test_a_change_takes_effect_with_the_next_request(managed: Managed) -> None:
    key = managed.grant(PropertyRole.OWNER)
    await managed.ok("GET", f"/{managed.shop.id}/settings", key=key)
    access.revoke(managed.database, managed.shop.id, managed.bob.id)
    assert (await managed.send("GET", f"/{managed.shop.id}/settings", key=key)).status_code == 404


# Accounts


async def test_people_are_invited_listed_changed_and_removed(managed: Managed) -> None:
    key = managed.key(a_user(managed.database, "root@example.com", Role.OWNER))
    body = {"email": "Linus@example.com", "access": [{"property_id": str(managed.shop.id), "role": "editor"}]}
    invited = await managed.call("POST", "/users/invitations", body, key)
    assert invited.status_code == 201
    token = invited.json()["link"].partition("/invitation?token=")[2]
    [invitation] = (await managed.call("GET", "/users/invitations", key=key)).json()["invitations"]
    assert (invitation["email"], invitation["access"]) == ("linus@example.com", body["access"])
    linus = invitations.accept(managed.database, token, "Linus", PASSWORD)
    assert linus.role_on(managed.shop.id) is PropertyRole.EDITOR
    assert (await managed.call("POST", "/users/invitations", body, key)).status_code == 409
    changed = await managed.call("PATCH", "/users/linus@example.com", {"may_create_properties": True}, key)
    assert (changed.json()["role"], changed.json()["may_create_properties"]) == ("member", True)
    listed = (await managed.call("GET", "/users", key=key)).json()["users"]
    assert [user["email"].partition("@")[0] for user in listed] == ["ada", "bob", "linus", "root"]
    removed = await managed.call("DELETE", "/users/ada@example.com?hand_over_to=linus@example.com", key=key)
    assert removed.status_code == 204
    assert service.find_any(managed.database, managed.shop.id).owner_id == linus.id
    last_owner = await managed.call("PATCH", "/users/root@example.com", {"role": "member"}, key)
    assert last_owner.status_code == 409


async def test_an_invitation_is_revoked(managed: Managed) -> None:
    key = managed.key(a_user(managed.database, "root@example.com", Role.OWNER))
    await managed.call("POST", "/users/invitations", {"email": "linus@example.com"}, key)
    [invitation] = (await managed.call("GET", "/users/invitations", key=key)).json()["invitations"]
    path = f"/users/invitations/{invitation['id']}"
    assert (await managed.call("DELETE", path, key=key)).status_code == 204
    assert (await managed.call("DELETE", path, key=key)).status_code == 404
    assert (await managed.call("DELETE", "/users/invitations/7", key=key)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/users", None),
        ("PATCH", "/users/ada@example.com", {"role": "owner"}),
        ("DELETE", "/users/bob@example.com", None),
        ("GET", "/users/invitations", None),
        ("POST", "/users/invitations", {"email": "linus@example.com", "role": "owner"}),
        ("DELETE", f"/users/invitations/{UUID(int=1)}", None),
    ],
)
async def test_accounts_are_for_owners_of_the_instance(managed: Managed, method: str, path: str, body: Any) -> None:
    root = a_user(managed.database, "root@example.com", Role.OWNER)
    keys = {
        "of a member": (managed.key(managed.ada), 403),
        "for one property": (managed.key(root, only=managed.shop), 403),
        "that may not manage": (managed.key(root, may_manage=False), 403),
        "unknown": ("proprium_unknown", 401),
    }
    for name, (key, status) in keys.items():
        answer = await managed.call(method, path, body, key)
        assert answer.status_code == status, (name, answer.text)
    roles = {user.email: user.role for user in users.list_users(managed.database)}
    assert roles == {"ada@example.com": "member", "bob@example.com": "member", "root@example.com": "owner"}
    assert invitations.list_open(managed.database) == []


async def test_examples_of_the_reference_run(filled: Managed) -> None:
    """Every body of the OpenAPI schema, made of its fields' examples, is accepted."""
    schema = (await filled.client.get("/api/v1/openapi.json")).json()
    filled.grant(PropertyRole.VIEWER)
    key = filled.key(a_user(filled.database, "root@example.com", Role.OWNER))
    count = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if "Requires a key that may manage" not in operation["description"] or method == "delete":
                continue
            body = None
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                fields = schema["components"]["schemas"][reference.rsplit("/", 1)[1]]["properties"]
                body = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
            target = path.replace("{property_id}", str(filled.shop.id))
            name = "Germans" if "segments" in path else "Signed up"
            target = target.replace("{name}", name).replace("{email}", "bob@example.com")
            if body and "filters" in body and method == "post":
                body["name"] = "New"
            if operation["operationId"] == "transferProperty":
                body = {"email": "ada@example.com"}
            answer = await filled.call(method.upper(), target, body, key)
            assert answer.is_success, (operation["operationId"], answer.text)
            count += 1
    assert count >= 10
