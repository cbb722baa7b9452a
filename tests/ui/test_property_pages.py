"""The list of properties and their settings, as a person uses them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User as Browser
from nicegui.testing.user_interaction import UserInteraction

from proprium.accounts import login_sessions
from proprium.clock import utc_now
from proprium.properties import service
from proprium.storage.tables import Property, Role, User
from proprium.ui.http import page_access
from tests.support.builders import a_property, a_user, an_event
from tests.ui.conftest import Site


async def has(browser: Browser, text: str) -> None:
    """Waits up to 2 s, because what is looked for comes over the hub."""
    await browser.should_see(text, retries=20)


def press(browser: Browser, text: str) -> None:
    """What a mouse does: the click rises from the words to whatever listens."""
    (words,) = [element for element in browser.find(text).elements if getattr(element, "text", "") == text]
    listening = words
    while not any(listener.type == "click" for listener in listening._event_listeners.values()):
        listening = listening.parent_slot.parent  # type: ignore[union-attr]
    UserInteraction(browser, {listening}, None).click()


def last_field(browser: Browser) -> ui.input:
    """The one of the dialog on top."""
    return max(browser.find(ui.input).elements, key=lambda field: field.id)


def reload(site: Site, property_: Property) -> Property:
    return service.find_visible(site.services.database, property_.id, User(email="", password_hash="", role=Role.OWNER))


def visits(property_: Property, *visitors: str, **fields: Any) -> list[Any]:
    at = utc_now() - timedelta(minutes=1)
    return [an_event(visitor, at, property=property_.number or 0, **fields) for visitor in visitors]


async def test_the_list_needs_an_account_and_comes_back_after_signing_in(site: Site) -> None:
    answer = await site.client().get("/properties?q=shop")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/properties%3Fq%3Dshop")


async def test_the_list_shows_the_own_and_the_public_ones_with_their_numbers(site: Site) -> None:
    ada, bob = a_user(site.services.database), a_user(site.services.database, "bob@example.com")
    mine, public = (a_property(site.services.database, name, owner) for name, owner in (("Mine", ada), ("Open", bob)))
    a_property(site.services.database, "Hidden", bob)
    service.set_public(site.services.database, public.id, True)
    site.filled.append(visits(mine, "ada", "grace", "grace"))
    browser = site.browser(ada)
    await browser.open("/properties")
    await has(browser, "Mine")
    await has(browser, "Open")
    await browser.should_not_see("Hidden")
    await has(browser, "3")  # events
    await has(browser, "No data yet")  # the public one has none


async def test_the_list_moves_by_itself(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open("/properties")
    await has(browser, "No data yet")
    site.filled.append(visits(mine, "ada", "grace", "linus", "ken", "tim", "sara", "jo"))
    site.services.live_queries.invalidate([mine.number or 0])
    await has(browser, "7")
    await browser.should_not_see("No data yet", retries=20)  # a "7" may stand in the id as well


async def test_a_quiet_property_says_so(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    site.filled.append([an_event("ada", utc_now() - timedelta(days=8), property=mine.number or 0)])
    browser = site.browser(ada)
    await browser.open("/properties")
    await has(browser, "No traffic in 7 days")


async def test_search_in_the_address_narrows_the_list(site: Site) -> None:
    ada = a_user(site.services.database)
    for name in ("Blog", "Shop"):
        a_property(site.services.database, name, ada)
    browser = site.browser(ada)
    await browser.open("/properties?q=sho")
    await browser.should_see("Shop")
    await browser.should_not_see("Blog")
    await browser.open("/properties?q=nothing like it")
    await browser.should_see("No properties match")


async def test_a_name_is_text_whatever_it_is(site: Site) -> None:
    ada = a_user(site.services.database)
    a_property(site.services.database, "<img src=x onerror=alert(1)>", ada)
    page = await site.client(ada).get("/properties")
    assert "<img src=x" not in page.text


async def test_a_new_property_leads_straight_to_its_install_page(site: Site) -> None:
    ada = a_user(site.services.database)
    browser = site.browser(ada)
    await browser.open("/properties")
    press(browser, "New property")
    await browser.should_see("Domain or name of your site.")
    last_field(browser).value = "shop.example"
    press(browser, "Create")
    await has(browser, "Install the tracking code")
    property_ = service.visible_properties(site.services.database, ada)[0]
    assert (property_.name, property_.owner_id) == ("shop.example", ada.id)
    await browser.should_see(f'data-collector-id="{property_.id}"')


async def test_a_property_without_a_name_is_refused_with_a_sentence(site: Site) -> None:
    browser = site.browser(a_user(site.services.database))
    await browser.open("/properties")
    press(browser, "New property")
    press(browser, "Create")
    await has(browser, "A name needs 1 to 100 characters")


async def test_a_viewer_is_not_offered_a_new_property(site: Site) -> None:
    browser = site.browser(a_user(site.services.database, may_create=False))
    await browser.open("/properties")
    await browser.should_not_see("New property")


async def test_deleting_needs_the_name_typed(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    press(browser, "Delete")
    press(browser, "Delete permanently")
    await asyncio.sleep(0.1)
    assert service.visible_properties(site.services.database, ada)
    last_field(browser).value = "Mine"
    press(browser, "Delete permanently")
    await has(browser, "No properties yet")
    assert not service.visible_properties(site.services.database, ada)


async def test_a_page_that_deletes_its_property_slowly_still_leads_to_the_list(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    delete = service.delete_property

    def delete_slowly(*arguments: Any, **keywords: Any) -> None:
        delete(*arguments, **keywords)
        time.sleep(2.5)  # of a long history most is deleted later

    monkeypatch.setattr(service, "delete_property", delete_slowly)
    press(browser, "Delete")
    last_field(browser).value = "Mine"
    press(browser, "Delete permanently")
    await asyncio.sleep(2.7)
    await has(browser, "No properties yet")


async def test_a_right_that_was_lost_meanwhile_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What acts asks for itself as well, should the page still be there."""
    monkeypatch.setattr(page_access, "is_allowed", lambda *_, **__: True)
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    login_sessions.revoke_all(site.services.database, ada.id)
    press(browser, "Save")
    await has(browser, f"No property {mine.id}")


