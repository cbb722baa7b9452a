"""The smallest pieces of the dashboard: every byte of them is sent to everybody who looks."""

from __future__ import annotations

from nicegui.element import Element

# A row tells the server which of its values was pressed: one listener a list instead of one a row.
EMIT_PRESSED_ROW = """(event) => {
    const row = event.target.closest('button[data-value]');
    if (row) emit(row.dataset.value);
}"""


def switch_class(element: Element, name: str, is_on: bool) -> None:
    if (name in element.classes) is not is_on:
        element.classes(add=name if is_on else None, remove=None if is_on else name)


def set_prop(element: Element, name: str, value: object) -> None:
    """Sets an attribute; sends nothing when it is the same already."""
    if element.props.get(name) != value:
        element.props[name] = value


def set_style(element: Element, name: str, value: str) -> None:
    if element.style.get(name) != value:
        element.style[name] = value
