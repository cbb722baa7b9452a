"""Pages while the warehouse is another version's: a notice that goes away by itself, then the numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from nicegui.elements.mixins.text_element import TextElement
from nicegui.testing import User as Browser

from proprium.ui.components import rebuild_notice
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, visits

NOTICE = "The warehouse is being rebuilt: 0 %"


@pytest.fixture
def outdated(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(rebuild_notice, "POLL_INTERVAL_S", 0.02)
    site.filled.outdate()
    yield site
    site.filled.projector.rebuild()


def words(browser: Browser) -> set[str]:
    """Whole texts: a number's digits stand in many an address as well."""
    return {element.text for element in browser.find(kind=TextElement).elements}


async def test_the_list_tells_how_far_it_is_and_then_the_numbers(site: Site, outdated: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    site.filled.store.append(visits(mine, *(f"visitor {number}" for number in range(37))))
    browser = site.browser(ada)
    await browser.open("/properties")
    await has(browser, NOTICE)
    await has(browser, "Mine")
    assert "37" not in words(browser)
    site.filled.projector.rebuild()
    async with asyncio.timeout(10):
        while "37" not in words(browser):
            await asyncio.sleep(0.05)
    await browser.should_not_see("being rebuilt")


async def test_a_dashboard_waits_and_opens_anew(site: Site, outdated: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}")
    await has(browser, NOTICE)
    await browser.should_not_see("Visitors")
    site.filled.projector.rebuild()
    await has(browser, "Visitors")


async def test_any_other_page_that_needs_it_says_so_and_asks_again(site: Site, outdated: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    answer = await site.client(ada).get(f"/properties/{mine.id}/refused")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert NOTICE in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text
