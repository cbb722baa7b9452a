"""Text elements: headings, and spans where HTML does not allow a <div>. Content is escaped, never read as HTML."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement


def text(tag: str, text: str, classes: str = "") -> TextElement:
    """Builds an element `tag` with `text` as plain text."""
    return TextElement(tag=tag, text=text).classes(classes)


def span(content: str, classes: str = "") -> TextElement:
    return text("span", content, classes)


def title(content: str, classes: str = "") -> TextElement:
    """Builds the page's only <h1>."""
    return text("h1", content, classes)
