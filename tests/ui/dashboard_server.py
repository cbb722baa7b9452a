"""A server with the dashboard alone, for a browser: storage, projector, warehouse and hub are the real ones."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from sqlalchemy import delete

from collector.geolocation import GeoIPState
from maps.atlas import Atlas
from proprium.accounts import invitations, login_sessions, users
from proprium.clock import utc_now
from proprium.config import Settings
from proprium.demo.exemplar import add_exemplar
from proprium.live.hit_feed import HitFeed
from proprium.live.subscriptions import LiveQueries
from proprium.mail.mailer import Mailer
from proprium.metrics.query.filters import parse_filters
from proprium.metrics.query.goals import Segment, parse_goal, to_stored
from proprium.properties import access
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.properties.service import (
    create_property,
    delete_property,
    set_custom_cards,
    set_public,
    update_settings,
    visible_properties,
)
from proprium.server import http_routes
from proprium.sql_console.runner import SqlRunner
from proprium.sql_console.snapshot import SnapshotCache
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import migrate
from proprium.storage.tables import Property, PropertyRole, Role, User
from proprium.ui.app import mount
from proprium.ui.services import Services
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import open_warehouse
from tests.support.builders import CHROME, GOOGLEBOT, IPHONE, PASSWORD, an_event

SENT = {0: {"plan": "pro", "<b>seats</b>": 3}, 4: {"plan": "free"}, 8: {"plan": "pro"}}


class DashboardServer:
    """One owner with two properties, somebody else's private one, and a public one."""

    def __init__(self, folder: Path, port: int) -> None:
        settings = Settings(data_dir=folder, port=port)
        self.database = Database(settings.storage_url)
        migrate(self.database)
        self.store, self.change_feed, self.live_queries = (
            EventStore(self.database),
            ChangeFeed(self.database),
            LiveQueries(),
        )
        self.warehouse = open_warehouse(settings.warehouse_path, memory="128MB", threads=1)
        rules = stored_rules(self.database, counts_automated=False)
        self.projector = Projector(self.change_feed, self.warehouse, rules, self.live_queries.invalidate)
        atlas = Atlas()
        self.app = FastAPI(lifespan=self._life)
        self.app.include_router(http_routes.maps(atlas))
        self.app.post("/test/append")(self.append)
        self.app.post("/test/create/{name}")(self.create)
        self.app.post("/test/renew")(self.renew)
        self.app.get("/test/facts")(self.facts)
        self.services = Services(
            settings=settings,
            database=self.database,
            warehouse=self.warehouse,
            live_queries=self.live_queries,
            hit_feed=HitFeed(),
            rules_cache=PropertyRulesCache(self.database),
            atlas=atlas,
            projector=self.projector,
            mail=Mailer(settings, self.database),
            sql_runner=SqlRunner(SnapshotCache(self.warehouse, folder / "sql.tmp"), timeout_s=90),
            add_sample=self._add_sample,
            geoip_state=lambda: GeoIPState.MISSING,  # the events bring their places
        )
        self._fill()
        mount(self.app, self.services)

    def append(self, sent: dict[str, Any]) -> int:
        """Events as the collector would have stored them, this moment."""
        property_ = getattr(self, sent.pop("to", "busy"))
        event = {"visitor": "new", "page": "/", "at": utc_now(), "property": property_.number, **sent}
        self.store.append([an_event(**event)])
        self.change_feed.wake()
        return self.live_queries.topic_count

    def create(self, name: str) -> str:
        """One more property of Ada's, without an event."""
        return str(create_property(self.database, name, self.busy.owner_id).id)

    def renew(self) -> dict[str, Any]:
        """Replaces all users and properties by new ones with the same history."""
        for property_ in visible_properties(self.database, User(role=Role.OWNER)):
            delete_property(self.database, property_.id)
        with self.database.write_transaction() as session:
            session.execute(delete(User))
        self._fill()
        return self.facts()

    def _fill(self) -> None:
        self._people()
        self._history()
        self.projector.catch_up()

    def facts(self) -> dict[str, Any]:
        return {
            "busy": str(self.busy.id),
            "empty": str(self.empty.id),
            "open": str(self.open.id),
            "foreign": str(self.foreign.id),
            "token": self.token,
            "owner_token": self.owner_token,
            "invitation": self.invitation,
            "looked_at": self.live_queries.active_count,
        }

    def _add_sample(self, owner_id: UUID) -> Property:
        sample = add_exemplar(self.database, owner_id, count=500)
        self.change_feed.wake()
        return sample

    def _people(self) -> None:
        ada = users.create_user(self.database, "ada@example.com", "Ada", PASSWORD, Role.MEMBER)
        bob = users.create_user(self.database, "bob@example.com", "Bob", PASSWORD, Role.MEMBER)
        eve = users.create_user(self.database, "eve@example.com", "Eve", PASSWORD, Role.OWNER)
        self.owner_token = login_sessions.start_session(self.database, eve.id, "a test")
        self.busy: Property = create_property(self.database, "busy.example", ada.id, timezone="Europe/Berlin")
        self.busy = set_custom_cards(self.database, self.busy.id, ["sign_up"])
        self.busy = update_settings(
            self.database,
            self.busy.id,
            goals=[
                to_stored(parse_goal("Signed up", ["event:is:sign_up"])),
                to_stored(parse_goal("Saw prices", ["page:is:/pricing"])),
            ],
            segments=[to_stored(Segment("Germans", parse_filters(["country:is:DE"])))],
        )
        self.empty = create_property(self.database, "empty.example", ada.id)
        self.open = set_public(self.database, create_property(self.database, "open.example", bob.id).id, True)
        germans = to_stored(Segment("Germans", parse_filters(["country:is:DE"])))
        self.open = update_settings(self.database, self.open.id, segments=[germans])
        self.foreign = create_property(self.database, "foreign.example", bob.id)
        access.grant(self.database, self.busy.id, bob.id, PropertyRole.EDITOR)
        self.invitation = invitations.invite(
            self.database, "zoe@example.com", roles={self.busy.id: PropertyRole.VIEWER}, sender=eve
        )
        self.token = login_sessions.start_session(self.database, ada.id, "a test")

    def _history(self) -> None:
        """Twelve visitors of the last days: seven from Germany, five from the United States, and a bot."""
        events = []
        for number in range(12):
            at = utc_now() - timedelta(days=1 + number % 5, minutes=number)
            who = {"visitor": f"v{number}", "property": self.busy.number, "at": at}
            where = {"country": "DE", "region": "DE-HE"} if number < 7 else {"country": "US", "region": "US-CA"}
            agent = CHROME if number % 3 else IPHONE
            events.append(an_event(**who, **where, page="/", user_agent=agent, event="session_start"))
            events.append(an_event(**who, **where, page="/", user_agent=agent))
            if number % 2:
                events.append(an_event(**who, **where, page="/pricing", user_agent=agent))
            if number % 4 == 0:
                events.append(
                    an_event(**who, **where, page="/pricing", event="sign_up", user_agent=agent, data=SENT[number])
                )
        events.append(
            an_event(
                visitor="bot",
                property=self.busy.number,
                user_agent=GOOGLEBOT,
                country="DE",  # with this filter too, every list has a row
                at=utc_now() - timedelta(days=1),
                page="/",
            )
        )
        self.store.append(events)

    @asynccontextmanager
    async def _life(self, _: FastAPI) -> AsyncIterator[None]:
        self.projector.start()
        yield
        self.projector.stop()
        self.services.sql_runner.close()
        self.live_queries.close()


if __name__ == "__main__":
    port = int(sys.argv[2])
    uvicorn.run(DashboardServer(Path(sys.argv[1]), port).app, host="127.0.0.1", port=port, log_level="warning")
