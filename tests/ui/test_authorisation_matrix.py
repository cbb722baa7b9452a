"""Everybody at every route: each answer is the one that their right gives, and a route without a rule fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from maps.atlas import Atlas
from proprium.accounts import api_keys, login_sessions
from proprium.properties import access, service
from proprium.properties.permissions import Level
from proprium.server.collector_app import build_collector_parts
from proprium.storage.database import Database
from proprium.storage.tables import Property, PropertyRole, Role, User
from proprium.ui import session
from tests.support.builders import a_property, a_user
from tests.support.servers import ROOT
from tests.ui.conftest import HOME, Site
from tests.ui.raw_data import whole_app

OK, SEE_OTHER, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 303, 401, 403, 404


@dataclass(frozen=True)
class Person:
    """Who asks: by which way, and with which right on the property that is asked about."""

    name: str
    level: Level = Level.NONE
    has_cookie: bool = False  # of a session that has not ended
    has_key: bool = False
    is_known: bool = True  # False: the key was revoked
    may_manage: bool = False
    is_instance_owner: bool = False
    is_limited: bool = False  # the key is for one property


PEOPLE = (
    Person("anonymous"),
    Person("ended session"),
    Person("member", has_cookie=True),
    Person("viewer", Level.READ, has_cookie=True),
    Person("editor", Level.EDIT, has_cookie=True),
    Person("property owner", Level.OWN, has_cookie=True),
    Person("instance owner", Level.OWN, has_cookie=True, is_instance_owner=True),
    Person("read key of the property", Level.EDIT, has_key=True, is_limited=True),
    Person("write key of an editor", Level.EDIT, has_key=True),
    Person("key of another property", has_key=True, is_limited=True),
    Person("managing key of a viewer", Level.READ, has_key=True, may_manage=True),
    Person("managing key of an editor", Level.EDIT, has_key=True, may_manage=True),
    Person("managing key of the owner", Level.OWN, has_key=True, may_manage=True),
    Person("managing key of the instance", Level.OWN, has_key=True, may_manage=True, is_instance_owner=True),
    Person("revoked key", has_key=True, is_known=False),
)
STRANGERS = ("anonymous", "property owner", "managing key of the owner")
"""Who asks about properties of others, missing ones and ids that are none: one of each way."""

Expected = Callable[[Person], int]


def anybody(person: Person) -> int:
    return OK


def page(needed: Level) -> Expected:
    """A page about a property that requires an account."""

    def expected(person: Person) -> int:
        if not person.has_cookie:
            return SEE_OTHER  # to the sign-in page
        return OK if person.level >= needed else NOT_FOUND

    return expected


def front_page(person: Person) -> int:
    """The pages of who is not signed in lead others to their properties."""
    return SEE_OTHER if person.has_cookie else OK


def signed_in(person: Person) -> int:
    return OK if person.has_cookie else SEE_OTHER


def owners_page(person: Person) -> int:
    if not person.has_cookie:
        return SEE_OTHER
    return OK if person.is_instance_owner else NOT_FOUND


def report(person: Person) -> int:
    if not person.is_known:
        return UNAUTHORIZED
    return OK if person.level >= Level.READ else NOT_FOUND


def api(person: Person) -> int:
    if not person.has_key or not person.is_known:
        return UNAUTHORIZED
    return OK if person.level >= Level.READ else NOT_FOUND


def api_list(person: Person) -> int:
    return OK if person.has_key and person.is_known else UNAUTHORIZED


def export(person: Person) -> int:
    """Signed-in browsers need no key: a page links there."""
    if not person.has_cookie and not (person.has_key and person.is_known):
        return UNAUTHORIZED
    if person.level < Level.READ:
        return NOT_FOUND
    return OK if person.level >= Level.EDIT else FORBIDDEN


def manage(needed: Level) -> Expected:
    def expected(person: Person) -> int:
        if not person.has_key or not person.is_known:
            return UNAUTHORIZED
        if not person.may_manage:
            return FORBIDDEN
        if person.level < Level.READ:
            return NOT_FOUND
        return OK if person.level >= needed else FORBIDDEN

    return expected


def manage_instance(person: Person) -> int:
    if not person.has_key or not person.is_known:
        return UNAUTHORIZED
    return OK if person.may_manage and person.is_instance_owner and not person.is_limited else FORBIDDEN


def create(person: Person) -> int:
    if not person.has_key or not person.is_known:
        return UNAUTHORIZED
    return OK if person.may_manage and not person.is_limited else FORBIDDEN


@dataclass(frozen=True)
class Rule:
    expected: Expected
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)  # parameters other than the property's id


PAGE, API = "/properties/{property_id}", "/api/v1/properties/{property_id}"
GOAL = {"name": "New", "filters": ["event:is:order"]}
KNOWN_GOAL, KNOWN_SEGMENT = {"name": "Goal"}, {"name": "Segment"}
MEMBER = {"email": "member@example.com"}
RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            *("GET /changelog", "GET /documentation", "GET /robots.txt", "GET /sitemap.xml"),
            *("GET /favicon.ico", "GET /api/v1/docs", "GET /api/v1/openapi.json"),
        ),
        Rule(anybody),
    ),
    **dict.fromkeys(("GET /", "GET /login"), Rule(front_page)),
    **dict.fromkeys(("GET /account", "GET /properties", "GET /sql"), Rule(signed_in)),
    **dict.fromkeys(
        ("GET /settings", "GET /settings/users", "GET /settings/audit", "GET /settings/audit.csv"), Rule(owners_page)
    ),
    f"GET {PAGE}": Rule(page(Level.READ)),
    f"GET {PAGE}/": Rule(page(Level.READ)),
    f"GET {PAGE}/install": Rule(page(Level.EDIT)),
    f"GET {PAGE}/refused": Rule(page(Level.EDIT)),
    f"GET {PAGE}/settings": Rule(page(Level.EDIT)),
    f"GET {PAGE}/audit": Rule(page(Level.OWN)),
    f"GET {PAGE}/audit.csv": Rule(page(Level.OWN)),
    f"GET {PAGE}/report.{{kind}}": Rule(report, path={"kind": "json"}),
    f"GET {API}": Rule(api),
    f"GET {API}/totals": Rule(api),
    f"GET {API}/timeline": Rule(api),
    f"GET {API}/live": Rule(api),
    f"GET {API}/breakdown/{{dimension:path}}": Rule(api, path={"dimension:path": "page"}),
    **{f"GET {API}/events.{kind}": Rule(export) for kind in ("csv", "jsonl", "parquet")},
    "GET /api/v1/properties": Rule(api_list),
    "POST /api/v1/properties": Rule(create, {"name": "Another"}),
    f"GET {API}/settings": Rule(manage(Level.EDIT)),
    f"PATCH {API}/settings": Rule(manage(Level.EDIT), {"live_window_min": 7}),
    f"GET {API}/goals": Rule(manage(Level.READ)),
    f"POST {API}/goals": Rule(manage(Level.EDIT), GOAL),
    f"PUT {API}/goals/{{name}}": Rule(manage(Level.EDIT), {**GOAL, "name": "Goal"}, KNOWN_GOAL),
    f"DELETE {API}/goals/{{name}}": Rule(manage(Level.EDIT), None, KNOWN_GOAL),
    f"GET {API}/segments": Rule(manage(Level.READ)),
    f"POST {API}/segments": Rule(manage(Level.EDIT), {"name": "New", "filters": ["country:is:US"]}),
    f"PUT {API}/segments/{{name}}": Rule(
        manage(Level.EDIT), {"name": "Segment", "filters": ["country:is:US"]}, KNOWN_SEGMENT
    ),
    f"DELETE {API}/segments/{{name}}": Rule(manage(Level.EDIT), None, KNOWN_SEGMENT),
    f"GET {API}/members": Rule(manage(Level.OWN)),
    f"PUT {API}/members/{{email}}": Rule(manage(Level.OWN), {"role": "viewer"}, MEMBER),
    f"DELETE {API}/members/{{email}}": Rule(manage(Level.OWN), None, {"email": "viewer@example.com"}),
    f"POST {API}/transfer": Rule(manage(Level.OWN), {"email": "owner@example.com"}),
    f"DELETE {API}": Rule(manage(Level.OWN)),
    "GET /api/v1/users": Rule(manage_instance),
    "PATCH /api/v1/users/{email}": Rule(manage_instance, {"may_create_properties": True}, MEMBER),
    "DELETE /api/v1/users/{email}": Rule(manage_instance, None, MEMBER),
    "GET /api/v1/users/invitations": Rule(manage_instance),
    "POST /api/v1/users/invitations": Rule(manage_instance, {"email": "new@example.com"}),
    "DELETE /api/v1/users/invitations/{invitation_id}": Rule(manage_instance, None, {"invitation_id": "7"}),
}
MISSING_FOR_ALL = ("DELETE /api/v1/users/invitations/{invitation_id}",)
"""Rules whose subject is not there: who may is told so."""

TESTED_ELSEWHERE = {
    "POST /api/v1/events": "tests/api/test_event_routes.py",
    "GET /privacy/{property_id}": "tests/ui/test_public_pages.py: for everybody, whatever the property",
    "GET /setup": "tests/ui/test_login.py: gone once there is an owner",
    "GET /invitation": "tests/ui/test_invitation_page.py: its token is the right",
    **dict.fromkeys(("GET /healthz", "GET /readyz", "GET /metrics"), "tests/server/test_health.py"),
    **dict.fromkeys(("GET /maps/world.json", "GET /maps/regions/{country}.json"), "tests/server/test_http_routes.py"),
}
UNTESTED_PREFIXES = ("/_nicegui", "/auth/", "/accounts/", "/assets", "/share/", "/embed/")
"""Forms of signing in (tests/ui/test_security.py posts to each from another site) and files."""

PRINT_ROUTES = """
import pathlib, sys
from proprium.server import app as composed
from proprium.config import Settings
apps = []
composed.with_page_middleware = lambda app, *_, **__: apps.append(app) or app
composed.build(Settings(data_dir=pathlib.Path(sys.argv[1]), _env_file=None))
def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None) or route
        if getattr(inner, "routes", None):
            yield from walk(inner.routes, prefix + getattr(route, "path", ""))
        else:
            for method in set(getattr(route, "methods", None) or ["GET"]) - {"HEAD"}:
                yield f"{method} {prefix}{route.path}"
