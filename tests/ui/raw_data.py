"""A public property whose raw data holds canary values, everybody who asks about it, and everything they can ask."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from maps.atlas import Atlas
from proprium.accounts import api_keys, login_sessions
from proprium.api import app as api_app
from proprium.api import problems
from proprium.clock import utc_now
from proprium.figures.names import name_lookup
from proprium.metrics.query.filters import HIT_DIMENSIONS, SESSION_DIMENSIONS
from proprium.metrics.results import Dimension
from proprium.properties.service import set_public, update_settings
from proprium.reports.renderer import ReportFormat, ReportRenderer
from proprium.reports.report_queue import ReportQueue, ReportQueueLimits
from proprium.server import http_routes
from proprium.server.collector_app import CollectorParts
from proprium.storage.event_codec import KNOWN_KEYS
from proprium.storage.tables import Property, Role, User
from proprium.ui import session
from tests.support.builders import a_property, a_user, an_event
from tests.support.servers import ROOT
from tests.ui.conftest import HOME, Site

CANARY = "canary"
"""In every value that no reader may see, and in the name of a key."""
EVENT = "signup"
PERSON = "canary-user"
SENT = {
    "url": "https://shop.example/orders?token=canary-query#canary-fragment",
    "referrer": "https://mail.example/box?session=canary-referrer",
    "email": "canary@mail.example",
    "ip": "canary-ip",
    "href": "https://pay.example/x?card=canary-href",
    "target": "a#canary-target",
    "text": "canary text",
    "plan": "canary plan",
    "customer": {"name": "canary name"},
    "canary_key": "x",
}
GOALS = [
    {"name": "Bought pro", "filters": [f"event:is:{EVENT}", "data.plan:is:canary plan"]},
    {"name": "One person", "filters": [f"data.user_id:is:{PERSON}"]},
]
SEGMENTS = [
    {"name": "Canary people", "filters": ["data.email:contains:canary@"]},
    {"name": "Buyers", "filters": [f"event:is:{EVENT}"]},
]

DATA_KEYS = tuple(dict.fromkeys((*KNOWN_KEYS, *SENT, "visitor", "userId", "never_sent")))
DATA_DIMENSIONS = tuple(f"data.{key}" for key in DATA_KEYS)
SAMPLE_KEYS = ("email", "user_id", "url", "ip", "customer", "canary_key", "view_id", "user_agent", "never_sent")
"""A key of each sort: stored in a column, in the rest, identifying, never sent, and not in the warehouse."""
PLAIN_DIMENSIONS = tuple(dict.fromkeys(map(str, (*Dimension, *HIT_DIMENSIONS, *SESSION_DIMENSIONS))))
FILTERED = (*HIT_DIMENSIONS, *SESSION_DIMENSIONS)
DIMENSIONS = (*PLAIN_DIMENSIONS, *DATA_DIMENSIONS)
REFUSED = 403
NOT_KEPT = {"data.view_id": 400, "data.user_agent": 400}
"""The warehouse does not have these: nobody can ask for them."""

PAGE = "/properties/{property_id}"
API = "/api/v1/properties/{property_id}"
ANSWERING = {
    *(PAGE, f"{PAGE}/", f"{PAGE}/report.{{kind}}", f"{API}/totals", f"{API}/timeline"),
    f"{API}/breakdown/{{dimension:path}}",
}
"""Routes that answer questions with filters."""
OTHERS_OF_A_PROPERTY = {
    *(f"{PAGE}/install", f"{PAGE}/refused", f"{PAGE}/settings", "/privacy/{property_id}"),
    *(f"{PAGE}/audit", f"{PAGE}/audit.csv"),
    *(API, f"{API}/live", f"{API}/events.csv", f"{API}/events.jsonl", f"{API}/events.parquet"),
}
"""Routes without filters, or closed to readers; they are asked with filters all the same."""
SHARED = {
    *("/share/{token}", "/embed/{token}", "/share/{token}/password", "/share/{token}/report.{kind}"),
    *("/share/{token}/badge.svg", "/share/{token}/counter.json", "/share/{token}/card.png"),
    f"{PAGE}/card.png",
}
"""Routes of share links and pictures: tests/ui/test_share_pages.py asks them."""
MANAGED = {
    *(f"{API}/{name}" for name in ("settings", "members", "members/{email}", "transfer")),
    *(f"{API}/{name}{rest}" for name in ("goals", "segments") for rest in ("", "/{name}")),
}
"""Routes for keys that may manage: tests/api/test_management.py and the matrix of rights ask them."""
OF_NO_PROPERTY = {
    *("/login/second-factor", "/password-reset", "/password-reset/new", "/settings/mail", "/settings/sign-in"),
    *("/account/authenticator", "/account/e-mail", "/account/recovery-codes"),
    *("/api/v1/users", "/api/v1/users/{email}"),
    *("/api/v1/users/invitations", "/api/v1/users/invitations/{invitation_id}"),
    *("/", "/account", "/changelog", "/documentation", "/login", "/properties", "/setup", "/sql"),
    *("/invitation", "/settings", "/settings/users", "/settings/audit", "/settings/audit.csv"),
    *("/healthz", "/readyz", "/metrics", "/robots.txt", "/sitemap.xml", "/favicon.ico", "/assets"),
    *("/api/v1/docs", "/api/v1/openapi.json", "/api/v1/events", "/api/v1/properties"),
    *("/maps/world.json", "/maps/regions/{country}.json"),
}

NOT_ASKED = ("/_nicegui", "/auth/", "/accounts/")

PRINT_ROUTES = """
import pathlib, sys
from starlette.routing import Mount
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
        elif hasattr(route, "path"):  # not a router without routes
            for method in set(getattr(route, "methods", None) or ["GET"]) - {"HEAD"}:
                yield f"{method} {prefix}{route.path}"
