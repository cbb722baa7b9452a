"""Every text of the dashboard, its components and reports goes through gettext, and counts have the right plural."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from nicegui import Client, ui
from nicegui.testing import User as Browser
from nicegui.testing.user_interaction import UserInteraction

from collector.errors import DropReason
from collector.event import HitOutcome
from proprium.clock import utc_now
from proprium.metrics.results import Dimension, LiveVisitors, Metric
from proprium.properties import service
from proprium.properties.permissions import Level
from proprium.reports.html import html
from proprium.reports.markdown import markdown
from proprium.reports.report_model import ReportOptions
from proprium.storage.tables import Property, User
from proprium.ui.components.api_keys import ApiKeysPanel
from proprium.ui.components.goal_editor import GoalEditor
from proprium.ui.components.install_checklist import HitReport, InstallChecklist
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.property_card import PropertyCard
from proprium.ui.components.public_keys import PublicKeys
from proprium.ui.components.rejection_messages import AUTOMATED, advice_of, sentence_of
from tests.support.builders import GOOGLEBOT, a_property, a_user, an_event
from tests.support.dashboards import ATLAS, COUNTRIES, REGIONS, TOTALS, VALUES, a_dashboard, a_filter, a_query
from tests.support.pseudo_language import html_texts, page_texts, pseudo_language, untranslated
from tests.support.text_literals import untranslated_literals
from tests.ui.conftest import HOME, Site
from tests.ui.test_goals_and_rules import press_named
from tests.ui.test_property_pages import press

ROOT = Path(__file__).parent.parent.parent
TRANSLATED_ROOMS = (
    "proprium/ui",
    "proprium/figures",
    "proprium/reports",
    "proprium/accounts",
    "proprium/properties",
    "proprium/errors.py",
)
UNTRANSLATED = {
    "proprium/accounts/api_keys.py": {  # answers of the API
        "Expected a header `Authorization: Bearer …` with an API key that has not been revoked.",
        "The API key {} may only read. Create a key that may send events.",
    },
    "proprium/accounts/audit.py": {"Action", "Actor"},  # names of classes
    "proprium/accounts/authorization.py": {"Raw events are only available to users who may edit {}."},  # of the API
    "proprium/accounts/login_throttle.py": {  # an answer of the API
        "Too many requests without a valid API key from this address. Try again in a minute."
    },
    "proprium/accounts/openid.py": None,  # reasons for the server's log; browsers get one sentence
    "proprium/accounts/passkeys.py": {"Proprium"},
    "proprium/errors.py": {"Bearer"},  # an HTTP header
    "proprium/figures/numbers.py": None,  # the titles of metrics, translated where they are shown
    "proprium/figures/template.py": {'Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif'},
    "proprium/reports/chromium.py": {"Default", "Preferences"},  # names of files
    "proprium/reports/report_model.py": None,  # names of tables in JSON and CSV; their titles are N_()
    "proprium/reports/table_files.py": {"Code"},  # a column of a CSV file
    "proprium/properties/service.py": {"Proprium"},
    "proprium/ui/app.py": {"Proprium"},
    "proprium/ui/components/instance_panel.py": {"Proprium"},
    "proprium/ui/components/sample_data.py": {"Exemplar"},  # the name of a property
    "proprium/ui/components/server_state_panel.py": {"Proprium", "Python"},
    "proprium/ui/dashboard/keyboard.py": {"Esc"},  # a key
    "proprium/ui/http/security.py": {"Forbidden: cross-origin socket connection."},  # sockets: no page shows it
    "proprium/ui/http/socket_limits.py": None,  # answers to sockets: no page shows them
    "proprium/ui/http/socket_messages.py": {"Implicit handshake failed"},  # NiceGUI looks for these words
    "proprium/ui/http/static_files.py": {"Vary"},  # an HTTP header
    "proprium/ui/layout.py": {"Proprium", "{} · Proprium"},
    "proprium/ui/pages/documentation.py": {"Python", "Node", "Caddy", "Google Tag Manager"},
    "proprium/ui/pages/install.py": {"Python"},
    "proprium/ui/pages/invitation.py": {"Proprium"},
    "proprium/ui/pages/sql.py": {"Ctrl ↵"},  # keys
}
"""Literals that are no texts of the interface; None: all of the file."""
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in TRANSLATED_ROOMS
    for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
)
BRAND = {"Proprium", HOME}


@pytest.mark.parametrize("name", FILES)
def test_no_text_of_the_interface_bypasses_gettext(name: str) -> None:
    known = UNTRANSLATED.get(name, set())
    if known is not None:
        assert [
            text for text in untranslated_literals((ROOT / name).read_text()) if text.split(": ", 1)[1] not in known
        ] == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('ui.label("No data yet")', "No data yet"),
        ('button("", "dots", name="More")', "More"),
        ('text("h2", "Period")', "Period"),
        ('toast(f"Goal {name} removed.")', "Goal {} removed."),
        ('ui.label("Bots" if is_bot else _("People"))', "Bots"),
        ('element.props(\'role="img" aria-label="Heat map"\')', "Heat map"),
        ('element.props["title"] = f"Remove {name}"', "Remove {}"),
        ('set_prop(plot, "aria-label", "Chart of visitors")', "Chart of visitors"),
        ('def f():\n    raise BadQuery("a goal needs a name")', "a goal needs a name"),
        ('LABELS = {"a": "Last week"}', "Last week"),
        ('def f():\n    return "No results"', "No results"),
    ],
)
def test_an_untranslated_text_is_found(source: str, text: str) -> None:
    assert [message.split(": ", 1)[1] for message in untranslated_literals(source)] == [text]


@pytest.mark.parametrize(
    "source",
    [
        'ui.label(_("No data yet"))',
        'toast(ngettext("{count} event", "{count} events", 2))',
        'TITLE = N_("Goals")',
        'span(name, "mut small cut")',
        'ui.element("div").classes("line wraps end")',
        'def f():\n    """Shows the text."""\n    raise ValueError("No such row")',
        'log.info("event stored")',
        'ui.input(placeholder="example.com")',
    ],
)
def test_code_and_translated_texts_are_not_reported(source: str) -> None:
    assert untranslated_literals(source) == []


def test_the_template_of_reports_has_no_text_of_its_own() -> None:
    template = (ROOT / "proprium/reports/report.html").read_text()
    bare = re.sub(r"\{%-? *trans .*?endtrans *%\}|\{%.*?%\}|\{\{.*?\}\}", "", template, flags=re.DOTALL)
    assert untranslated(html_texts(bare), {"width=device-width, initial-scale=1"}) == []


# What is on the screen


async def a_busy_property(site: Site) -> tuple[Property, User]:
    """A property that fills every card, with goals, a segment and a custom card."""
    owner = a_user(site.services.database)
    shop = a_property(site.services.database, "#1", owner)
    now = utc_now() - timedelta(minutes=2)
    number = shop.number or 0
    site.filled.append(
        [
            an_event("1", now, "/2", property=number, country="DE", city="33", utm_source="44"),
            an_event("1", now, "/2", "55", property=number, data={"66": "77"}),
            an_event("8", now, "/3", property=number, referrer="https://9.9.example/"),
            an_event("b", now, "/3", property=number, user_agent=GOOGLEBOT),
        ]
    )
    goals = [{"name": "#2", "filters": ["event:is:55"]}, {"name": "#3", "filters": ["page:matches:/2*"]}]
    segments = [{"name": "#4", "filters": ["country:is:DE"]}]
    service.update_settings(site.services.database, shop.id, goals=goals, segments=segments)
    service.set_custom_cards(site.services.database, shop.id, ("55",))
    return service.find_visible(site.services.database, shop.id, owner), owner


DATA = BRAND | {
    *(
        "Germany",
        "Chrome",
        "Linux",
        "Desktop",
        "Googlebot",
        "Direct",
        "Referral",
        "Unassigned",
        "Organic Search",
        "Search engine",
    ),
    *("UTC", "PDF", "CSV", "JSON", "SQL", "example.com", "collectorQueue.push", "event", "sign_up", "GPTBot"),
}
"""Words in the pages below that come from events, the atlas, or are names of formats."""


FRAME = {"Skip to content", "Documentation", "Changelog", "Theme: automatic, light or dark", "Proprium, home"}
FRAME |= {"Theme: automatic, light, dark"}
"""What the layout puts around every page."""


async def opened(browser: Browser, url: str) -> Client:
    """Opens a page in a browser that is light, has a mouse, and shows it; waits for the dashboard's first result."""
    browser.javascript_rules[re.compile(r"\[propriumTheme.*")] = lambda match: [False, True, True, False]
    page = await browser.open(url)
    await shows(page, "⟦Computed in ")
    await asyncio.sleep(0.3)  # the heat map and the opened event have queries of their own
    return page


