"""Pieces of a dashboard: ranked rows, chips, changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.ui import theme


def ranked_row(
    label: str,
    count: str,
    share: str,
    width_percent: float,
    *,
    flag: str = "",
    on_click: Callable[..., Any] | None = None,
) -> Element:
    """One row with a bar behind its label. `flag` is the address of a picture. All texts are shown as they are."""
    element = ui.element("button" if on_click else "div").classes(theme.ROW)
    with element:
        ui.element("span").classes("b").style(f"width: {max(1.5, min(100.0, width_percent)):.1f}%")
        if flag:
            picture = ui.element("img").classes("flag").props('alt="" loading="lazy"')
            picture.props["src"] = flag
        name = ui.label(label).classes("n")
        name.props["title"] = label
        ui.label(count).classes("c")
        ui.label(share).classes("p")
    if on_click:
        element.props('type="button"').on("click", on_click)
    return element


def chip(
    label: str, *, on_click: Callable[..., Any] | None = None, on_remove: Callable[..., Any] | None = None
) -> Element:
    """A filter that is set: its text can be pressed (edit), its × removes it."""
    with ui.element("span").classes(f"{theme.CHIP} {'off' if on_remove else ''}") as element:
        _chip_text(label, on_click)
        if on_remove:
            with ui.element("button").props('type="button"').on("click", on_remove) as remove:
                remove.props["aria-label"] = f"Remove {label}"
                ui.label("×")
    return element


def _chip_text(label: str, on_click: Callable[..., Any] | None) -> None:
    if on_click is None:
        ui.label(label).classes(theme.CUT)
        return
    with ui.element("button").props('type="button"').on("click", on_click):
        ui.label(label)


def delta(text: str, is_good: bool | None = None) -> ui.label:
    """A change against the compared period; None: neither good nor bad."""
    kind = {True: "up", False: "down", None: ""}[is_good]
    return ui.label(text).classes(f"{theme.DELTA} {kind}")


def tag(text: str, kind: str = "") -> ui.label:
    """A small word in a box; `kind` is "", "good" or "warn"."""
    return ui.label(text).classes(f"{theme.TAG} {kind}")
