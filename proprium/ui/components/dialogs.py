"""Dialogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.fields import text_input
from proprium.ui.components.text import words


@contextmanager
def dialog(title: str, *, wide: bool = False, size: str = "") -> Iterator[ui.dialog]:
    """A dialog with a title and ×; enters its body. Call `.open()` on it afterwards; it leaves the page when closed.

    `size` is "", "wide", "huge" (tables), or "side": a panel at the right edge, on a phone the whole screen.
    """
    box = ui.dialog()
    box.on("hide", box.delete)
    box.props["aria-label"] = title
    if size == "side":
        box.props("position=right full-height").classes("sidebox")
    with box, ui.element("div").classes(f"{theme.SHEET} {size or ('wide' if wide else '')}"):
        with ui.element("div").classes(theme.HEAD):
            words("h2", title, "t")
            button("", "close", name="Close", kind=theme.BARE, on_click=box.close)
        with ui.element("div").classes(f"{theme.BODY} {theme.STACK}"):
            yield box


def typed_confirmation(title: str, text: str, expected: str, action: str, on_confirm: Callable[[], Any]) -> None:
    """Asks to type `expected` before something that cannot be undone."""
    with dialog(title) as box:
        ui.label(text)
        typed = text_input(f"Type {expected} to confirm", placeholder=expected)
        with ui.element("div").classes("ft"):
            button("Cancel", on_click=box.close)
            confirm = button(action, "trash", kind=f"{theme.DANGER} {theme.PRIMARY}")

    async def act() -> None:
        if typed.value.strip() != expected:
            return
        box.close()
        result = on_confirm()
        if hasattr(result, "__await__"):
            await result

    def follow() -> None:
        confirm.props["disabled"] = typed.value.strip() != expected

    typed.on_value_change(follow)
    typed.on("keydown.enter", act)
    confirm.on("click", act)
    follow()
    box.open()