async def shows(page: Client, *texts: str) -> None:
    """Waits up to 30 s until the page shows the texts, or others that hold them."""
    missing = list(texts)
    for _attempt in range(600):
        missing = [text for text in missing if not any(text in shown for shown in page_texts(page))]
        if not missing:
            return
        await asyncio.sleep(0.05)
    assert missing == []


async def test_the_dashboard_is_translated(site: Site) -> None:
    shop, owner = await a_busy_property(site)
    with pseudo_language():
        page = await opened(site.browser(owner), f"/properties/{shop.id}?filter=country:is:DE&metric=event:55&event=55")
        await shows(page, "⟦⟦Country⟧ is Germany⟧", "⟦1 visitor⟧", "⟦page views · UTC⟧")
        texts = list(page_texts(page))
    assert untranslated(texts, DATA | FRAME) == []


async def test_an_empty_dashboard_is_translated(site: Site) -> None:
    owner = a_user(site.services.database)
    shop = a_property(site.services.database, "#1", owner)
    with pseudo_language():
        page = await opened(site.browser(owner), f"/properties/{shop.id}?compare=none")
        texts = list(page_texts(page))
    assert untranslated(texts, DATA | FRAME | {"utm_source", "utm_medium", "utm_campaign", "newsletter"}) == []
    assert "⟦No goals yet⟧" in texts


