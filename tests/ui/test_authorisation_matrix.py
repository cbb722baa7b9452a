"""Everybody at every route: each answer is the one that their right gives, and a route without a rule fails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update
from sqlmodel import col
from starlette.types import ASGIApp

from maps.atlas import Atlas
from proprium.accounts import api_keys, login_sessions, share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.clock import utc_now
from proprium.properties import access, service
from proprium.properties.permissions import Level
from proprium.server.collector_app import build_collector_parts
from proprium.storage.database import Database
from proprium.storage.tables import Property, PropertyRole, Role, ShareLink, User
from proprium.ui import session
from proprium.ui.http.share_access import PASSWORD_COOKIE
from tests.support.builders import a_property, a_user, an_event
from tests.ui.conftest import HOME, Site
from tests.ui.raw_data import methods_and_routes, whole_app

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
    **dict.fromkeys(("GET /account", "GET /account/authenticator", "GET /properties", "GET /sql"), Rule(signed_in)),
    **dict.fromkeys(
        [f"GET /settings{rest}" for rest in ("", "/users", "/audit", "/audit.csv", "/mail", "/sign-in")],
        Rule(owners_page),
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

SHARE_ROUTES = {
    *("GET /share/{token}", "GET /embed/{token}", "GET /share/{token}/report.{kind}"),
    *("GET /share/{token}/badge.svg", "GET /share/{token}/counter.json"),
}
"""Routes whose right is the link in their path."""

TESTED_ELSEWHERE = {
    "GET /share/{token}/card.png": "tests/ui/test_share_pages.py: printed by Chromium",
    "POST /share/{token}/password": "tests/ui/test_share_pages.py, and below",
    "POST /api/v1/events": "tests/api/test_event_routes.py",
    "GET /privacy/{property_id}": "tests/ui/test_public_pages.py: for everybody, whatever the property",
    "GET /setup": "tests/ui/test_login.py: gone once there is an owner",
    "GET /invitation": "tests/stories/test_invited_colleague.py: its token is the right",
    "GET /password-reset": "tests/ui/test_password_reset.py: for everybody",
    "GET /password-reset/new": "tests/ui/test_password_reset.py: its token is the right",
    "GET /login/second-factor": "tests/ui/test_second_factor.py: after the first step alone",
    "GET /account/e-mail": "tests/ui/test_account.py: its token is the right",
    "GET /account/recovery-codes": "tests/ui/test_second_factor.py: once, after they were made",
    f"GET {PAGE}/card.png": "tests/ui/test_share_pages.py: of public properties alone",
    **dict.fromkeys(("GET /healthz", "GET /readyz", "GET /metrics"), "tests/server/test_health.py"),
    **dict.fromkeys(("GET /maps/world.json", "GET /maps/regions/{country}.json"), "tests/server/test_http_routes.py"),
}
UNTESTED_PREFIXES = ("/_nicegui", "/auth/", "/accounts/", "/assets")
"""Forms of signing in (tests/ui/test_security.py posts to each from another site) and files."""


def test_every_route_has_a_rule(tmp_path: Path) -> None:
    routes = {
        f"{method} {path}" for method, path in methods_and_routes(tmp_path) if not path.startswith(UNTESTED_PREFIXES)
    }
    assert routes == RULES.keys() | SHARE_ROUTES | TESTED_ELSEWHERE.keys()


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


# Share links

LINK_PASSWORD = "a password for a link"


@dataclass
class Links:
    """Tokens of links to one property, by what is wrong with them."""

    matrix: Matrix
    tokens: dict[str, str]

    async def text(self, name: str, route: str, **cookies: str) -> tuple[int, str]:
        token = self.tokens[name]
        path = route.partition(" ")[2].replace("{token}", token).replace("{kind}", "json")
        client = self.matrix.client("anonymous")
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        answer = await client.get(path, headers={"accept": "text/html", "cookie": cookie})
        return answer.status_code, answer.text


@pytest.fixture
def links(matrix: Matrix, site: Site) -> Links:
    database, shop = matrix.database, matrix.property
    site.filled.append([an_event("someone", utc_now(), "/secret-page", property=shop.number or 0)])
    origin = ("https://wiki.example",)

    def create(**settings: Any) -> str:
        return share_links.create(database, shop.id, COMMAND_LINE, frame_ancestors=origin, **settings).token

    tokens = {
        "open": create(),
        "with a password": create(password=LINK_PASSWORD),
        "of a segment that is gone": create(segment="Segment"),
        "revoked": create(),
        "expired": create(expires_at=utc_now() + timedelta(minutes=5)),
        "malformed": "-" * 300,
        "unknown": "a" * 43,
    }
    revoked = share_links.find_by_token(database, tokens["revoked"])
    assert revoked is not None
    share_links.revoke(database, shop.id, revoked.id, COMMAND_LINE)
    service.update_settings(database, shop.id, segments=[])
    with database.write_transaction() as session_:
        past = utc_now() - timedelta(minutes=1)
        session_.execute(update(ShareLink).where(col(ShareLink.token) == tokens["expired"]).values(expires_at=past))
    return Links(matrix, tokens)


@pytest.mark.parametrize("route", sorted(SHARE_ROUTES))
async def test_a_share_link_opens_what_it_is_for_and_others_look_missing(links: Links, route: str) -> None:
    status, text = await links.text("open", route)
    assert status == OK
    assert "/secret-page" in text or "report" not in route
    for name in ("revoked", "expired", "of a segment that is gone", "malformed", "unknown"):
        status, text = await links.text(name, route)
        assert status == NOT_FOUND, name
        assert not {"secret-page", "Shop"} & set(re.findall(r"secret-page|Shop", text)), name


@pytest.mark.parametrize("route", sorted(SHARE_ROUTES))
async def test_a_link_with_a_password_shows_nothing_without_it(links: Links, route: str) -> None:
    is_page = route.endswith("{token}")
    wrong = share_links.find_by_token(links.matrix.database, links.tokens["open"])
    assert wrong is not None
    proofs = {
        "no password": {},
        "proof of another link": {PASSWORD_COOKIE: share_links.proof_of_password(links.matrix.database, wrong)},
        "forged": {PASSWORD_COOKIE: "9999999999.abc"},
    }
    for name, cookies in proofs.items():
        status, text = await links.text("with a password", route, **cookies)
        assert status == (OK if is_page else NOT_FOUND), name
        assert not re.search("secret-page|Shop", text), name
    link = share_links.find_by_token(links.matrix.database, links.tokens["with a password"])
    assert link is not None
    proof = share_links.proof_of_password(links.matrix.database, link)
    status, text = await links.text("with a password", route, **{PASSWORD_COOKIE: proof})
    assert status == OK
    assert "secret-page" in text or "report" not in route
    share_links.change(
        links.matrix.database, links.matrix.property.id, link.id, COMMAND_LINE, password="another password"
    )
    status, text = await links.text("with a password", route, **{PASSWORD_COOKIE: proof})
    assert status == (OK if is_page else NOT_FOUND)
    assert not re.search("secret-page|Shop", text)


async def test_a_share_link_opens_no_other_way_to_its_property(links: Links) -> None:
    """Neither as a key nor as a session, nor by the addresses of people with an account."""
    client, token, shop = links.matrix.client("anonymous"), links.tokens["open"], links.matrix.property.id
    for headers in ({"authorization": f"Bearer {token}"}, {"cookie": f"{session.SESSION_COOKIE}={token}"}):
        for path in (f"/properties/{shop}", f"/properties/{shop}/report.json", f"/api/v1/properties/{shop}/totals"):
            answer = await client.get(path, headers=headers)
            assert answer.status_code in {SEE_OTHER, UNAUTHORIZED, NOT_FOUND}, (path, headers)