async def test_settings_are_saved_tidied_and_refused_with_a_sentence(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    hostnames, ignored, addresses, _, _, paths, countries, agents = sorted(
        browser.find(ui.textarea).elements, key=lambda field: field.id
    )
    hostnames.value = "https://Shop.example.com/x\n\nshop.example.com"
    ignored.value = "https://www.PayPal.com/checkout\nxn--bcher-kva.example"
    addresses.value = "192.0.2.0/24"
    paths.value, countries.value, agents.value = "/admin/*\n", "Germany\nfr", "HomeMonitor"
    press(browser, "Save")
    await has(browser, "Saved.")
    saved = reload(site, mine)
    assert saved.hostnames == ["shop.example.com"]
    assert (saved.ignored_referrers, ignored.value) == (
        ["www.paypal.com", "bücher.example"],
        "www.paypal.com\nbücher.example",
    )
    assert saved.excluded_addresses == ["192.0.2.0/24"]
    assert saved.excluded_paths == ["/admin/*"]
    assert (saved.excluded_countries, countries.value) == (["DE", "FR"], "DE\nFR")
    assert saved.excluded_user_agents == ["HomeMonitor"]
    assert saved.counts_automated is None
    addresses.value = "not an address"
    press(browser, "Save")
    await has(browser, "'not an address' is not an IP address")
    assert reload(site, mine).excluded_addresses == ["192.0.2.0/24"]


async def test_our_own_property_cannot_be_deleted_in_its_settings(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    browser = site.browser(owner)
    await browser.open(f"/properties/{site.services.own_property_id}/settings")
    await browser.should_see("Delete all events and keep the property.")
    await browser.should_not_see("Delete the property and all its events")


async def test_raw_events_are_a_link_for_each_kind_of_file_and_follow_the_period(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    await browser.should_see("Export raw events")

    def addresses() -> set[str]:
        links = browser.find(kind=ui.element).elements
        return {link.props["href"] for link in links if "/events." in str(link.props.get("href", ""))}

    exports = f"/api/v1/properties/{mine.id}/events"
    assert addresses() == {f"{exports}.{ending}?period=all" for ending in ("csv", "jsonl", "parquet")}
    [period] = [one for one in browser.find(ui.select).elements if one.props["aria-label"] == "Date range"]
    period.set_value("28d")
    assert addresses() == {f"{exports}.{ending}?period=28d" for ending in ("csv", "jsonl", "parquet")}


async def test_names_are_in_natural_order(site: Site) -> None:
    ada = a_user(site.services.database)
    for name in ("customer-10", "Customer-2", "customer-1", "10 shops", "9 shops", "café 2", "customer"):
        a_property(site.services.database, name, ada)
    names = [property_.name for property_ in service.visible_properties(site.services.database, ada)]
    ordered = ["9 shops", "10 shops", "café 2", "customer", "customer-1", "Customer-2", "customer-10"]
    assert [name for name in names if name in ordered] == ordered


@pytest.mark.parametrize(("count", "query", "is_compact"), [(3, "", False), (9, "", True), (9, "?view=cards", False)])
async def test_many_properties_are_a_compact_list_unless_cards_are_chosen(
    site: Site, count: int, query: str, is_compact: bool
) -> None:
    ada = a_user(site.services.database)
    for number in range(count):
        a_property(site.services.database, f"site-{number}", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties{query}")
    (grid,) = [each for each in browser.find(ui.element).elements if "props" in each.classes]
    assert ("compact" in grid.classes) is is_compact
