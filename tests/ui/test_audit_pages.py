"""The audit log on pages and as CSV, and the settings of the server."""

from __future__ import annotations

import asyncio
import csv
import io

import pytest
from nicegui import ui
from nicegui.testing import User as Browser

from proprium.accounts import instance_options, invitations
from proprium.accounts.audit import Action, Actor, AuditFilter, list_entries, record
from proprium.properties import service
from proprium.storage.tables import Property, Role, User
from proprium.ui.components.audit_table import ACTION_LABELS, PAGE_SIZE, AuditQuery, change_lines
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, press
from tests.ui.test_users_page import named

HOSTILE = '=HYPERLINK("http://evil.example")<img src=x onerror=alert(1)>'


@pytest.fixture
def eve(site: Site) -> User:
    return a_user(site.services.database, "eve@example.com", Role.OWNER)


@pytest.fixture
def shop(site: Site, eve: User) -> Property:
    return a_property(site.services.database, "Shop", eve, actor=Actor.of_user(eve, "203.0.113.9"))


def texts(browser: Browser) -> list[str]:
    assert browser.client is not None
    return [str(getattr(each, "text", "")) for each in browser.client.elements.values()]


def test_every_action_has_a_label() -> None:
    assert set(ACTION_LABELS) == set(Action)


async def test_the_log_says_who_changed_what_and_is_filtered_by_its_address(
    site: Site, eve: User, shop: Property
) -> None:
    database = site.services.database
    service.update_settings(database, shop.id, timezone="Europe/Berlin", actor=Actor.of_user(eve, "203.0.113.9"))
    service.rename(database, shop.id, "By command")
    browser = site.browser(eve)
    await browser.open("/settings/audit?action=property_changed&actor=eve@example.com")
    shown = texts(browser)
    assert "timezone: UTC → Europe/Berlin" in shown
    assert "from 203.0.113.0/24" in shown
    assert "name: Shop → By command" not in shown
    await browser.open("/settings/audit?action=nonsense&period=x&before=y&actor=")
    assert "name: Shop → By command" in texts(browser)
    await browser.open("/settings/audit?actor=nobody")
    assert "No entries" in texts(browser)


async def test_a_long_log_has_pages(site: Site, eve: User) -> None:
    database = site.services.database
    with database.write_transaction() as session:
        for number in range(PAGE_SIZE + 5):
            record(session, Action.EXPORTED, Actor("pager"), target=f"file {number}")
    browser = site.browser(eve)
    await browser.open("/settings/audit?actor=pager")
    assert sum(text.startswith("file ") for text in texts(browser)) == PAGE_SIZE
    assert browser.client is not None
    older = next(
        str(each.props["href"]) for each in browser.client.elements.values() if "before=" in str(each.props.get("href"))
    )
    await browser.open(older)
    assert [text for text in texts(browser) if text.startswith("file ")] == [
        f"file {number}" for number in range(4, -1, -1)
    ]
    assert "Newest" in texts(browser)


async def test_a_property_shows_its_own_entries_to_those_who_own_it(site: Site, eve: User, shop: Property) -> None:
    other = a_property(site.services.database, "Other", eve)
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/audit")
    shown = texts(browser)
    assert "Mine" in shown
    assert not {"Shop", "Other", "eve@example.com"} & set(shown)
    for path in (f"/properties/{other.id}/audit", f"/properties/{shop.id}/audit.csv", "/settings/audit.csv"):
        assert (await site.client(ada).get(path)).status_code == 404
    answer = await site.client(ada).get(f"/properties/{mine.id}/audit.csv?period=all")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row[1] for row in rows[1:]] == ["exported", "property_created"]
    assert {row[4] for row in rows[1:]} == {str(mine.id)}


async def test_the_csv_has_all_matching_entries_and_no_formulas(site: Site, eve: User) -> None:
    database = site.services.database
    with database.write_transaction() as session:
        for _ in range(1_203):
            record(session, Action.USER_CHANGED, Actor(HOSTILE), target=HOSTILE, before={"name": HOSTILE})
    answer = await site.client(eve).get("/settings/audit.csv?action=user_changed&period=all")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 1_204
    assert rows[0] == ["time", "action", "actor", "target", "property_id", "before", "after", "network"]
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
    newest = list_entries(database, AuditFilter(), limit=1)[0]
    assert (newest.action, newest.actor, newest.target) == (Action.EXPORTED, "eve@example.com", "audit.csv")


async def test_hostile_names_are_text(site: Site, eve: User) -> None:
    a_property(site.services.database, HOSTILE, eve)
    page = await site.client(eve).get("/settings/audit")
    assert "<img src=x" not in page.text


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({}, AuditQuery()),
        ({"before": "12", "period": "7"}, AuditQuery(period="7", before_id=12)),
        ({"before": "-1"}, AuditQuery()),
        ({"before": "9" * 40}, AuditQuery()),
        ({"before": "١٢"}, AuditQuery()),
        ({"action": "'; DROP TABLE", "period": "0"}, AuditQuery()),
    ],
)
def test_addresses_of_the_log_are_read_leniently(parameters: dict[str, str], query: AuditQuery) -> None:
    assert AuditQuery.parse(parameters) == query


def test_changes_are_lines_of_one_field_each() -> None:
    assert change_lines(None, None) == []
    assert change_lines({"a": 1}, {"a": None}) == ["a: 1 → –"]
    assert change_lines(None, {"a": ["x"]}) == ['a: ["x"]']
    assert change_lines({"a": "x" * 300}, None) == [f"a: {'x' * 200}…"]


# The settings of the server


async def test_the_options_of_the_server_are_saved_and_meant(site: Site, eve: User) -> None:
    database = site.services.database
    browser = site.browser(eve)
    await browser.open("/settings")
    named(browser, ui.input, "Name").value = "Acme"
    named(browser, ui.select, "Default time zone").value = "Europe/Berlin"
    next(each for each in browser.find(ui.switch).elements if each.text == "Cookieless by default").value = True
    press(browser, "Save")
    await has(browser, "Saved.")
    new = a_property(database, "New", eve)
    assert (new.timezone, new.is_cookieless) == ("Europe/Berlin", True)
    token = invitations.invite(database, "zoe@example.com", sender=eve)
    assert "Join Acme" in (await site.client().get(f"/invitation?token={token}")).text
    next(each for each in browser.find(ui.switch).elements if each.text == "Allow invitations").value = False
    press(browser, "Save")
    for _ in range(50):
        if not instance_options.get(database).allows_invitations:
            break
        await asyncio.sleep(0.05)
    assert (await site.client().get(f"/invitation?token={token}")).status_code == 404


async def test_the_server_tells_its_owner_what_it_sees_of_them_but_no_secret(site: Site, eve: User) -> None:
    client = site.client(eve)
    cookie = client.cookies["proprium_session"]
    page = (
        await client.get("/settings", headers={"x-forwarded-for": "198.51.100.7", "authorization": "Basic c2VjcmV0"})
    ).text
    assert "x-forwarded-for" in page
    assert "198.51.100.7" in page
    assert "c2VjcmV0" not in page
    assert cookie not in page
