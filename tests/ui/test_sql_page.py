"""The page where one's own SQL is run: who may open it, what it asks, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from nicegui import Client, ui
from nicegui.testing import User as Browser
from nicegui.testing.user_interaction import UserInteraction

from proprium.accounts import login_sessions
from proprium.properties import service
from proprium.sql_console import saved_queries
from proprium.storage.tables import Property, Role, User
from proprium.ui.pages.sql import scope_of
from tests.support.builders import a_property, a_user, an_event
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, last_field, press


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database, role=Role.MEMBER)


@pytest.fixture
def ours(site: Site, ada: User) -> Property:
    property_ = a_property(site.services.database, "ours.example", owner=ada)
    site.filled.append([an_event("ada", page=page, property=property_.number or 0) for page in ("/", "/pricing", "/")])
    return property_


async def opened(site: Site, user: User, sql: str = "", query: str = "?days=all") -> Browser:
    browser = site.browser(user)
    await browser.open(f"/sql{query}")
    if sql:
        editor_of(browser).value = sql
    return browser


def editor_of(browser: Browser) -> ui.codemirror:
    return next(iter(browser.find(ui.codemirror).elements))


async def table_of(browser: Browser) -> list[dict[str, object]]:
    await browser.should_see(ui.table, retries=300)
    return next(iter(browser.find(ui.table).elements)).rows


def texts_of(client: Client) -> list[str]:
    return [str(getattr(element, "text", "")) for element in client.elements.values()]


def enter(browser: Browser, text: str) -> None:
    """Into the dialog on top: those that were closed are still there in this browser."""
    field = last_field(browser)
    field.value = text
    UserInteraction(browser, {field}, None).trigger("keydown.enter")


async def until(happens: Callable[[], bool]) -> None:
    """Waits up to 5 s."""
    for _ in range(50):
        if happens():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen")


async def test_a_statement_is_run_and_its_rows_and_files_are_there(site: Site, ada: User, ours: Property) -> None:
    statement = "SELECT page, count(*) AS n, 1.25 AS x, NULL AS none FROM events GROUP BY page ORDER BY n DESC"
    browser = await opened(site, ada, statement)
    press(browser, "Run")
    rows = await table_of(browser)
    assert [(row["c0"], row["c1"], row["c2"], row["c3"]) for row in rows] == [
        ("/", "2", "1.25", None),
        ("/pricing", "1", "1.25", None),
    ]
    await has(browser, "3 events, 1 session")
    press(browser, "CSV")
    assert (await browser.download.next()).text.splitlines()[1] == "/,2,1.25,"


async def test_a_mistake_is_told_and_marked(site: Site, ada: User, ours: Property) -> None:
    browser = await opened(site, ada, "SELECT pagee\nFROM events")
    press(browser, "Run")
    await browser.should_see('Referenced column "pagee" not found', retries=300)
    await has(browser, "Line 1, column 8")
    assert editor_of(browser).decorations == [{"kind": "mark", "from": 7, "to": 12, "class": "sqlwrong"}]


async def test_who_is_not_signed_in_is_sent_to_the_door(site: Site) -> None:
    answer = await site.client().get("/sql")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/sql")


async def test_somebody_elses_property_looks_like_one_that_does_not_exist(
    site: Site, ada: User, ours: Property
) -> None:
    theirs = a_property(
        site.services.database, "theirs.example", owner=a_user(site.services.database, "bob@example.com")
    )
    client = site.client(ada)
    assert (await client.get(f"/sql?property={theirs.id}")).status_code == 404
    assert (await client.get("/sql?property=nonsense")).status_code == 404
    assert "theirs.example" not in (await client.get("/sql")).text


def test_the_rights_are_those_of_the_person(site: Site) -> None:
    database = site.services.database
    bob, viewer = a_user(database, "bob@example.com"), a_user(database, "eve@example.com", may_create=False)
    private = a_property(database, "private.example", owner=bob)
    public = service.set_public(database, a_property(database, "public.example", owner=bob).id, True)

    def scope(user: User) -> set[tuple[int, bool]]:
        scope = scope_of(site.services, user, "all", "30")
        return {(one.property_number, one.may_edit) for one in scope.properties}

    assert scope(viewer) == {(public.number, False)}
    assert scope(bob) == {(public.number, True), (private.number, True)}
    assert len(scope(a_user(database, "owner@example.com", Role.OWNER))) == 3  # and our own


async def test_a_login_that_has_ended_runs_nothing(site: Site, ada: User, ours: Property) -> None:
    browser = await opened(site, ada, "SELECT 1")
    login_sessions.revoke_all(site.services.database, ada.id)
    press(browser, "Run")
    client = browser.client
    assert client is not None
    # A page that is older than 1.5 s is ended by its next update, on a busy machine before it shows the message.
    await until(lambda: client.is_deleted or any("Your session has ended" in text for text in texts_of(client)))
    assert not [element for element in client.elements.values() if isinstance(element, ui.table)]


async def test_a_query_is_saved_opened_renamed_and_deleted(site: Site, ada: User, ours: Property) -> None:
    browser = await opened(site, ada, "SELECT 41 + 1 AS answer")
    press(browser, "Save")
    await browser.should_see("Save query")
    enter(browser, "The answer")
    await browser.should_see("Saved as “The answer”.", retries=50)
    [saved_query] = saved_queries.list_saved(site.services.database, ada.id)
    assert (saved_query.name, saved_query.sql) == ("The answer", "SELECT 41 + 1 AS answer")
    editor_of(browser).value = ""
    press(browser, "The answer")
    assert (await table_of(browser))[0]["c0"] == "42"
    assert editor_of(browser).value == "SELECT 41 + 1 AS answer"
    press(browser, "Rename")
    enter(browser, "Everything")
    await until(
        lambda: [query.name for query in saved_queries.list_saved(site.services.database, ada.id)] == ["Everything"]
    )
    await until(
        lambda: any(getattr(element, "text", "") == "Everything" for element in browser.find("Everything").elements)
    )
    press(browser, "Delete")
    await browser.should_see("No saved queries yet", retries=50)
    await until(lambda: saved_queries.list_saved(site.services.database, ada.id) == [])


async def test_a_statement_can_be_cancelled(site: Site, ada: User, ours: Property) -> None:
    browser = await opened(site, ada, "WITH RECURSIVE t AS (SELECT 1 a UNION ALL SELECT a + 1 FROM t) FROM t")
    press(browser, "Run")
    await has(browser, "Running…")
    press(browser, "Cancel")
    await has(browser, "Cancelled.")
    editor_of(browser).value = "SELECT 1 AS a"
    press(browser, "Run")
    assert len(await table_of(browser)) == 1


async def test_the_menus_lead_there(site: Site, ada: User, ours: Property) -> None:
    client = site.client(ada)
    assert '"SQL"' in (await client.get(f"/properties/{ours.id}")).text.replace("\\u0022", '"').replace("&quot;", '"')
    assert "/sql" in (await client.get("/properties")).text


async def test_without_a_property_there_is_nothing_to_ask(site: Site) -> None:
    viewer = a_user(site.services.database, "eve@example.com", may_create=False)
    browser = await opened(site, viewer)
    await has(browser, "No properties yet")
