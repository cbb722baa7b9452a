"""Every text of the pages goes through gettext: shown in a pseudo-language, no word is left as the code has it.

The changelog and the API reference are documents in English, and code is the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

import pytest
from nicegui import Client
from nicegui.testing import User as Browser

from collector.errors import DropReason
from proprium.accounts import api_keys, invitations, setup
from proprium.accounts.audit import Action, Actor, record
from proprium.clock import utc_now
from proprium.properties import service
from proprium.sql_console import saved_queries
from proprium.sql_console.views import VIEWS
from proprium.storage.tables import Property, PropertyRole, Role, User
from proprium.ui.components.server_state_panel import versions
from proprium.ui.pages.properties import MIN_PROPERTIES_FOR_SEARCH
from tests.support.builders import PASSWORD, a_property, a_user, an_event
from tests.support.pseudo_language import html_texts, page_texts, pseudo_language, untranslated
from tests.ui.conftest import Site
from tests.ui.test_install_page import HIT
from tests.ui.test_property_pages import has, press
from tests.ui.test_rejected_events_page import reject
from tests.ui.test_sql_page import editor_of

NAMES = {"Proprium", "example.com", "Mine", "ada@example.com", "Firefox on Linux"}
"""The product, and what the people of these tests have called their sites."""
TERMS = {
    "SQL",
    "CSV",
    "JSON",
    "HTML",
    "SPA",
    "WordPress",
    "PHP",
    "Python",
    "curl",
    "nginx",
    "Caddy",
    "Node",
    "Ctrl",
    "NULL",
}
ZONES = {zone.replace("_", " ") for zone in available_timezones()}
HEAD_TEXTS = re.compile(r'<meta (?:name|property)="(?:description|og:title|og:description)" content="([^"]*)">')


@pytest.fixture
def pseudo() -> Iterator[None]:
    with pseudo_language():
        yield


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database, role=Role.OWNER, name="")


@pytest.fixture
def mine(site: Site, ada: User) -> Property:
    return a_property(site.services.database, "Mine", ada, hostnames=["example.com"])


async def opened(site: Site, path: str, user: User | None = None) -> Browser:
    browser = site.browser(user)
    await browser.open(path)
    return browser


def client_of(browser: Browser) -> Client:
    assert browser.client is not None
    return browser.client


def assert_translated(browser: Browser, *data: str) -> None:
    client = client_of(browser)
    texts = [*page_texts(client), client.title or "", *HEAD_TEXTS.findall(client.head_html)]
    assert sum("⟦" in text for text in texts) >= 5  # the page is there
    assert untranslated(texts, NAMES | TERMS | set(data)) == []


@pytest.mark.parametrize("path", ["/", "/login", "/password-reset"])
async def test_texts_for_strangers(site: Site, pseudo: None, path: str) -> None:
    assert_translated(await opened(site, path))


@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_texts_of_the_documentation(
    site: Site, ada: User, mine: Property, pseudo: None, is_signed_in: bool
) -> None:
    attributes = ("data-cookieless", "data-hash", 'data-exclude="/admin/*"', "data-no-clicks", "data-no-scroll")
    browser = await opened(site, "/documentation", ada if is_signed_in else None)
    assert_translated(browser, "Content-Security-Policy", "YOUR-PROPERTY-ID", "data-no-routes", *attributes)


async def test_texts_of_the_setup(site: Site, pseudo: None) -> None:
    assert_translated(await opened(site, f"/setup?token={setup.create_setup_token(site.services.database)}"))


@pytest.mark.parametrize("is_cookieless", [True, False])
async def test_texts_of_the_privacy_page(site: Site, mine: Property, pseudo: None, is_cookieless: bool) -> None:
    service.update_settings(site.services.database, mine.id, is_cookieless=is_cookieless)
    site.services.rules_cache.refresh()
    assert_translated(await opened(site, f"/privacy/{mine.id}"))


async def test_texts_around_the_changelog(site: Site, pseudo: None) -> None:
    client = client_of(await opened(site, "/changelog"))
    texts = list(page_texts(client))
    for text in page_texts(next(element for element in client.elements.values() if element.tag == "article")):
        texts.remove(text)
    assert untranslated(texts, NAMES) == []


async def test_texts_of_the_account(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    api_keys.create(site.services.database, "shop key", user_id=ada.id)
    site.client(ada)  # another session, beside this browser's
    assert_translated(await opened(site, "/account", ada), "shop key", *ZONES)


async def test_texts_of_the_invitation(site: Site, ada: User, pseudo: None) -> None:
    token = invitations.invite(site.services.database, "zoe@example.com", sender=ada)
    assert_translated(await opened(site, f"/invitation?token={token}"), "zoe@example.com")


async def test_texts_of_the_users(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    a_user(site.services.database, "bob@example.com", name="Bob")
    roles = {mine.id: PropertyRole.VIEWER}
    invitations.invite(site.services.database, "zoe@example.com", roles=roles, sender=ada)
    browser = await opened(site, "/settings/users", ada)
    data = ("bob@example.com", "Bob", "zoe@example.com", "0")
    assert_translated(browser, *data)
    press(browser, "⟦Invite⟧")
    await browser.should_see("⟦Invite a user⟧")
    assert_translated(browser, *data)


async def test_texts_of_the_audit_logs(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    database = site.services.database
    service.update_settings(database, mine.id, session_gap_min=45, actor=Actor.of_user(ada))
    with database.write_transaction() as session:
        for action in Action:  # each has a label
            record(session, action, Actor.of_user(ada), property_id=mine.id)
    for path in ("/settings/audit?period=all", f"/properties/{mine.id}/audit?period=all"):
        browser = await opened(site, path, ada)
        texts = set(page_texts(client_of(browser)))
        values = {text for text in texts if re.fullmatch(r"[a-z_]+: .*|[\d -:]+|[\w@. ]+|", text) and "⟦" not in text}
        assert not {text for text in values if text in set(Action)}
        assert_translated(browser, *values)


async def test_texts_of_the_server_settings(site: Site, ada: User, pseudo: None) -> None:
    zones = {zone.replace("_", " ") for zone in available_timezones()}
    browser = await opened(site, "/settings", ada)
    request = client_of(browser).request
    headers = {text for pair in request.headers.items() for text in pair}
    own_versions = {text for pair in versions(site.services).items() for text in pair}
    assert_translated(browser, *zones, *headers, *own_versions, site.services.settings.public_url, "127.0.0.1")


async def test_texts_of_the_property_list(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    others = [a_property(site.services.database, f"Mine {number}", ada) for number in range(MIN_PROPERTIES_FOR_SEARCH)]
    own_id = str(site.services.own_property_id)
    assert_translated(await opened(site, "/properties", ada), own_id, str(mine.id), *(str(each.id) for each in others))
    nothing = await opened(site, "/properties?q=zzz", ada)
    assert_translated(nothing, "zzz")


async def test_texts_of_the_settings(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    placeholders = ("www.example.com", "paypal.com", "/user/*", "/admin/*", "HomeMonitor", "DE", "id", "plan")
    browser = await opened(site, f"/properties/{mine.id}/settings", ada)
    assert_translated(browser, str(mine.id), *ZONES, *placeholders)


@pytest.mark.parametrize("kind", ["HTML", "SPA", "WordPress", "Server-side", "Pixel"])
async def test_texts_of_the_install_page(site: Site, ada: User, mine: Property, pseudo: None, kind: str) -> None:
    browser = await opened(site, f"/properties/{mine.id}/install", ada)
    press(browser, f"⟦{kind}⟧")
    assert_translated(browser)
    site.services.hit_feed.publish(mine.id, HIT._replace(received_at=utc_now()))
    await has(browser, "/pricing")
    assert_translated(browser, "page_view", "/pricing", "Firefox", "Germany")


@pytest.mark.parametrize("reason", [*DropReason, "404: No such property.", ""])
async def test_texts_of_rejected_events(site: Site, ada: User, mine: Property, pseudo: None, reason: str) -> None:
    if reason:
        reject(site, mine, reason, "shop.example.com")
    data = (reason, "No such property.", "page_view", "/pricing", "shop.example.com", "Firefox")
    assert_translated(await opened(site, f"/properties/{mine.id}/refused", ada), *filter(None, data))


async def test_texts_of_the_sql_console(site: Site, ada: User, mine: Property, pseudo: None) -> None:
    site.filled.append([an_event("ada", page=page, property=mine.number or 0) for page in ("/", "/pricing")])
    saved_queries.save(site.services.database, ada.id, "my query", "select 1")
    columns = [column for view in VIEWS for column in view.columns]
    schema = {view.name for view in VIEWS} | {text for each in columns for text in (each.name, each.type.lower())}
    browser = await opened(site, "/sql?days=all", ada)
    assert_translated(browser, "my query", "UTC", *schema)
    for sql, sign in (
        ("select page, count(*) as n from events group by page", f"⟦{2} rows⟧"),
        ("select 1 where false", "⟦No rows⟧"),
        ("selec", "⟦Line"),
    ):
        editor_of(browser).value = sql
        press(browser, "⟦Run⟧")
        await browser.should_see(sign, retries=300)
        engine_words = {text for text in page_texts(client_of(browser)) if "selec" in text}  # DuckDB speaks English
        assert_translated(browser, "my query", "UTC", "page", *schema, *engine_words)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/properties/no-uuid/install", 404),
        ("GET", "/properties/00000000-0000-4000-8000-000000000000/settings", 404),
        ("GET", "/setup?token=used", 404),
        ("POST", "/documentation", 405),
        ("POST", "/auth/everywhere", 401),
    ],
)
async def test_texts_of_error_pages(site: Site, pseudo: None, method: str, path: str, status: int) -> None:
    user = a_user(site.services.database) if path.startswith("/properties/") else None
    answer = await site.client(user).request(method, path)
    assert answer.status_code == status
    assert untranslated(html_texts(answer.text), {*NAMES, "00000000-0000-4000-8000-000000000000"}) == []


async def test_answers_to_forms_are_translated(site: Site, ada: User, pseudo: None) -> None:
    form = {"email": ada.email, "password": "wrong password"}
    answer = await site.client().post("/auth/login", data=form, headers={"accept": "text/html"})
    browser = await opened(site, answer.headers["location"])
    await browser.should_see("⟦No account has this e-mail address and password.⟧")
    form = {"current": PASSWORD, "password": "short"}
    answer = await site.client(ada).post("/auth/password", data=form)
    browser = await opened(site, answer.headers["location"], ada)
    await browser.should_see("⟦A password needs 10 to 1,000 characters; this one has 5.⟧")
