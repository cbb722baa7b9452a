"""An owner invites a colleague and gives them two of five properties; what is not theirs stays closed by every way."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from proprium.accounts import api_keys, login_sessions, users
from proprium.properties import permissions, service
from proprium.properties.permissions import Level
from proprium.storage.database import Database
from proprium.storage.tables import Property, Role, User
from tests.support.builders import PASSWORD, a_property, a_user
from tests.support.open_page import OpenPage
from tests.support.servers import CHROME, Running

EMAIL = "zoe@example.com"
ENDS_WITHIN_MS = 10_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("invited")).start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.fixture
def database(server: Running) -> Iterator[Database]:
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    yield database
    database.close()


def signed_in(browser: Browser, server: Running, database: Database, user: User) -> BrowserContext:
    context = browser.new_context()
    token = login_sessions.start_session(database, user.id, "a test")
    context.add_cookies([{"name": "proprium_session", "value": token, "url": server.url}])
    return context


def invite(page: Page, server: Running, roles: dict[str, str]) -> str:
    """As an owner does it; returns the link that is shown."""
    page.goto(f"{server.url}/settings/users")
    page.wait_for_function("window.did_handshake === true")
    page.get_by_role("button", name="Invite", exact=True).click()
    sheet = page.locator(".q-dialog .sheet")
    sheet.get_by_role("textbox", name="E-mail").fill(EMAIL)
    for name, role in roles.items():
        sheet.get_by_text(name, exact=True).click()
        sheet.get_by_label(f"Role on {name}").click()
        page.locator(".q-menu").get_by_text(role, exact=True).click()
    sheet.get_by_role("button", name="Invite", exact=True).click()
    link = sheet.get_by_role("group", name="Invitation link")
    expect(link).to_be_visible()
    return link.inner_text().strip()


def assert_closed(server: Running, database: Database, zoe: User, closed: Property) -> None:
    """Page, files, API, SQL and socket say the same of a property of others as of one that never was."""
    token = login_sessions.start_session(database, zoe.id, "a test")
    key = api_keys.create(database, "zoe's", user_id=zoe.id)
    by_cookie = {"Cookie": f"proprium_session={token}", "Accept": "text/html", "User-Agent": CHROME}
    by_key = {"Authorization": f"Bearer {key}"}
    missing = "00000000-0000-4000-8000-000000000000"
    paths = ("", "/settings", "/install", "/refused", "/audit", "/audit.csv", "/report.pdf", "/report.csv")
    requests = [(f"/properties/{{id}}{path}", by_cookie) for path in paths]
    requests += [("/sql?property={id}", by_cookie)]
    files = ("/events.csv", "/events.parquet", "/totals", "/timeline", "/breakdown/page", "/live", "")
    requests += [(f"/api/v1/properties/{{id}}{path}", by_key) for path in files]
    requests += [(f"/api/v1/properties/{{id}}{path}", by_cookie) for path in files if "events" in path]
    with httpx.Client(base_url=server.url, timeout=60) as http:
        for path, headers in requests:
            answers = [http.get(path.format(id=id_), headers=headers) for id_ in (closed.id, missing)]
            assert {answer.status_code for answer in answers} == {404}, path
            texts = {answer.text.replace(str(closed.id), missing) for answer in answers}
            assert len(texts) == 1, path
        listed = http.get("/api/v1/properties", headers=by_key).text
    assert "Shop 1" in listed
    assert str(closed.id) not in listed


def sees_in_sql(page: Page, server: Running) -> str:
    page.goto(f"{server.url}/sql?days=all")
    page.wait_for_function("window.did_handshake === true")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("select distinct property from events order by 1")
    page.get_by_role("button", name=re.compile("^Run")).click()
    expect(page.get_by_text(re.compile(r"\d+ rows? in"))).to_be_visible(timeout=60_000)
    return page.locator(".sqlresult").inner_text()


async def test_no_socket_joins_a_page_of_a_property_of_others(server: Running, database: Database) -> None:
    """Neither a page of its own, which is not built, nor one that somebody with access has open."""
    bob, mallory = a_user(database, "bob@example.com"), a_user(database, "mallory@example.com")
    shop = a_property(database, "Bob's", bob)
    tokens = {user.email: login_sessions.start_session(database, user.id, "a test") for user in (bob, mallory)}
    path = f"/properties/{shop.id}"
    with pytest.raises(AssertionError):  # what came is not a page
        await OpenPage(server.url, path, tokens[mallory.email]).load()
    page = OpenPage(server.url, path, tokens[bob.email])
    await page.load()
    cookie = f"proprium_session={tokens[mallory.email]}"
    with pytest.raises(Exception, match="failed to connect"):
        await page.join(headers={"User-Agent": CHROME, "Cookie": cookie})
    await page.close()
    await page.join()
    await page.close()


def test_an_invited_colleague_sees_two_of_five_properties_until_they_are_removed(
    browser: Browser, server: Running, database: Database
) -> None:
    eve = a_user(database, "eve@example.com", Role.OWNER, name="Eve")
    shops = [a_property(database, f"Shop {number}", eve) for number in range(5)]
    for shop in shops:
        hit = {"collectorId": str(shop.id), "event": "page_view", "data": {"url": "/", "user_id": "ada"}}
        httpx.post(f"{server.url}/collect", json=hit, headers={"User-Agent": CHROME})
    server.wait_until_projected()
    owner = signed_in(browser, server, database, eve)
    owner_page = owner.new_page()
    link = invite(owner_page, server, {"Shop 1": "Viewer", "Shop 3": "Editor"})

    colleague = browser.new_context()
    page = colleague.new_page()
    page.goto(link)
    expect(page.get_by_text(EMAIL)).to_be_visible()
    page.get_by_label("Your name").fill("Zoe")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"{server.url}/properties")
    expect(page.locator(".prop .name")).to_have_text(["Shop 1", "Shop 3"])
    zoe = users.find(database, EMAIL)
    levels = [permissions.level_of(zoe, service.find_any(database, shop.id)) for shop in shops]
    assert levels == [Level.NONE, Level.READ, Level.NONE, Level.EDIT, Level.NONE]

    used = browser.new_context().new_page()
    assert (used.goto(link) or page).status == 404  # type: ignore[union-attr]
    assert_closed(server, database, zoe, shops[2])
    page.goto(f"{server.url}/properties/{shops[2].id}")
    expect(page.locator("body")).to_contain_text("404")
    result = sees_in_sql(page, server)
    assert [f"Shop {number}" in result for number in range(5)] == [False, True, False, True, False]

    page.goto(f"{server.url}/properties/{shops[3].id}")
    page.wait_for_function("window.did_handshake === true")
    owner_page.goto(f"{server.url}/settings/users")
    owner_page.wait_for_function("window.did_handshake === true")
    owner_page.get_by_role("button", name=f"Remove {EMAIL}").click()
    started_s = time.monotonic()
    owner_page.locator(".q-dialog .sheet").get_by_role("button", name="Remove", exact=True).click()
    page.wait_for_url(re.compile(r"/login\?next="), timeout=ENDS_WITHIN_MS)
    assert time.monotonic() - started_s < ENDS_WITHIN_MS / 1000
    expect(owner_page.get_by_text(EMAIL, exact=True)).to_have_count(0)
    for context in (owner, colleague, used.context):
        context.close()
