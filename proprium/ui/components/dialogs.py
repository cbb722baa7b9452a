"""Modal dialogs, and the confirmation dialog for destructive actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.fields import text_input
from proprium.ui.components.text import text


@contextmanager
def dialog(title: str, *, is_wide: bool = False, size: str = "") -> Iterator[ui.dialog]:
    """Builds a dialog with a title and × and enters its body.

    Call `.open()` on it afterwards; the element is deleted when the dialog closes.

    `size` is "", "wide", "huge" (tables), or "side": a drawer at the right edge, full screen on a phone.
    """
    box = ui.dialog()
    box.on("hide", box.delete)
    box.props["aria-label"] = title
    if size == "side":
        box.props("position=right full-height").classes("sidebox")
    with box, ui.element("div").classes(f"{theme.SHEET} {size or ('wide' if is_wide else '')}"):
        with ui.element("div").classes(theme.HEAD):
            text("h2", title, "t")
            button("", "close", name=_("Close"), kind=theme.BARE, on_click=box.close)
        with ui.element("div").classes(f"{theme.BODY} {theme.STACK}"):
            yield box


def confirm_by_typing(title: str, text: str, expected: str, action_label: str, on_confirm: Callable[[], Any]) -> None:
    """Asks to type `expected` before an action that cannot be undone."""
    with dialog(title) as box:
        ui.label(text)
        confirmation_input = text_input(_("Type {name} to confirm", name=expected), placeholder=expected)
        with ui.element("div").classes("ft"):
            button(_("Cancel"), on_click=box.close)
            confirm_button = button(action_label, "trash", kind=f"{theme.DANGER} {theme.PRIMARY}")

    async def submit() -> None:
        if confirmation_input.value.strip() != expected:
            return
        box.close()
        result = on_confirm()
        if hasattr(result, "__await__"):
            await result

    def update_button() -> None:
        confirm_button.props["disabled"] = confirmation_input.value.strip() != expected

    confirmation_input.on_value_change(update_button)
    confirmation_input.on("keydown.enter", submit)
    confirm_button.on("click", submit)
    update_button()
    box.open()
