"""The settings page: goals are defined, changed and removed there, and a property's own rules are set."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui
from nicegui.testing import User as Browser
from nicegui.testing.user_interaction import UserInteraction

from proprium.properties import service
from proprium.storage.tables import Property
from tests.support.builders import a_property, a_user
from tests.ui.conftest import OWNER, Site
from tests.ui.test_property_pages import has, press


def named(browser: Browser, label: str, kind: type[Any] = ui.element) -> Any:
    """What a screen reader calls `label`; the newest one, of the dialog on top."""
    fitting = [each for each in browser.find(kind).elements if each.props.get("aria-label") == label]
    return max(fitting, key=lambda each: each.id)


def press_named(browser: Browser, label: str) -> None:
    UserInteraction(browser, {named(browser, label)}, None).click()


def press_last(browser: Browser, text: str) -> None:
    """The button of that text in the dialog on top."""
    words = max((each for each in browser.find(text).elements if getattr(each, "text", "") == text), key=lambda e: e.id)
    UserInteraction(browser, {words.parent_slot.parent}, None).click()  # type: ignore[union-attr]


def reload(site: Site, property_: Property) -> Property:
    return service.find_visible(site.services.database, property_.id, OWNER)


async def settings_of(site: Site) -> tuple[Property, Browser]:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/settings")
    return mine, browser


async def goals_become(site: Site, property_: Property, expected: list[dict[str, Any]]) -> None:
    for _ in range(60):
        if reload(site, property_).goals == expected:
            return
        await asyncio.sleep(0.05)
    assert reload(site, property_).goals == expected


async def test_a_goal_is_defined_changed_and_removed(site: Site) -> None:
    mine, browser = await settings_of(site)
    await has(browser, "No goals yet")
    press(browser, "Add goal")
    named(browser, "Name", ui.input).value = "Signed up"
    named(browser, "Event name", ui.input).value = "sign_up"
    press(browser, "Add data condition")
    named(browser, "Data key", ui.input).value = "plan"
    named(browser, "Data value", ui.input).value = "pro"
    press_last(browser, "Save")
    await goals_become(site, mine, [{"name": "Signed up", "filters": ["event:is:sign_up", "data.plan:is:pro"]}])
    await has(browser, "Event is sign_up and plan is pro")
    press_named(browser, "Edit goal Signed up")
    named(browser, "Trigger", ui.select).value = "page"
    named(browser, "Page path", ui.input).value = "/thanks*"
    press_last(browser, "Save")
    changed = {"name": "Signed up", "filters": ["page:matches:/thanks*", "data.plan:is:pro"]}
    await goals_become(site, mine, [changed])
    await has(browser, "Page matches /thanks* and plan is pro")
    press_named(browser, "Remove goal Signed up")
    await goals_become(site, mine, [])


async def test_a_goal_without_a_name_or_a_condition_is_refused_with_a_sentence(site: Site) -> None:
    mine, browser = await settings_of(site)
    press(browser, "Add goal")
    press_last(browser, "Save")
    await has(browser, "A goal needs a name.")
    named(browser, "Name", ui.input).value = "Signed up"
    press_last(browser, "Save")
    await has(browser, "Event name is missing. Enter one such as sign_up.")
    assert reload(site, mine).goals == []


async def test_conditions_that_a_program_set_survive_a_change_by_hand(site: Site) -> None:
    mine, browser = await settings_of(site)
    first = {"name": "Read", "filters": ["page:matches:/docs/*", "title:contains:Guide", "data.plan:one_of:pro|team"]}
    service.update_settings(site.services.database, mine.id, goals=[first])
    await browser.open(f"/properties/{mine.id}/settings")
    press_named(browser, "Edit goal Read")
    named(browser, "Page path", ui.input).value = "/docs/api"
    press_last(browser, "Save")
    changed = ["page:is:/docs/api", "title:contains:Guide", "data.plan:one_of:pro|team"]
    await goals_become(site, mine, [{"name": "Read", "filters": changed}])


async def test_two_goals_cannot_have_one_name(site: Site) -> None:
    mine, browser = await settings_of(site)
    first = {"name": "Signed up", "filters": ["event:is:sign_up"]}
    service.update_settings(site.services.database, mine.id, goals=[first])
    await browser.open(f"/properties/{mine.id}/settings")
    press(browser, "Add goal")
    named(browser, "Name", ui.input).value = "Signed up"
    named(browser, "Event name", ui.input).value = "join"
    press_last(browser, "Save")
    await asyncio.sleep(0.3)
    assert reload(site, mine).goals == [first]


async def test_which_addresses_are_one_page_is_a_switch(site: Site) -> None:
    mine, browser = await settings_of(site)
    switches = {each.text: each for each in browser.find(ui.switch).elements}
    slashes, index_pages = switches["Ignore trailing slashes"], switches["Ignore index pages"]
    assert (slashes.value, index_pages.value) == (True, False)
    slashes.value, index_pages.value = False, True
    press(browser, "Save")
    await has(browser, "Saved.")
    saved = reload(site, mine)
    assert (saved.merges_trailing_slashes, saved.merges_index_pages) == (False, True)


async def test_the_rules_of_a_property_are_set_and_a_wrong_one_is_refused(site: Site) -> None:
    mine, browser = await settings_of(site)
    named(browser, "Session timeout", ui.number).value = 45
    named(browser, "Engagement threshold", ui.number).value = 20
    named(browser, "“Online now” window", ui.number).value = 10
    named(browser, "Group paths", ui.textarea).value = "/user/*\n\n/order/*"
    press(browser, "Save")
    await has(browser, "Saved.")
    saved = reload(site, mine)
    assert (saved.session_gap_min, saved.bounce_s, saved.live_min) == (45, 20, 10)
    assert saved.path_patterns == ["/user/*", "/order/*"]
    named(browser, "Session timeout", ui.number).value = None
    press(browser, "Save")
    await has(browser, "The session timeout must be 1 to 240 minutes, not 0.")
    assert reload(site, mine).session_gap_min == 45
