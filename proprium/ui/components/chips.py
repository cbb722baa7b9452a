"""Chips for active filters, and tags (badges)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.ui import theme


def chip(
    label: str, *, on_click: Callable[..., Any] | None = None, on_remove: Callable[..., Any] | None = None
) -> Element:
    """Builds the chip of an active filter: a click on its text edits it, a click on × removes it."""
    with ui.element("span").classes(f"{theme.CHIP} {'off' if on_remove else ''}") as element:
        _chip_text(label, on_click)
        if on_remove:
            with ui.element("button").props('type="button"').on("click", on_remove) as remove_button:
                remove_button.props["aria-label"] = f"Remove {label}"
                ui.label("×")
    return element


def _chip_text(label: str, on_click: Callable[..., Any] | None) -> None:
    if on_click is None:
        ui.label(label).classes(theme.TRUNCATED)
        return
    with ui.element("button").props('type="button"').on("click", on_click):
        ui.label(label)


def tag(text: str, kind: str = "") -> ui.label:
    """Builds a badge; `kind` is "", "good" or "warn"."""
    return ui.label(text).classes(f"{theme.TAG} {kind}")
