"""API keys on the account page."""

from __future__ import annotations

from nicegui import ui
from nicegui.testing import User as Browser

from proprium.accounts import api_keys
from proprium.properties.service import set_public
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_property_pages import last_field, press


def newest_select(browser: Browser) -> ui.select:
    """The property of the new key; the page below has a select of its own."""
    return max(browser.find(ui.select).elements, key=lambda select: select.id)


async def test_a_key_is_made_shown_once_and_revoked(site: Site) -> None:
    database = site.services.database
    ada = a_user(database)
    mine, browser = a_property(database, "Mine", ada), site.browser(ada)
    await browser.open("/account")
    await browser.should_see("No API keys yet.")
    press(browser, "New key")
    await browser.should_see("New API key")
    last_field(browser).set_value("shop")
    whose = newest_select(browser)
    whose.set_value(str(mine.id))
    writes, manages = sorted(browser.find(ui.switch).elements, key=lambda switch: switch.id)
    assert (writes.value, manages.value) == (False, False)
    writes.set_value(True)
    press(browser, "Create")
    await browser.should_see("Copy it now")
    [key] = api_keys.list_keys(database, ada.id)
    assert (key.name, key.property_id, key.may_write, key.may_manage) == ("shop", mine.id, True, False)
    [shown] = [one.text for one in browser.find(content="proprium_").elements]  # type: ignore[attr-defined]
    key = api_keys.find(database, shown)
    assert key is not None
    assert key.id == key.id
    await browser.open("/account")
    await browser.should_see("shop")
    await browser.should_not_see(shown)
    press(browser, "Revoke")
    await browser.should_see("API key shop revoked.")
    assert api_keys.list_keys(database) == []


async def test_nobody_makes_a_key_for_somebody_elses_property(site: Site) -> None:
    database = site.services.database
    ada = a_user(database)
    a_property(database, "Secret", a_user(database, "grace@example.com"))
    browser = site.browser(ada)
    await browser.open("/account")
    press(browser, "New key")
    choice = newest_select(browser)
    assert list(choice.options.values()) == ["All properties"]  # type: ignore[union-attr]


async def test_who_may_only_look_makes_a_key_that_only_reads(site: Site) -> None:
    database = site.services.database
    public = a_property(database, "Open", a_user(database, "grace@example.com"))
    set_public(database, public.id, True)
    viewer = a_user(database, may_create=False)
    browser = site.browser(viewer)
    await browser.open("/account")
    press(browser, "New key")
    last_field(browser).set_value("numbers")
    whose = newest_select(browser)
    whose.set_value(str(public.id))
    writes, _ = sorted(browser.find(ui.switch).elements, key=lambda switch: switch.id)
    writes.set_value(True)
    press(browser, "Create")
    await browser.should_see("You can read Open, but not send events to it.", retries=20)
    assert api_keys.list_keys(database, viewer.id) == []
    writes.set_value(False)
    press(browser, "Create")
    await browser.should_see("Copy it now")
    [key] = api_keys.list_keys(database, viewer.id)
    assert (key.property_id, key.may_write) == (public.id, False)


async def test_a_key_that_may_manage_says_so(site: Site) -> None:
    database = site.services.database
    ada = a_user(database)
    browser = site.browser(ada)
    await browser.open("/account")
    press(browser, "New key")
    last_field(browser).set_value("provisioning")
    _, manages = sorted(browser.find(ui.switch).elements, key=lambda switch: switch.id)
    manages.set_value(True)
    press(browser, "Create")
    await browser.should_see("Copy it now")
    [key] = api_keys.list_keys(database, ada.id)
    assert (key.may_write, key.may_manage) == (False, True)
    await browser.open("/account")
    await browser.should_see("Can manage")
