"""DOM helpers: set classes, attributes and styles, and send only changes to the browser."""

from __future__ import annotations

from nicegui.element import Element

# Emits the data-value of the pressed row: one listener per list instead of one per row. A row is a link: with a
# modifier key the browser opens it in another tab, and text that was selected by dragging over it stays selected.
EMIT_PRESSED_ROW = """(event) => {
    const row = event.target.closest('[data-value]'), selection = getSelection();
    if (!row || (row.href && (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey))) return;
    event.preventDefault();
    if (selection.isCollapsed || !row.contains(selection.anchorNode)) emit(row.dataset.value);
}"""

# Function of a Plotly event and a key: True for a mouse, and for a touch of what was touched before. The first touch
# only shows the tooltip: without a mouse there is no other way to read a value. Plotly reports one touch twice, as a
# touch and as the click that browsers make of it.
SECOND_TAP = """(event, key) => {
    const cause = event.event ?? {}, last = window.propriumTap ?? {}, now = performance.now();
    const isTouch = cause.pointerType === 'touch' || cause.sourceCapabilities?.firesTouchEvents
        || cause.type?.startsWith('touch') || matchMedia('(hover: none)').matches;
    if (!isTouch) return true;
    if (last.key === key && now - last.at < 400) return false;
    window.propriumTap = last.key === key ? {} : {key, at: now};
    return last.key === key;
}"""


def switch_class(element: Element, name: str, is_on: bool) -> None:
    """Adds or removes a CSS class."""
    if (name in element.classes) is not is_on:
        element.classes(add=name if is_on else None, remove=None if is_on else name)


def set_prop(element: Element, name: str, value: object) -> None:
    """Sets an attribute."""
    if element.props.get(name) != value:
        element.props[name] = value


def set_style(element: Element, name: str, value: str) -> None:
    """Sets one CSS property of the style attribute."""
    if element.style.get(name) != value:
        element.style[name] = value
