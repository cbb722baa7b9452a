"""Users of the server and people of a property: invited, given rights, removed, as their owners do it in a browser."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from nicegui import ui
from nicegui.testing import User as Browser
from sqlalchemy import func, select

from proprium.accounts import invitations, users
from proprium.accounts.audit import Action, AuditFilter, list_entries
from proprium.accounts.login_throttle import LIMIT_PER_ADDRESS
from proprium.errors import NotFound
from proprium.properties import access, service
from proprium.storage.tables import OutgoingMail, Property, PropertyRole, Role, User
from proprium.ui.components.invitations import deliver_invitation
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.http import page_access
from tests.support.builders import PASSWORD, a_property, a_user
from tests.support.mail_server import mail_server
from tests.ui.conftest import HOME, Site, mailer_of
from tests.ui.test_property_pages import has, press

ZOE = "zoe@example.com"
LINK = re.compile(r"http://localhost:8000(/invitation\?token=\S+)")


@pytest.fixture
def eve(site: Site) -> User:
    return a_user(site.services.database, "eve@example.com", Role.OWNER, name="Eve")


def named(browser: Browser, kind: type[Any], name: str) -> Any:
    """The newest field of a kind with this accessible name."""
    fields = [each for each in browser.find(kind).elements if each.props.get("aria-label") == name]
    return max(fields, key=lambda each: int(each.id))


def click(browser: Browser, name: str) -> None:
    """Presses the newest button with this accessible name."""
    assert browser.client is not None
    buttons = [each for each in browser.client.elements.values() if each.props.get("aria-label") == name]
    element = max(buttons, key=lambda each: each.id)
    for listener in list(element._event_listeners.values()):
        element._handle_event(
            {"id": element.id, "client_id": browser.client.id, "listener_id": listener.id, "args": {}}
        )


def shown_link(browser: Browser) -> str:
    assert browser.client is not None
    texts = [str(getattr(each, "text", "")) for each in browser.client.elements.values()]
    return next(match[1] for text in texts if (match := LINK.fullmatch(text)))


def exists(site: Site, email: str) -> bool:
    try:
        return bool(users.find(site.services.database, email))
    except NotFound:
        return False


async def accept(site: Site, link: str, password: str = PASSWORD) -> Any:
    token = parse_qs(urlsplit(link).query)["token"][0]
    return await site.client().post("/auth/invitation", data={"token": token, "name": "Zoe", "password": password})


async def test_an_owner_invites_and_the_link_makes_the_account_once(site: Site, eve: User) -> None:
    database = site.services.database
    shops = [a_property(database, f"Shop {number}", eve) for number in range(3)]
    browser = site.browser(eve)
    await browser.open("/settings/users")
    press(browser, "Invite")
    await has(browser, "Invite a user")
    named(browser, ui.input, "E-mail").value = ZOE
    next(each for each in browser.find(ui.checkbox).elements if each.text == "Shop 1").value = True
    named(browser, ui.select, "Role on Shop 1").value = "editor"
    buttons = [each for each in browser.find("Invite").elements if getattr(each, "text", "") == "Invite"]
    submit = max(buttons, key=lambda each: each.id).parent_slot.parent  # type: ignore[union-attr]
    listener = next(iter(submit._event_listeners))
    assert browser.client is not None
    submit._handle_event({"id": submit.id, "client_id": browser.client.id, "listener_id": listener, "args": {}})
    await has(browser, f"Send this link to {ZOE}")
    link = shown_link(browser)
    await has(browser, "Open invitations")
    page = await site.client().get(link)
    assert (page.status_code, ZOE in page.text) == (200, True)
    answer = await accept(site, link, "short")
    assert answer.headers["location"].startswith(link.partition("?")[0])
    answer = await accept(site, link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/properties")
    assert "proprium_session=" in answer.headers["set-cookie"]
    zoe = users.find(database, ZOE)
    assert [zoe.role_on(shop.id) for shop in shops] == [None, PropertyRole.EDITOR, None]
    used, unknown = await site.client().get(link), await site.client().get("/invitation?token=unknown")
    assert used.status_code == unknown.status_code == 404
    assert used.text.replace(link.partition("=")[2], "") == unknown.text.replace("unknown", "")
    assert (await accept(site, link)).status_code == 404


async def test_an_invitation_is_sent_where_a_mail_server_is_set(site: Site, eve: User) -> None:
    with mail_server() as mail:
        object.__setattr__(site.services, "mail", mailer_of(site, f"smtp://localhost:{mail.port}"))
        browser = site.browser(eve)
        await browser.open("/settings/users")
        with browser:
            token = invitations.invite(site.services.database, ZOE, sender=eve)
            deliver_invitation(site.services, f"{HOME}/invitation?token={token}", ZOE)
        await has(browser, f"The link was sent to {ZOE}")
        for _ in range(100):
            if has_due(site):
                break
            await asyncio.sleep(0.02)
        await site.services.mail.send_due()
        [text] = mail.texts
    assert f"{HOME}/invitation?token={token}" in text
    assert "Eve invites you" in text


def has_due(site: Site) -> bool:
    with site.services.database.session() as session:
        return session.scalar(select(func.count()).select_from(OutgoingMail)) == 1


async def test_guessing_invitations_is_slowed_down(site: Site) -> None:
    transport = httpx.ASGITransport(site.app, raise_app_exceptions=False, client=("198.51.100.99", 1))  # type: ignore[arg-type]
    client = httpx.AsyncClient(transport=transport, base_url=HOME, headers={"accept": "text/html"})
    form = {"token": "x", "name": "", "password": PASSWORD}
    statuses = [
        (await client.post("/auth/invitation", data=form)).status_code for _ in range(LIMIT_PER_ADDRESS.amount + 1)
    ]
    assert statuses == [404] * LIMIT_PER_ADDRESS.amount + [303]  # back to the form, which says to wait
    await client.aclose()


async def test_roles_are_changed_and_the_last_owner_stays(site: Site, eve: User) -> None:
    database = site.services.database
    ada = a_user(database)
    browser = site.browser(eve)
    await browser.open("/settings/users")
    named(browser, ui.select, f"Role of {ada.email}").value = "guest"
    await has(browser, "Saved.")
    assert users.find(database, ada.email).may_create_properties is False
    await asyncio.sleep(0.2)  # until the list is drawn again
    named(browser, ui.select, f"Role of {eve.email}").value = "member"
    await has(browser, "eve@example.com is the only owner")
    await asyncio.sleep(0.2)
    assert named(browser, ui.select, f"Role of {eve.email}").value == "owner"
    named(browser, ui.select, f"Role of {ada.email}").value = "owner"
    await asyncio.sleep(0.2)
    assert users.find(database, ada.email).role == Role.OWNER


@pytest.mark.parametrize("hand_over_to", ["", "bob@example.com"])
async def test_who_is_removed_leaves_or_hands_over_their_properties(site: Site, eve: User, hand_over_to: str) -> None:
    database = site.services.database
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    shop = a_property(database, "Shop", ada)
    page = site.browser(ada)
    open_page = await page.open("/account")
    browser = site.browser(eve)
    await browser.open("/settings/users")
    click(browser, f"Remove {ada.email}")
    await has(browser, "Their 1 property goes to")
    named(browser, ui.select, "Their 1 property goes to").value = hand_over_to
    removes = [each for each in browser.find("Remove").elements if getattr(each, "text", "") == "Remove"]
    button = max(removes, key=lambda each: each.id).parent_slot.parent  # type: ignore[union-attr]
    listener = next(iter(button._event_listeners))
    assert browser.client is not None
    button._handle_event({"id": button.id, "client_id": browser.client.id, "listener_id": listener, "args": {}})
    for _ in range(100):
        if not exists(site, ada.email):
            break
        await asyncio.sleep(0.05)
    await has(browser, f"{ada.email} is removed")
    assert not exists(site, ada.email)
    assert service.find_any(database, shop.id).owner_id == (bob.id if hand_over_to else None)
    assert not page_access.is_allowed(open_page)


async def test_a_page_of_an_owner_does_nothing_once_they_are_a_member(
    site: Site, eve: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handlers ask for themselves as well, should the page still be there."""
    database = site.services.database
    a_user(database, "root@example.com", Role.OWNER)
    ada = a_user(database)
    browser = site.browser(eve)
    await browser.open("/settings/users")
    monkeypatch.setattr(page_access, "is_allowed", lambda *_, **__: True)
    users.set_role(database, eve.id, Role.MEMBER)
    named(browser, ui.select, f"Role of {ada.email}").value = "owner"
    await has(browser, "Only owners of this server can do that.")
    assert users.find(database, ada.email).role == Role.MEMBER


