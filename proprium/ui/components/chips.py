"""Chips for active filters, and tags (badges)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.i18n import gettext as _
from proprium.ui import theme


def chip(
    label: str, *, on_click: Callable[..., Any] | None = None, on_remove: Callable[..., Any] | None = None
) -> Element:
    """Builds the chip of an active filter: a click on its text edits it, a click on × removes it."""
    with ui.element("span").classes(f"{theme.CHIP} {'off' if on_remove else ''}") as element:
        if on_click is None:
            ui.label(label).classes(theme.TRUNCATED)
        else:
            with ui.element("button").props('type="button"').on("click", on_click):
                ui.label(label)
        if on_remove:
            with ui.element("button").props('type="button"').on("click", on_remove) as remove_button:
                remove_button.props["aria-label"] = _("Remove {filter}", filter=label)
                ui.label("×")
    return element


def tag(text: str, kind: str = "") -> ui.label:
    """Builds a badge; `kind` is "", "good", "warn" or "bad"."""
    return ui.label(text).classes(f"{theme.TAG} {kind}")
