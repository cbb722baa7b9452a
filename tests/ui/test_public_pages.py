"""Public pages, and the layout around every page."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from nicegui import Client
from starlette.requests import Request

from proprium.accounts import setup
from proprium.config import Settings
from proprium.properties.service import set_public
from proprium.ui import layout
from proprium.ui.components.snippets import YOUR_ID, Snippets
from proprium.ui.http.light_page import LIVE_HEADER
from proprium.ui.layout import route_pattern
from tests.support.builders import a_property, a_user
from tests.ui.conftest import HOME, Site


async def test_the_home_page_redirects_signed_in_users_to_their_properties(site: Site) -> None:
    browser = site.browser()
    await browser.open("/")
    await browser.should_see("Sign in")
    await browser.should_see("This server has no owner yet.")
    answer = await site.client(a_user(site.services.database)).get("/")
    assert answer.headers["location"] == "/properties"


async def test_an_owned_server_does_not_ask_for_an_owner(site: Site) -> None:
    a_user(site.services.database)
    browser = site.browser()
    await browser.open("/")
    await browser.should_not_see("This server has no owner yet.")


async def test_recipes_have_the_server_url_and_the_users_property(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    stranger, owner = site.browser(), site.browser(ada)
    await stranger.open("/documentation")
    await stranger.should_see(f"{HOME}/collector.js")
    await stranger.should_see(YOUR_ID)
    await stranger.should_not_see(str(mine.id))
    await owner.open("/documentation")
    await owner.should_see(f'data-collector-id="{mine.id}"')


async def test_the_recipes_for_python_and_curl_can_be_run_as_they_stand(site: Site) -> None:
    recipes = Snippets(Settings(_env_file=None))  # type: ignore[call-arg]
    compile(recipes.python(), "recipe", "exec")
    assert re.search(r"--data '(\{.*\})'", recipes.curl())


async def test_the_changelog_is_shown_as_text_never_as_markup(site: Site) -> None:
    page = await site.client().get("/changelog")
    assert page.status_code == 200
    assert "<script>alert" not in page.text


async def test_pages_have_open_graph_tags(site: Site) -> None:
    text = (await site.client().get("/documentation")).text
    assert '<meta property="og:title" content="Documentation">' in text
    assert f'<meta property="og:url" content="{HOME}/documentation">' in text


async def test_the_theme_is_set_before_the_first_paint_and_stored_in_the_browser(site: Site) -> None:
    text = (await site.client().get("/login")).text
    assert text.index("root.dataset.theme") < text.index("</head>")
    assert "localStorage" in text


async def test_style_sheets_stand_in_the_page_and_fonts_are_immutable(site: Site) -> None:
    client = site.client()
    text = (await client.get("/login")).text
    addresses = re.findall(r'(?:href|src|url\()=?"(/assets/[^"]+)"', text)
    assert len(addresses) >= 4
    assert "--acc-soft" in text
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


async def test_own_pages_report_the_route_pattern(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    text = (await site.client(ada).get(f"/properties/{mine.id}/settings")).text
    tag = re.search(r"<script defer src=\"/collector.js\"[^>]*>", text)
    assert tag is not None
    assert f'data-collector-id="{site.services.own_property_id}"' in tag[0]
    assert 'data-url="/properties/:id/settings"' in tag[0]
    assert "data-cookieless" in tag[0]
    assert str(mine.id) not in tag[0]


async def test_the_setup_page_is_not_tracked(site: Site) -> None:
    token = setup.create_setup_token(site.services.database)
    assert "collector.js" not in (await site.client().get(f"/setup?token={token}")).text


@pytest.mark.parametrize(
    ("path", "parameters", "pattern"),
    [
        ("/properties/1-2/install", {"property_id": "1-2"}, "/properties/:id/install"),
        ("/login", {}, "/login"),
    ],
)
def test_a_route_pattern_has_parameter_names(path: str, parameters: dict[str, str], pattern: str) -> None:
    scope = {"type": "http", "path": path, "headers": [], "query_string": b"", "path_params": parameters}
    assert route_pattern(Request(scope | {"server": ("x", 80), "scheme": "http"})) == pattern


async def test_a_page_without_a_socket_logs_no_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """NiceGUI deletes a crawler's page while it waits for the browser's socket."""
    monkeypatch.setattr(layout, "CONNECT_TIMEOUT_S", 0.2)
    property_ = a_property(site.services.database, "Mine")
    set_public(site.services.database, property_.id, True)
    errors: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, error: errors.append(error))
    answer = await site.client().get(f"/properties/{property_.id}", headers={LIVE_HEADER: "1"})
    assert answer.status_code == 200
    (page,) = Client.instances.values()
    page.delete()
    await asyncio.sleep(0.5)
    loop.set_exception_handler(None)
    assert not errors
