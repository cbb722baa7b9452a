"""A dashboard is made public in a real browser: a question first, then a link and a confirmation."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.support.dashboard_browser import Server, shown, until


def is_public(server: Server) -> bool:
    headers = {"Accept": "text/html"}
    return httpx.get(f"{server.url}/properties/{server.facts['empty']}", headers=headers).status_code == 200


def test_make_public_asks_says_what_it_opens_and_gives_the_link(page: Page, server: Server) -> None:
    shown(page, server, which="empty")
    page.get_by_label("More", exact=True).click()
    page.get_by_text("Make public", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("without an account")
    expect(dialog.locator("pre")).to_have_text(f"{server.public_url}/properties/{server.facts['empty']}")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator(".q-dialog")).to_have_count(0)
    assert not is_public(server)
    page.get_by_label("More", exact=True).click()
    page.get_by_text("Make public", exact=True).click()
    dialog.get_by_role("button", name="Make public", exact=True).click()
    expect(page.locator(".q-notification")).to_contain_text("empty.example is public now")
    dialog = page.get_by_role("dialog", name="empty.example is public")  # the question is still fading out
    expect(dialog.get_by_text("Anyone with this link can view the dashboard:")).to_be_visible()
    expect(dialog.get_by_label("Copy to the clipboard")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    assert is_public(server)
    page.get_by_label("More", exact=True).click()
    page.get_by_text("Make private", exact=True).click()
    expect(page.locator(".q-notification").last).to_contain_text("empty.example is private now")
    until(lambda: not is_public(server))
