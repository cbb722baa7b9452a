"""A private property with share links, and the people who read them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import httpx
from nicegui.testing import User as Browser

from proprium.accounts import share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.clock import utc_now
from proprium.properties.service import update_settings
from proprium.storage.tables import Property, ShareLink, User
from proprium.ui.http.light_page import LIVE_HEADER
from tests.support.builders import a_property, an_event
from tests.ui.conftest import Site

LINK_PASSWORD = "a password for the client"
WIKI = "https://wiki.example.com"


def a_shop(site: Site, ada: User) -> Property:
    """Seven visitors in 28 days: four from Germany view /de, three from France /fr; it is private."""
    database = site.services.database
    property_ = a_property(database, "Secret shop", ada)
    segments = [
        {"name": "Germany", "filters": ["country:is:DE"]},
        {"name": "Other people", "filters": ["country:is:FR"]},
    ]
    property_ = update_settings(database, property_.id, segments=segments, public_data_keys=["plan"])
    now = utc_now()
    countries = ["DE", "DE", "DE", "DE", "FR", "FR", "FR"]
    site.filled.append(
        [
            an_event(
                f"visitor {index}",
                now - timedelta(minutes=2),
                f"/{country.lower()}",
                property=property_.number or 0,
                country=country,
                event=name,
                data={"plan": f"plan-{country}"},
            )
            for index, country in enumerate(countries)
            for name in ("page_view", f"signup-{country}")
        ]
    )
    return property_


def a_link(site: Site, property_: Property, **settings: Any) -> ShareLink:
    return share_links.create(site.services.database, property_.id, COMMAND_LINE, **settings)


_addresses = count(1)


def reader(site: Site, user: User | None = None) -> httpx.AsyncClient:
    """Each from an address of its own: these tests read more pages a minute than one reader may."""
    client = site.client(user)
    number = next(_addresses)
    address = (f"198.51.{number // 250}.{number % 250 + 1}", 1)
    client._transport = httpx.ASGITransport(site.app, raise_app_exceptions=False, client=address)  # type: ignore[arg-type]
    return client


def browser_of(site: Site, user: User | None = None) -> Browser:
    return Browser(live(reader(site, user)))


def live(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.headers[LIVE_HEADER] = "1"
    return client
