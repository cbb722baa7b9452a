"""A property with a session timeout and an engagement threshold of its own: its dashboard says these."""

from __future__ import annotations

import asyncio

from nicegui import ui
from nicegui.testing import User as Browser

from proprium.properties.service import update_settings
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_goals_and_rules import press_named
from tests.ui.test_property_pages import has, visits

SESSIONS = "Visits. A visit ends after 45 minutes of inactivity, or after 24 hours."
BOUNCES = "A session bounces with one page view, under 20 s of engagement, no link click and no custom event."


async def tooltip_says(browser: Browser, text: str) -> None:
    async with asyncio.timeout(30):
        while not any(text in tooltip.text for tooltip in browser.find(ui.tooltip).elements):
            await asyncio.sleep(0.05)


async def test_tooltips_and_the_explain_panel_state_the_propertys_own_limits(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    update_settings(site.services.database, mine.id, session_gap_min=45, bounce_s=20)
    site.filled.append(visits(mine, "visitor"))
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}")
    await tooltip_says(browser, SESSIONS)
    await tooltip_says(browser, BOUNCES)
    press_named(browser, "Sessions: explain this metric")
    await has(browser, SESSIONS)
