"""`site`: every page on a real storage and a real warehouse, opened by people with a cookie or without one."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from nicegui import Client, ui
from nicegui.functions.download import download
from nicegui.functions.navigate import Navigate
from nicegui.functions.notify import notify
from nicegui.testing import User as Browser
from nicegui.testing.general import nicegui_reset_globals
from sqlalchemy import delete, select
from sqlmodel import col
from starlette.types import ASGIApp

from maps.atlas import Atlas
from proprium.accounts import login_sessions, second_factor
from proprium.accounts.audit import COMMAND_LINE
from proprium.accounts.factor_throttle import FactorThrottle
from proprium.accounts.instance_options import SETTING_NAMES
from proprium.accounts.mail_throttle import MailThrottle
from proprium.config import Env, Settings
from proprium.live.hit_feed import HitFeed
from proprium.live.subscriptions import LiveQueries
from proprium.mail.mailer import Mailer
from proprium.properties import service
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.properties.service import ensure_own_property
from proprium.sql_console.runner import SqlRunner
from proprium.sql_console.snapshot import SnapshotCache
from proprium.storage import instance_settings, trusted_proxies
from proprium.storage.database import Database
from proprium.storage.tables import AuditEntry, OutgoingMail, Role, User
from proprium.ui import session
from proprium.ui.app import mount, with_page_middleware
from proprium.ui.http import light_page
from proprium.ui.services import Services
from tests.support.warehouse_fixture import FilledWarehouse

HOME = "http://localhost:8000"
FIRST_ADDRESS = IPv4Address("127.0.0.1")
OWNER = User(email="owner@example.com", password_hash="", role=Role.OWNER)  # in memory: sees everything


@dataclass
class Site:
    app: ASGIApp
    services: Services
    filled: FilledWarehouse
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    address: IPv4Address = FIRST_ADDRESS  # another one for each test: pages are limited by address

    def client(self, user: User | None = None) -> httpx.AsyncClient:
        """A browser without scripts: forms and redirects."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(str(self.address), 1))  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url=HOME, headers={"accept": "text/html"})
        if user is not None:
            client.cookies.set(
                session.SESSION_COOKIE,
                login_sessions.start_session(self.services.database, user.id, "Firefox on Linux"),
            )
        self.clients.append(client)
        return client

    def browser(self, user: User | None = None) -> Browser:
        """One that opens pages, reads them and presses things."""
        client = self.client(user)
        client.headers[light_page.LIVE_HEADER] = "1"  # as one that has stayed for three seconds
        return Browser(client)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of them, because they share the app: to start it takes longer than most tests."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture
async def site(_site: Site) -> AsyncIterator[Site]:
    """Nobody has an account yet, and there is no property but our own."""
    _site.address += 1
    mail = _site.services.mail
    object.__setattr__(_site.services, "mail_throttle", MailThrottle())
    object.__setattr__(_site.services, "factor_attempts", FactorThrottle())
    yield _site
    object.__setattr__(_site.services, "mail", mail)
    for client in _site.clients:
        await client.aclose()
    _site.clients.clear()
    for page in list(Client.instances.values()):
        page.delete()
    _empty(_site)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _site(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    warehouse, hub, directory = (
        FilledWarehouse(database, folder),
        LiveQueries(min_interval_s=0.05),
        PropertyRulesCache(database),
    )
    settings = Settings(data_dir=folder, _env_file=None)  # type: ignore[call-arg]
    services = Services(
        settings=settings,
        database=database,
        warehouse=warehouse.warehouse,
        live_queries=hub,
        hit_feed=HitFeed(),
        rules_cache=directory,
        atlas=Atlas(),
        projector=warehouse.projector,
        mail=Mailer(settings, database),
        sql_runner=SqlRunner(SnapshotCache(warehouse.warehouse, folder / "sql.tmp"), timeout_s=90),
        own_property_id=ensure_own_property(database).id,
    )
    with nicegui_reset_globals():
        os.environ["NICEGUI_USER_SIMULATION"] = "true"
        app = FastAPI()
        mount(app, services)
        new_site = Site(with_page_middleware(app, services.settings), services, warehouse)
        _empty(new_site)
        async with app.router.lifespan_context(app):
            yield new_site
        os.environ.pop("NICEGUI_USER_SIMULATION", None)
        ui.navigate, ui.notify, ui.download = Navigate(), notify, download
        Client.page_routes.clear()  # NiceGUI would unload the modules of these pages, and all that they import
    services.sql_runner.close()
    hub.close()
    directory.close()
    warehouse.close()
    database.close()


def mailer_of(site: Site, smtp_url: str, *, is_production: bool = True) -> Mailer:
    """A mailer of the site's storage; `smtp_url` "" means none."""
    settings = Settings(
        env=Env.PRODUCTION if is_production else Env.DEVELOPMENT, base_url=HOME, smtp_url=smtp_url, _env_file=None
    )  # type: ignore[call-arg]
    return Mailer(settings, site.services.database)


def audit_actions(site: Site) -> list[str]:
    """What the audit log says of people, in order; tests prepare their case as the command line."""
    statement = select(AuditEntry).where(col(AuditEntry.actor) != COMMAND_LINE.name).order_by(col(AuditEntry.id))
    with site.services.database.session() as session_:
        return [entry.action for entry in session_.scalars(statement)]


def _empty(site: Site) -> None:
    for property_ in service.visible_properties(site.services.database, OWNER):
        if not property_.is_protected:
            service.delete_property(site.services.database, property_.id)
    with site.services.database.write_transaction() as session_:
        session_.execute(delete(User))
        session_.execute(delete(OutgoingMail))
        session_.execute(delete(AuditEntry))
        for decided in (
            *SETTING_NAMES.values(),
            second_factor.REQUIRED_SETTING,
            trusted_proxies.TRUSTED_SETTING,
            trusted_proxies.PENDING_SETTING,
            trusted_proxies.DISMISSED_SETTING,
            trusted_proxies.HEADER_SETTING,
            trusted_proxies.PENDING_HEADER_SETTING,
            trusted_proxies.DISMISSED_HEADERS_SETTING,
        ):
            instance_settings.erase(session_, decided)
    site.filled.projector.catch_up()