print("\\n".join(sorted(set(walk(apps[0].routes)))), flush=True)
import os; os._exit(0)
"""


def methods_and_routes(folder: Path) -> set[tuple[str, str]]:
    """Every method and path that `proprium serve` answers."""
    command = [sys.executable, "-c", PRINT_ROUTES, str(folder)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    return {(method, path) for method, path in (line.split(" ") for line in printed.splitlines())}


def routes_of_the_server(folder: Path) -> set[str]:
    """Every path that `proprium serve` answers, without NiceGUI's own files and the forms of signing in."""
    return {path for _, path in methods_and_routes(folder) if not path.startswith(NOT_ASKED)}


@dataclass
class Shop:
    """`public`: readable by everybody, owned by Ada. Bob may only look; Cam has a property of his own and a key."""

    site: Site
    app: ASGIApp
    public: Property
    ada: User
    bob: User
    keys: dict[str, str]

    def client(self, who: str) -> httpx.AsyncClient:
        """anonymous, viewer, foreign key, owner or property key; each from an address of its own."""
        Shop.clients = getattr(Shop, "clients", 0) + 1
        peer = (f"10.{Shop.clients >> 16 & 255}.{Shop.clients >> 8 & 255}.{Shop.clients & 255}", 1)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=peer)
        client = httpx.AsyncClient(transport=transport, base_url=HOME)
        if who in self.keys:
            client.headers["authorization"] = f"Bearer {self.keys[who]}"
        elif who in {"viewer", "owner"}:
            user = self.bob if who == "viewer" else self.ada
            client.cookies.set(
                session.SESSION_COOKIE, login_sessions.start_session(self.site.services.database, user.id, "a test")
            )
        self.site.clients.append(client)
        return client


READERS = ("anonymous", "viewer", "foreign key")
EDITORS = ("owner", "property key")