# People of one property


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database)


@pytest.fixture
def shop(site: Site, ada: User) -> Property:
    return a_property(site.services.database, "Shop", ada)


async def test_an_owner_of_a_property_adds_invites_and_removes_people(site: Site, ada: User, shop: Property) -> None:
    database = site.services.database
    bob = a_user(database, "bob@example.com")
    browser = site.browser(ada)
    await browser.open(f"/properties/{shop.id}/settings")
    named(browser, ui.input, "E-mail").value = bob.email
    click(browser, "Add to this property")
    await has(browser, f"{bob.email} has access now")
    named(browser, ui.select, f"Role of {bob.email}").value = "editor"
    await has(browser, "Saved.")
    assert users.find(database, bob.email).role_on(shop.id) == PropertyRole.EDITOR
    named(browser, ui.input, "E-mail").value = ZOE
    click(browser, "Add to this property")
    await has(browser, f"{ZOE} is invited")
    link = shown_link(browser)
    assert (await accept(site, link)).status_code == 303
    zoe = users.find(database, ZOE)
    assert (zoe.role, zoe.may_create_properties) == (Role.MEMBER, False)
    assert zoe.role_on(shop.id) == PropertyRole.VIEWER
    click(browser, f"Remove {bob.email}")
    await has(browser, f"{bob.email} has no access any more")
    assert users.find(database, bob.email).role_on(shop.id) is None


