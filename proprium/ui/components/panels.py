"""Panels: a card with a head and a body, and a code block with a copy button."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import copy_button
from proprium.ui.components.text import text


@dataclass(frozen=True)
class Panel:
    card: Element
    head: Element  # title at the left; elements added here go to the right
    title: TextElement
    body: Element


@contextmanager
def panel(
    title: str, *, hint: str = "", body_classes: str = theme.BODY, classes: str = "", heading_tag: str = "h2"
) -> Iterator[Panel]:
    """Builds a card and enters its body; `body_classes` may be theme.ROWS, for ranked rows."""
    with ui.element("section").classes(f"{theme.CARD} {classes}") as card:
        card.props["aria-label"] = title
        with ui.element("div").classes(theme.HEAD) as head:
            title_element = text(heading_tag, title, "t")
            if hint:
                ui.label(hint).classes("s")
        body_element = ui.element("div").classes(body_classes)
    with body_element:
        yield Panel(card=card, head=head, title=title_element, body=body_element)


def code(content: str, *, name: str = "") -> Element:
    """Builds a code block with a copy button; `name` is its accessible name."""
    with ui.element("div").classes(theme.CODE) as block:
        text("pre", content).props('tabindex="0" role="group"').props["aria-label"] = name or _("Code")
        copy_button(content)
    return block
