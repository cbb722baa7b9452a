"""Text in the element it belongs in: headings, and spans where a <div> may not stand."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement


def text(tag: str, text: str, classes: str = "") -> TextElement:
    """`text` is shown as it is, whoever wrote it."""
    return TextElement(tag=tag, text=text).classes(classes)


def span(content: str, classes: str = "") -> TextElement:
    return text("span", content, classes)


def title(content: str, classes: str = "") -> TextElement:
    """The one <h1> of a page."""
    return text("h1", content, classes)
