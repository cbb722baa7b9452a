"""The places tile says why no visit has a place, where that is the fault of the GeoIP database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from collector.geolocation import GeoIPState
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, visits


@pytest.fixture
def set_state(site: Site) -> Iterator[Callable[[GeoIPState], None]]:
    """Of the server's GeoIP database."""

    def set_to(state: GeoIPState) -> None:
        object.__setattr__(site.services, "geoip_state", lambda: state)  # frozen, and shared by all tests

    yield set_to
    set_to(GeoIPState.READY)


@pytest.mark.parametrize(
    ("state", "country", "shown"),
    [
        (GeoIPState.MISSING, None, "the server has no GeoIP database"),
        (GeoIPState.UNREADABLE, None, "GeoIP database cannot be read"),
        (GeoIPState.NO_PLACES, None, "PROPRIUM_GEOIP_PATH has no places"),
        (GeoIPState.READY, None, None),
        (GeoIPState.MISSING, "DE", None),  # of older visits
    ],
)
async def test_unknown_places_are_explained(
    site: Site,
    state: GeoIPState,
    country: str | None,
    shown: str | None,
    set_state: Callable[[GeoIPState], None],
) -> None:
    set_state(state)
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    site.filled.append(visits(mine, "one", "two", country=country))
    browser = site.browser(ada)
    browser.javascript_rules[re.compile(r"\[propriumTheme")] = lambda _: [False, True, True, False]
    await browser.open(f"/properties/{mine.id}")
    await has(browser, shown or ("Germany" if country else "Unknown"))
    if not shown:
        await browser.should_not_see("Visitors have no location")