def open_shop(site: Site, doors: CollectorParts) -> Shop:
    database, atlas = site.services.database, Atlas()
    ada, bob = a_user(database), a_user(database, "bob@example.com", may_create=False)
    cam = a_user(database, "cam@example.com", Role.MEMBER)
    public = a_property(database, "Shop", ada)
    set_public(database, public.id, True)
    public = update_settings(database, public.id, goals=GOALS, segments=SEGMENTS, custom_cards=[EVENT])
    at = utc_now()
    who = {"visitor": PERSON, "property": public.number, "at": at, "page": "/orders", "referrer": "mail.example"}
    site.filled.append(
        [
            an_event(**who, event=name, view_id="canary-view", country="DE", region="DE-HE", title="Orders", data=SENT)
            for name in ("page_view", EVENT, "click")
        ]
    )
    held = {
        "foreign key": api_keys.create(database, "theirs", user_id=cam.id),
        "property key": api_keys.create(database, "its own", property_id=public.id),
    }
    return Shop(site, whole_app(site, doors, atlas), public, ada, bob, held)


def whole_app(site: Site, doors: CollectorParts, atlas: Atlas) -> ASGIApp:
    """Pages, reports and API as `proprium serve` has them, without its limit of requests a minute of one key."""
    services = site.services
    user_of = partial(session.user_of, services)
    files = FastAPI(openapi_url=None)
    unlimited = ReportQueue(ReportQueueLimits(max_per_minute=100_000))
    files.include_router(
        http_routes.reports(services.database, ReportRenderer(services.warehouse, atlas, queue=unlimited), user_of)
    )
    api = api_app.build(
        services.database,
        doors.collector,
        services.warehouse,
        name_lookup(atlas),
        HOME,
        user_of=user_of,
        reads_per_minute=10**6,
    )
    files.mount(api_app.PREFIX, api)
    problems.install(files)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_report = scope["path"].startswith("/properties/") and "/report." in scope["path"]
        is_file = is_report or scope["path"].startswith("/api/")
        await (files if is_file else site.app)(scope, receive, send)

    return app


def addresses(template: str, property_id: object, data_keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is asked of one route: addresses, each with the data dimension that it is about ("": of others)."""
    data_dimensions = [f"data.{key}" for key in data_keys]
    path = template.replace("{property_id}", str(property_id))
    if template in OTHERS_OF_A_PROPERTY:
        yield f"{path}?{'&'.join(f'filter={each}:is_set' for each in DIMENSIONS)}", ""
        return
    for kind in ReportFormat if "{kind}" in path else [""]:
        filtered = path.replace("{kind}", kind).replace("{dimension:path}", "page")
        # All others together: the slow part is the answer. A browser prints only what is not refused.
        if kind != ReportFormat.PDF:
            yield f"{filtered}?{'&'.join(f'filter={each}:not_contains:zz' for each in FILTERED)}", ""
        for each in data_dimensions:
            yield f"{filtered}?filter={each}:is_set", each
    if "{dimension" in path:
        for each in (*PLAIN_DIMENSIONS, *data_dimensions):
            yield path.replace("{dimension:path}", each), each if each in data_dimensions else ""
    if template in {PAGE, f"{PAGE}/"}:
        for each in data_dimensions:
            yield f"{path}?event={EVENT}&key={each.removeprefix('data.')}", each


def text_of(answer: httpx.Response) -> str:
    """Everything that can be read in an answer, unpacked."""
    if answer.headers.get("content-type") == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            return "\n".join(packed.read(name).decode() for name in packed.namelist())
    return answer.content.decode("utf-8", "replace")


def leaks(text: str) -> list[str]:
    """The surroundings of each canary in it; those of what was asked are not a leak."""
    plain = re.sub(r"data\.canary_key", "", text)
    return [plain[max(0, match.start() - 60) : match.end() + 40] for match in re.finditer(CANARY, plain, re.IGNORECASE)]


def packed(message: Any) -> str:
    return json.dumps(message, default=str, ensure_ascii=False)