async def test_an_invitation_to_a_property_is_revoked_there(site: Site, ada: User, shop: Property) -> None:
    database = site.services.database
    invitations.invite(database, ZOE, roles={shop.id: PropertyRole.VIEWER}, sender=ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{shop.id}/settings")
    click(browser, f"Revoke the invitation of {ZOE}")
    await has(browser, f"The invitation of {ZOE} is revoked")
    assert invitations.list_open(database) == []


async def test_a_transfer_is_confirmed_by_the_name(site: Site, ada: User, shop: Property) -> None:
    database = site.services.database
    bob = a_user(database, "bob@example.com")
    browser = site.browser(ada)
    await browser.open(f"/properties/{shop.id}/settings")
    click(browser, "Transfer the property")
    await has(browser, "Transfer Shop?")
    named(browser, ui.input, "E-mail of the new owner").value = bob.email
    press(browser, "Transfer")
    assert service.find_any(database, shop.id).owner_id == ada.id
    named(browser, ui.input, "Type Shop to confirm").value = "Shop"
    press(browser, "Transfer")
    await has(browser, f"Shop belongs to {bob.email} now")
    assert service.find_any(database, shop.id).owner_id == bob.id


OWN_PANELS = ("People", "Danger zone", "Public data keys", "Audit log")


@pytest.mark.parametrize(("role", "is_shown"), [(PropertyRole.OWNER, True), (PropertyRole.EDITOR, False)])
async def test_editors_are_not_offered_what_only_owners_do(
    site: Site, ada: User, shop: Property, role: PropertyRole, is_shown: bool
) -> None:
    bob = a_user(site.services.database, "bob@example.com")
    access.grant(site.services.database, shop.id, bob.id, role)
    browser = site.browser(bob)
    await browser.open(f"/properties/{shop.id}/settings")
    await browser.should_see("Goals")
    assert browser.client is not None
    texts = {getattr(each, "text", "") for each in browser.client.elements.values()}
    assert {panel for panel in (*OWN_PANELS, "Public") if panel in texts} == (
        {*OWN_PANELS, "Public"} if is_shown else set()
    )
    await browser.open("/properties")
    texts = {getattr(each, "text", "") for each in browser.client.elements.values()}
    assert ({"Make public", "Delete"} <= texts) is is_shown
    await browser.open(f"/properties/{shop.id}")
    texts = {getattr(each, "text", "") for each in browser.client.elements.values()}
    assert "Settings" in texts
    assert ({"Make public", "Delete …"} <= texts) is is_shown


async def test_editors_save_settings_but_neither_publish_nor_delete(site: Site, ada: User, shop: Property) -> None:
    database = site.services.database
    bob = a_user(database, "bob@example.com")
    access.grant(database, shop.id, bob.id, PropertyRole.EDITOR)
    browser = site.browser(bob)
    client = await browser.open(f"/properties/{shop.id}/settings")
    with client:
        actions = PropertyActions(site.services)
        assert await actions.update(shop.id, session_gap_min=45) is not None
        assert await actions.update(shop.id, goals=[]) is not None
        assert await actions.update(shop.id, is_public=True) is None
        assert await actions.update(shop.id, name="Mine", public_data_keys=["plan"]) is None
        assert await actions.publish_key(shop.id, "plan", True) is None
        actions.delete(shop, lambda property_: None)
        actions.reset(shop, lambda property_: None)
    for label in ("Delete permanently", "Delete all events"):
        field = max(
            (each for each in browser.find(ui.input).elements if each.props.get("placeholder") == "Shop"),
            key=lambda each: each.id,
        )
        field.value = "Shop"
        press(browser, label)
        await has(browser, f"No property {shop.id}")
    stored = service.find_any(database, shop.id)
    assert (stored.name, stored.is_public, stored.public_data_keys) == ("Shop", False, [])
    actions_taken = [entry.action for entry in list_entries(database, AuditFilter(property_id=shop.id))]
    assert not {Action.PROPERTY_DELETED, Action.PROPERTY_RESET} & set(actions_taken)
    assert (await site.client(bob).get(f"/properties/{shop.id}/audit")).status_code == 404
    assert (await site.client(bob).get(f"/properties/{shop.id}/audit.csv")).status_code == 404
