"""Controls: icons, buttons, link buttons, copy buttons, menu items and tabs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.text import span

ClickHandler = Callable[..., Any]


def icon(name: str, classes: str = "") -> Element:
    """Builds an icon of assets/css/icons.css in the current text colour; hidden from screen readers."""
    return ui.element("i").classes(f"icon i-{name} {classes}").props('aria-hidden="true"')


def button(
    label: str = "",
    icon_name: str = "",
    *,
    on_click: ClickHandler | None = None,
    kind: str = "",
    name: str = "",
    is_submit: bool = False,
) -> Element:
    """Builds a plain <button>; without a label it needs a `name`.

    `kind`: theme.PRIMARY, DANGER, BARE, joined by spaces. `name` is the accessible name (aria-label).
    """
    element = ui.element("button").classes(f"{theme.BUTTON} {kind}")
    element.props(f'type="{"submit" if is_submit else "button"}"')
    _fill_button(element, label, icon_name, name)
    if on_click is not None:
        element.on("click", on_click)
    return element


def link_button(
    label: str, href: str, icon_name: str = "", *, kind: str = "", name: str = "", opens_new_tab: bool = False
) -> Element:
    """Builds a link that looks like a button."""
    element = ui.element("a").classes(f"{theme.BUTTON} {kind}")
    element.props["href"] = href
    if opens_new_tab:
        element.props('target="_blank" rel="noopener"')
    _fill_button(element, label, icon_name, name)
    return element


def _fill_button(element: Element, label: str, icon_name: str, name: str) -> None:
    if name:
        element.props["aria-label"] = name
    if not label:
        element.classes(theme.ICON_ONLY)
    with element:
        if icon_name:
            icon(icon_name)
        if label:
            span(label)


def copy_button(text: str) -> Element:
    """Builds a button that copies `text` in the browser, without the server, and confirms with "Copied"."""
    element = button(_("Copy"), "copy", name=_("Copy to the clipboard"))
    # navigator.clipboard is missing on plain HTTP: fall back to a temporary field and execCommand.
    element.on(
        "click",
        js_handler=f"""async (e) => {{
            const text = {json.dumps(text)}, button = e.currentTarget;
            const label = button.lastElementChild, was = label.textContent;
            const byField = () => {{
                const field = Object.assign(document.createElement('textarea'), {{value: text}});
                button.append(field); field.select(); document.execCommand('copy'); field.remove();
            }};
            try {{ await navigator.clipboard.writeText(text); }} catch {{ byField(); }}
            label.textContent = {json.dumps(_("Copied"))};
            setTimeout(() => {{ label.textContent = was; }}, 1600);
        }}""",
    )
    return element


def menu_item(label: str, icon_name: str = "", *, on_click: ClickHandler | None = None, kind: str = "") -> Element:
    """Builds an entry of a ui.menu(); arrow keys move between them (`layout.MENU_KEYS_SCRIPT`)."""
    element = ui.menu_item(on_click=on_click).classes(kind).props('role="menuitem"')
    with element:
        if icon_name:
            icon(icon_name)
        span(label)
    return element


def menu_link(label: str, href: str, icon_name: str = "", *, kind: str = "") -> Element:
    """Builds an entry of a ui.menu() that is a link: it can be opened in another tab, and its address copied."""
    element = ui.menu_item().classes(kind).props('role="menuitem"')
    element.props["href"] = href
    with element:
        if icon_name:
            icon(icon_name)
        span(label)
    return element


def tabs(options: Sequence[tuple[str, str]], active: str, on_change: Callable[[str], Any], *, name: str) -> Element:
    """Builds tabs for a card's head from `options` (key, label).

    A click marks its tab as active at once, then calls `on_change(key)`.
    """
    with ui.element("div").classes(theme.TABS).props('role="tablist"') as group:
        group.props["aria-label"] = name
        buttons: dict[str, Element] = {}
        for key, label in options:
            buttons[key] = ui.element("button").props('type="button" role="tab"')
            with buttons[key]:
                span(label)

    def mark_active(active_key: str) -> None:
        for key, element in buttons.items():
            is_active = key == active_key
            element.classes(add=theme.ON if is_active else None, remove=None if is_active else theme.ON)
            element.props["aria-selected"] = "true" if is_active else "false"

    def select(key: str) -> Any:
        mark_active(key)
        return on_change(key)

    mark_active(active)
    for key, element in buttons.items():
        element.on("click", lambda event, key=key: select(key))
    return group