async def test_the_dialogs_of_a_dashboard_are_translated(site: Site) -> None:
    shop, owner = await a_busy_property(site)
    browser = site.browser(owner)
    with pseudo_language():
        page = await opened(browser, f"/properties/{shop.id}?filter=country:one_of:DE")
        page_elements = set(page.elements)
        for name in ("⟦Filter⟧", "⟦⟦Pages⟧: show all⟧", "⟦⟦Bots⟧: show all⟧"):
            press_named(browser, name)
        for label in ("⟦Keyboard shortcuts⟧", "⟦Save as segment⟧", "⟦Tracking code⟧", "⟦Delete …⟧"):
            press(browser, label)
        press(browser, "⟦⟦Country⟧ is one of Germany⟧")  # edits the filter
        cards = next(each for each in page.elements.values() if "headline" in each.classes)
        UserInteraction(browser, {cards}, None).trigger("click", ["", "visitors"])
        await shows(page, "⟦Keyboard shortcuts⟧", "⟦Break down by⟧", "⟦Edit filter⟧", "⟦Delete #1?⟧", "⟦1 page⟧, ⟦")
        await shows(page, "⟦⟦Visitors⟧: calculation⟧", "⟦View as SQL⟧", "⟦1 session⟧")
        elements = [element for number, element in page.elements.items() if number not in page_elements]
        texts = [text for element in elements for text in page_texts(element)]
    assert untranslated(texts, DATA) == []


