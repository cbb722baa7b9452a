"""Feedback: loading skeletons, empty states, notes, toasts and flash messages."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from proprium.ui import flash, theme
from proprium.ui.components.controls import icon


def skeleton(height: int, classes: str = "") -> Element:
    """Builds a loading placeholder of `height` pixels."""
    return (
        ui.element("div")
        .classes(f"{theme.SKELETON} {classes}")
        .style(f"height: {height}px; width: 100%")
        .props('aria-hidden="true"')
    )


def empty_state(title: str, text: str = "", icon_name: str = "chart") -> Element:
    """Builds an empty state: what is missing and how to get it. Enter it to add a button below."""
    with ui.element("div").classes(theme.BLANK) as element:
        icon(icon_name)
        ui.label(title).classes("t")
        if text:
            ui.label(text).classes(theme.SMALL)
    return element


def note(text: str, kind: str = "", icon_name: str = "") -> Element:
    """Builds a message in a coloured box; `kind` is "", "good", "warn" or "bad" (an alert)."""
    with (
        ui.element("div")
        .classes(f"{theme.NOTE} {kind}")
        .props(f'role="{"alert" if kind == "bad" else "status"}"') as element
    ):
        icon(icon_name or {"good": "check", "warn": "warn", "bad": "warn"}.get(kind, "info"))
        ui.label(text)
    return element


def error_note(text: str) -> Element:
    """Builds an error message that stays in its tile and says what to do."""
    return note(text, "bad")


def toast(text: str, kind: str = "") -> None:
    """Shows a message for 4 s, or 8 s with a `kind`; `kind` "bad" marks an error."""
    ui.notify(text, position="bottom", classes=kind, multi_line=True, timeout=8000 if kind else 4000)


def show_flash(key: str) -> None:
    """Shows the flash message of `key`, the answer to the form that redirected here, if there is one."""
    if key and (flash_message := flash.pop(key)):
        note(flash_message.text, flash_message.kind)
