"""Share links with a password, open pages whose link changes, and the links in a property's settings."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from proprium.accounts import share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.clock import utc_now
from proprium.properties import access
from proprium.properties.service import delete_property, update_settings
from proprium.storage.tables import Property, PropertyRole, ShareLink, User
from proprium.ui.http import page_access
from proprium.ui.http.share_access import PASSWORD_COOKIE
from tests.support.builders import a_user
from tests.ui.conftest import HOME, Site
from tests.ui.shared_shop import LINK_PASSWORD, a_link, a_shop, browser_of, live, reader
from tests.ui.test_goals_and_rules import press_last
from tests.ui.test_property_pages import press


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database)


@pytest.fixture
def shop(site: Site, ada: User) -> Property:
    return a_shop(site, ada)


# Passwords


async def test_a_password_is_asked_once_and_says_nothing_before(site: Site, shop: Property) -> None:
    link, other = a_link(site, shop, password=LINK_PASSWORD), a_link(site, shop, password=LINK_PASSWORD + "!")
    client = reader(site)
    for path in (f"/share/{link.token}", f"/embed/{link.token}"):
        asked = await client.get(path)
        assert asked.status_code == 200
        assert "needs a password" in asked.text
        assert shop.name not in asked.text
        assert "set-cookie" not in asked.headers
    for file in ("badge.svg", "counter.json", "report.json", "card.png"):
        assert (await client.get(f"/share/{link.token}/{file}")).status_code == 404
    post = f"/share/{link.token}/password"
    wrong = await client.post(post, data={"password": "a wrong password"}, follow_redirects=True)
    assert "This password is incorrect." in wrong.text
    right = await client.post(post, data={"password": LINK_PASSWORD, "query": "period=7d"})
    assert (right.status_code, right.headers["location"]) == (303, f"/share/{link.token}?period=7d")
    cookies = right.headers.get_list("set-cookie")
    assert [re.search(r"Path=([^;]+)", cookie).group(1) for cookie in cookies] == [  # type: ignore[union-attr]
        f"/share/{link.token}",
        f"/embed/{link.token}",
    ]
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)
    assert shop.name in (await client.get(f"/share/{link.token}")).text
    assert shop.name in (await client.get(f"/embed/{link.token}")).text
    assert (await client.get(f"/share/{link.token}/counter.json")).headers["cache-control"].startswith("private")
    proof = client.cookies.get(PASSWORD_COOKIE, path=f"/share/{link.token}")
    stolen = reader(site)
    stolen.cookies.set(PASSWORD_COOKIE, proof or "")
    assert "needs a password" in (await stolen.get(f"/share/{other.token}")).text
    share_links.change(site.services.database, shop.id, link.id, COMMAND_LINE, password="another password")
    assert "needs a password" in (await client.get(f"/share/{link.token}")).text


@pytest.mark.parametrize("password", ["x" * 10_000, "", "\0", "é" * 900])
async def test_odd_passwords_are_refused(site: Site, shop: Property, password: str) -> None:
    link = a_link(site, shop, password=LINK_PASSWORD)
    answer = await reader(site).post(f"/share/{link.token}/password", data={"password": password})
    assert answer.status_code in {303, 422}
    assert "set-cookie" not in answer.headers


async def test_guessing_a_password_is_limited_by_address_and_link(site: Site, shop: Property) -> None:
    link, client = a_link(site, shop, password=LINK_PASSWORD), reader(site)
    texts = []
    for _ in range(11):
        post = f"/share/{link.token}/password"
        texts.append((await client.post(post, data={"password": "guess"}, follow_redirects=True)).text)
    assert "Too many attempts" in texts[-1]
    assert "Too many attempts" not in texts[-2]


async def test_a_password_form_takes_no_redirect_and_no_cross_origin_post(site: Site, shop: Property) -> None:
    link, client = a_link(site, shop, password=LINK_PASSWORD), reader(site)
    post = f"/share/{link.token}/password"
    forged = await client.post(post, data={"password": LINK_PASSWORD}, headers={"origin": "https://evil.example"})
    assert forged.status_code == 403
    odd = await client.post(post, data={"password": LINK_PASSWORD, "query": "a=b\r\nX-Evil: 1", "embed": "//evil"})
    assert odd.headers["location"] == f"/embed/{link.token}"


# Open pages

CHANGES: dict[str, dict[str, Any]] = {
    "password": {"password": LINK_PASSWORD},
    "segment": {"segment": "Germany"},
    "tiles": {"tiles": ["pages"]},
    "keys": {"shows_data_keys": False},
}


@pytest.mark.parametrize("change", ["revoked", "expired", "segment gone", "property deleted", *CHANGES])
async def test_an_open_page_ends_when_its_link_grants_less(
    site: Site, shop: Property, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = site.services.database
    segment = "Germany" if change == "segment gone" else None
    link = a_link(site, shop, segment=segment, expires_at=utc_now() + timedelta(days=1))
    page = await browser_of(site).open(f"/share/{link.token}")
    await page_access.end_pages(site.services)
    assert not page.is_deleted
    match change:
        case "revoked":
            share_links.revoke(database, shop.id, link.id, COMMAND_LINE)
        case "expired":
            with database.write_transaction() as session:
                session.merge(ShareLink(**{**link.model_dump(), "expires_at": utc_now() - timedelta(seconds=1)}))
        case "segment gone":
            update_settings(database, shop.id, segments=[])
        case "property deleted":
            delete_property(database, shop.id)
        case _:
            share_links.change(database, shop.id, link.id, COMMAND_LINE, **CHANGES[change])
    await page_access.end_pages(site.services)
    assert page.is_deleted


async def test_a_page_of_a_link_shows_no_more_to_its_owner(site: Site, shop: Property, ada: User) -> None:
    link = a_link(site, shop, segment="Germany")
    client = live(reader(site, ada))
    text = (await client.get(f"/share/{link.token}")).text
    assert re.search(r'"text":"4"|>4<', text)
    assert "/settings" not in text
    assert "Custom cards" not in text


# The panel in the settings


async def test_owners_create_change_and_revoke_links_in_the_settings(site: Site, shop: Property, ada: User) -> None:
    browser = browser_of(site, ada)
    await browser.open(f"/properties/{shop.id}/settings")
    await browser.should_see("No share links yet.")
    press(browser, "New link")
    await browser.should_see("New share link")
    press(browser, "Create")
    await browser.should_see("Unnamed link", retries=20)
    (link,) = share_links.list_links(site.services.database, shop.id)
    await browser.should_see(f"{HOME}/share/{link.token}")
    assert link.created_by == ada.id
    press(browser, "Revoke")
    await browser.should_see("Revoke Unnamed link?")
    press_last(browser, "Revoke")
    await browser.should_see("No share links yet.", retries=20)
    assert share_links.list_links(site.services.database, shop.id) == []


async def test_editors_do_not_see_share_links(site: Site, shop: Property) -> None:
    database = site.services.database
    bob = a_user(database, "bob@example.com")
    access.grant(database, shop.id, bob.id, PropertyRole.EDITOR)
    link = a_link(site, shop)
    browser = browser_of(site, bob)
    await browser.open(f"/properties/{shop.id}/settings")
    await browser.should_not_see("New link")
    await browser.should_not_see(link.token)