async def test_the_components_of_other_pages_are_translated(site: Site) -> None:
    shop, owner = await a_busy_property(site)
    browser = site.browser(owner)
    with pseudo_language():
        page = await opened(browser, f"/properties/{shop.id}")
        with page, ui.element("div") as box:
            actions = PropertyActions(site.services)
            PropertyCard(shop, actions, level=Level.OWN, on_change=lambda: None)
            GoalEditor(actions, shop)
            ApiKeysPanel(site.services, owner)
            await PublicKeys(site.services, actions, shop).fill()
            checklist = InstallChecklist(
                "#1", "/", has_events=True, country_name=str, advice_for=lambda problem: advice_of(problem, 5)
            )
            for outcome in hit_outcomes():
                checklist.show(HitReport.from_outcome(outcome, counts_automated=False))
        page_elements = set(page.elements)
        with page:
            actions.create()
            actions.rename(shop, print)
            actions.reset(shop, print)
        for label in ("⟦New key⟧", "⟦Add goal⟧", "⟦Add data condition⟧"):
            press(browser, label)
        press_named(browser, "⟦Edit goal #2⟧")
        await asyncio.sleep(0.3)
        dialogs = [element for number, element in page.elements.items() if number not in page_elements]
        texts = [*page_texts(box), *(text for element in dialogs for text in page_texts(element))]
    assert untranslated(texts, DATA | {str(shop.id), "/thanks", "plan", "pro", "shop", "last 24 h"}) == []
    assert "⟦1 events⟧" not in texts


def hit_outcomes() -> Iterator[HitOutcome]:
    stored = HitOutcome(
        received_at=utc_now(),
        event="55",
        page="/2",
        is_stored=True,
        is_duplicate=False,
        reason=None,
        has_address=False,
        country=None,
        browser="",
        is_bot=False,
        hostname=None,
    )
    yield stored
    yield stored._replace(is_duplicate=True, country="DE", browser="Chrome")
    yield stored._replace(is_automated=True, has_address=True)
    yield stored._replace(is_bot=True, is_stored=False, reason=DropReason.BOT)
    yield stored._replace(is_stored=False, reason="429: ⟦Slow down.⟧")


def test_why_an_event_was_rejected_is_translated() -> None:
    with pseudo_language():
        reasons = [*DropReason, AUTOMATED, "429: ⟦Slow down.⟧", "⟦other⟧"]
        texts = [text for reason in reasons for text in (sentence_of(reason), advice_of(reason, 5))]
    assert untranslated(texts) == []


# Reports


def test_reports_are_translated() -> None:
    goals = {"#2": 140}
    board = a_dashboard(
        a_query(filters=(a_filter(),)),
        totals=replace(TOTALS, goals=goals),
        previous=replace(TOTALS, goals=goals, values={**TOTALS.values, Metric.SESSIONS: 0}),
        values={Dimension.WEEKDAY_HOUR: ("1-09", "7-23"), Dimension.BOT: ()},
    )
    names = {str(value) for values in VALUES.values() for value in values if value}
    names |= {ATLAS.name(code) for code in COUNTRIES if code} | {ATLAS.region_name(region) for region in REGIONS}
    names |= {"Europe/Berlin", "#9"}
    with pseudo_language():
        page = html(board, ReportOptions("#9"), ATLAS)
        text = markdown(board, ReportOptions("#9"), ATLAS)
    assert untranslated(html_texts(page), names) == []
    assert untranslated((line.replace("\\", "") for line in text.splitlines()), names) == []
    assert "⟦Pages requested by bots⟧" in page


def test_a_report_of_one_event_says_so() -> None:
    board = a_dashboard(totals=replace(TOTALS, bots=1), rows_read=1, live=LiveVisitors(now=1, half_hour=1, minutes=1))
    text = markdown(board, ReportOptions("#9"), ATLAS)
    assert "1 bot hit is excluded from all other metrics." in text
    assert "Based on 1 event, including bots." in text
    assert "1 in the last minute (not filtered)" in text


def test_the_catalogue_for_translators_has_every_text(tmp_path: Path):
    """`make messages` was run after the last change of a text."""
    recipe = (ROOT / "Makefile").read_text().partition("$(BIN)/pybabel")[2].partition("\n\n")[0]
    arguments = recipe.replace("\\\n", " ").replace("proprium/locale/proprium.pot", str(tmp_path / "new.pot")).split()
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", *arguments], cwd=ROOT, check=True)
    assert (ROOT / "proprium/locale/proprium.pot").read_text() == (tmp_path / "new.pot").read_text()
