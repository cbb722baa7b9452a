"""The settings form in a real browser: errors at their fields, and changes that are not lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.support.dashboard_browser import Server, until

STORED_DRAFT = "Object.entries(sessionStorage).find(([key]) => key.startsWith('draft'))?.[1]"


@pytest.fixture
def settings(page: Page, server: Server) -> Iterator[Page]:
    page.goto(f"{server.url}/properties/{server.facts['busy']}/settings")
    page.wait_for_function("window.draft !== undefined")
    yield page
    page.evaluate("""() => {
        for (const key of Object.keys(sessionStorage)) if (key.startsWith('draft')) sessionStorage.removeItem(key);
        draft.isChanged = false;
    }""")


def save_button(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("button", name="Save", exact=True)


def test_save_needs_a_change_and_discard_undoes_it(settings: Page) -> None:
    name = settings.get_by_label("Name", exact=True)
    expect(save_button(settings)).to_be_disabled()
    expect(settings.get_by_text("Discard changes")).to_be_hidden()
    name.fill("changed.example")
    expect(save_button(settings)).to_be_enabled()
    name.fill("busy.example")
    expect(save_button(settings)).to_be_disabled()
    name.fill("changed.example")
    settings.get_by_text("Discard changes").click()
    expect(name).to_have_value("busy.example")
    expect(save_button(settings)).to_be_disabled()


def test_every_invalid_field_says_what_is_wrong_and_nothing_is_saved(settings: Page) -> None:
    invalid = {
        "Name": ("", "name"),
        "Hostnames": ("not a host", "'not a host' is not a host name"),
        "Session timeout": ("", "must be 1 to 240 minutes, not 0"),
        "Excluded countries": ("Atlantis", "'Atlantis' is not a country"),
    }
    for label, (value, _message) in invalid.items():
        settings.get_by_label(label, exact=True).fill(value)
    save_button(settings).click()
    for label, (_value, message) in invalid.items():
        field = settings.locator(".field").filter(has=settings.get_by_label(label, exact=True))
        expect(field.locator(".q-field--error")).to_contain_text(message)
        expect(settings.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    expect(settings.locator(".q-field--error")).to_have_count(len(invalid))
    expect(settings.get_by_label("Name", exact=True)).to_be_focused()
    expect(settings.locator(".savebar")).to_contain_text("Not saved.")
    settings.get_by_label("Name", exact=True).fill("busy.example")
    expect(settings.locator(".q-field--error")).to_have_count(len(invalid) - 1)


def test_leaving_with_unsaved_changes_is_asked_about(settings: Page) -> None:
    dialogs: list[str] = []

    def stay(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.dismiss()

    settings.on("dialog", stay)
    settings.get_by_label("Name", exact=True).fill("changed.example")
    expect(save_button(settings)).to_be_enabled()
    settings.wait_for_function("draft.isChanged")
    settings.get_by_role("link", name="Dashboard").click()
    until(lambda: dialogs == ["beforeunload"])
    expect(settings).to_have_url(re.compile("/settings$"))
    settings.get_by_text("Discard changes").click()
    settings.wait_for_function("!draft.isChanged")
    settings.get_by_role("link", name="Dashboard").click()
    settings.wait_for_url(re.compile(r"/properties/[0-9a-f-]+$"))
    assert dialogs == ["beforeunload"]
    settings.go_back()
    settings.wait_for_function("window.draft !== undefined")


def test_what_was_typed_is_kept_when_a_lost_connection_reloads_the_page(settings: Page) -> None:
    dialogs: list[str] = []
    settings.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.accept()))
    settings.get_by_label("Hostnames", exact=True).fill("www.busy.example")
    settings.get_by_label("Session timeout", exact=True).fill("45")
    settings.wait_for_function(f"{STORED_DRAFT}?.includes('45')")
    settings.evaluate("draft.isConnectionLost = true; location.reload()")  # as NiceGUI does after a restart
    settings.wait_for_function("window.draft !== undefined")
    expect(settings.get_by_label("Hostnames", exact=True)).to_have_value("www.busy.example")
    expect(settings.get_by_label("Session timeout", exact=True)).to_have_value("45")
    expect(settings.locator(".savebar")).to_contain_text("Your unsaved changes were restored.")
    assert dialogs == []
    save_button(settings).click()
    expect(settings.get_by_text("Saved.")).to_be_visible()
    settings.wait_for_function(f"!{STORED_DRAFT}")


def test_public_in_the_settings_asks_too(settings: Page) -> None:
    settings.get_by_role("switch", name="Public").click()
    save_button(settings).click()
    dialog = settings.get_by_role("dialog")
    expect(dialog).to_contain_text("without an account")
    dialog.get_by_role("button", name="Cancel").click()
    expect(settings.locator(".q-dialog")).to_have_count(0)
    expect(save_button(settings)).to_be_enabled()


def test_the_goal_editor_names_the_field_of_each_trigger(settings: Page) -> None:
    settings.get_by_role("button", name="Add goal").click()
    dialog = settings.get_by_role("dialog")
    expect(dialog.locator(".lab", has_text="Event name")).to_be_visible()
    dialog.get_by_label("Trigger", exact=True).click()
    settings.get_by_role("option", name="Page view").click()
    expect(dialog.locator(".lab", has_text="Page path")).to_be_visible()
    expect(dialog.locator(".lab", has_text="Event name")).to_have_count(0)
    expect(dialog.get_by_label("Page path", exact=True)).to_have_attribute("placeholder", "/thanks*")
