"""What stands where numbers will be, or cannot be."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from proprium.ui import theme
from proprium.ui.components import flash
from proprium.ui.components.controls import icon


def skeleton(height: int, classes: str = "") -> Element:
    """A grey shimmer of `height` pixels until the numbers arrive."""
    return (
        ui.element("div")
        .classes(f"{theme.SKELETON} {classes}")
        .style(f"height: {height}px; width: 100%")
        .props('aria-hidden="true"')
    )


def empty_state(title: str, text: str = "", icon_name: str = "chart") -> Element:
    """Says what is missing and how to get it. Enter it to add a button below."""
    with ui.element("div").classes(theme.BLANK) as element:
        icon(icon_name)
        ui.label(title).classes("t")
        if text:
            ui.label(text).classes(theme.SMALL)
    return element


def note(text: str, kind: str = "", icon_name: str = "") -> Element:
    """A sentence in a coloured box; `kind` is "", "good", "warn" or "bad"."""
    with (
        ui.element("div")
        .classes(f"{theme.NOTE} {kind}")
        .props(f'role="{"alert" if kind == "bad" else "status"}"') as element
    ):
        icon(icon_name or {"good": "check", "warn": "warn", "bad": "warn"}.get(kind, "info"))
        ui.label(text)
    return element


def error_note(text: str) -> Element:
    """An error that stays in its tile and says what to do."""
    return note(text, "bad")


def toast(text: str, kind: str = "") -> None:
    """A sentence that goes away by itself; `kind` "bad" for what did not work."""
    ui.notify(text, position="bottom", classes=kind, multi_line=True, timeout=8000 if kind else 4000)


def show_flash(key: str) -> None:
    """What the form that led here was answered, if anything."""
    if key and (flash_message := flash.pop(key)):
        note(flash_message.text, flash_message.kind)