print("\\n".join(sorted(set(walk(apps[0].routes)))), flush=True)
import os; os._exit(0)
"""


def test_every_route_has_a_rule(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINT_ROUTES, str(tmp_path)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    routes = {line for line in printed.splitlines() if not line.split(" ")[1].startswith(UNTESTED_PREFIXES)}
    assert routes == RULES.keys() | TESTED_ELSEWHERE.keys()


@dataclass
class Matrix:
    app: ASGIApp
    database: Database
    users: dict[str, User]
    property: Property  # the one that the levels of PEOPLE are about
    foreign: Property
    keys: dict[str, str] = field(default_factory=dict)
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def key(self, email: str | None, only: Property | None = None, **scopes: bool) -> str:
        user_id = self.users[email].id if email else None
        return api_keys.create(self.database, "a test", user_id=user_id, property_id=only and only.id, **scopes)

    def client(self, name: str) -> httpx.AsyncClient:
        if name not in self.clients:
            peer = (f"10.7.0.{len(self.clients) + 1}", 1)
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=peer)
            client = self.clients[name] = httpx.AsyncClient(transport=transport, base_url=HOME)
            if name in self.keys:
                client.headers["authorization"] = f"Bearer {self.keys[name]}"
            elif name in self.users or name == "ended session":
                user = self.users.get(name, self.users["property owner"])
                token = login_sessions.start_session(self.database, user.id, "a test")
                client.cookies.set(session.SESSION_COOKIE, token)
                if name == "ended session":
                    login_sessions.revoke_token(self.database, token)
        return self.clients[name]

    async def status(self, name: str, route: str, property_id: str) -> int:
        rule, (method, path) = RULES[route], route.split(" ")
        for parameter, value in {"property_id": property_id, **rule.path}.items():
            path = path.replace(f"{{{parameter}}}", value)
        headers = {"accept": "text/html"} if "/api/" not in path else {}
        return (await self.client(name).request(method, path, json=rule.body, headers=headers)).status_code


@pytest_asyncio.fixture(loop_scope="session")
async def matrix(site: Site) -> AsyncIterator[Matrix]:
    database = site.services.database
    collector_parts = build_collector_parts(site.services.settings, database, Atlas())
    names = ("member", "viewer", "editor", "property owner")
    users = {name: a_user(database, f"{name.split(' ')[-1]}@example.com") for name in names}
    users["instance owner"] = a_user(database, "root@example.com", Role.OWNER)
    shop = a_property(database, "Shop", users["property owner"])
    goal, segment = {"name": "Goal", "filters": ["event:is:x"]}, {"name": "Segment", "filters": ["country:is:DE"]}
    service.update_settings(database, shop.id, goals=[goal], segments=[segment])
    access.grant(database, shop.id, users["viewer"].id, PropertyRole.VIEWER)
    access.grant(database, shop.id, users["editor"].id, PropertyRole.EDITOR)
    foreign = a_property(database, "Foreign", a_user(database, "eve@example.com"))
    matrix = Matrix(whole_app(site, collector_parts, Atlas()), database, users, shop, foreign)
    matrix.keys = {
        "read key of the property": matrix.key(None, shop),
        "write key of an editor": matrix.key("editor", may_write=True),
        "key of another property": matrix.key("property owner", a_property(database, "Other", users["property owner"])),
        "managing key of a viewer": matrix.key("viewer", may_manage=True),
        "managing key of an editor": matrix.key("editor", may_manage=True),
        "managing key of the owner": matrix.key("property owner", may_manage=True),
        "managing key of the instance": matrix.key("instance owner", may_manage=True),
        "revoked key": matrix.key("property owner", may_write=True, may_manage=True),
    }
    revoked = api_keys.require(database, matrix.keys["revoked key"])
    api_keys.revoke(database, revoked.id)
    yield matrix
    for client in matrix.clients.values():
        await client.aclose()
    collector_parts.stop()


def is_as_expected(status: int, expected: int, route: str) -> bool:
    if expected == OK and route in MISSING_FOR_ALL:
        return status == NOT_FOUND
    return 200 <= status < 300 if expected == OK else status == expected


DELETING = [route for route in RULES if route.startswith("DELETE")]


@pytest.mark.parametrize("route", RULES)
async def test_everybody_gets_the_answer_of_their_right(matrix: Matrix, route: str) -> None:
    """Those with the lowest rights first: who may delete it comes last."""
    people = sorted(PEOPLE, key=lambda person: RULES[route].expected(person) == OK)
    if route in DELETING:  # once
        people = people[: next(i for i, person in enumerate(people) if RULES[route].expected(person) == OK) + 1]
    if route.startswith(("POST", "PUT")):  # once
        people = [person for person in people if RULES[route].expected(person) != OK] + [people[-1]]
    for person in people:
        status = await matrix.status(person.name, route, str(matrix.property.id))
        assert is_as_expected(status, RULES[route].expected(person), route), (person.name, status)


@pytest.mark.parametrize("route", [route for route in RULES if "{property_id}" in route])
async def test_properties_of_others_missing_ones_and_no_ids_look_the_same(matrix: Matrix, route: str) -> None:
    for name in STRANGERS:
        person = next(each for each in PEOPLE if each.name == name)
        stranger = Person(name, Level.NONE, person.has_cookie, person.has_key, may_manage=person.may_manage)
        for property_id in (str(matrix.foreign.id), str(uuid4()), "7"):
            status = await matrix.status(name, route, property_id)
            assert status == RULES[route].expected(stranger), (name, property_id, status)
