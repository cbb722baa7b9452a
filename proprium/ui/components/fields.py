"""Form fields: native inputs for posted forms, NiceGUI inputs for pages over the WebSocket. Both look the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element

from proprium.ui import theme
from proprium.ui.components.text import span, text


@contextmanager
def field(label: str, help_text: str = "", *, input_id: str = "") -> Iterator[Element]:
    """Puts a label above the field that is built inside, and help text below; `input_id` is a native field's id."""
    with ui.element("div").classes(theme.FIELD) as box:
        caption = text("label" if input_id else "div", label, "lab")
        if input_id:
            caption.props["for"] = input_id
        yield box
        if help_text:
            ui.label(help_text).classes("why")


@contextmanager
def post_form(action: str, classes: str = f"{theme.STACK} wide") -> Iterator[Element]:
    """Builds a form that the browser posts itself, so that the response can set a cookie."""
    with ui.element("form").classes(classes) as form:
        form.props.update({"method": "post", "action": action})
        yield form


def hidden_input(name: str, value: str, *, autocomplete: str = "") -> None:
    """Builds a hidden field of a posted form."""
    element = ui.element("input").props('type="hidden"')
    element.props.update({"name": name, "value": value})
    if autocomplete:  # password managers read the account's name from it
        element.props["autocomplete"] = autocomplete


def native_input(
    label: str,
    name: str,
    *,
    input_type: str = "text",
    value: str = "",
    autocomplete: str = "off",
    help_text: str = "",
    is_required: bool = True,
    **attributes: str,
) -> Element:
    """Builds a labelled <input> of a posted form."""
    with field(label, help_text, input_id=f"field-{name}"):
        element = ui.element("input").classes(theme.INPUT)
        element.props.update(
            {"id": f"field-{name}", "name": name, "type": input_type, "autocomplete": autocomplete, **attributes}
        )
        if value:
            element.props["value"] = value
        if is_required:
            element.props["required"] = True
    return element


def checkbox(label: str, name: str, *, is_checked: bool = False, help_text: str = "") -> Element:
    """Builds a check box of a posted form; its value is "yes"."""
    with ui.element("label").classes("tick"):
        element = ui.element("input")
        element.props.update({"type": "checkbox", "name": name, "value": "yes", "checked": is_checked})
        with ui.element("span"):
            span(label, "strong")
            if help_text:
                span(help_text, f"{theme.MUTED} {theme.SMALL}").style("display: block")
    return element


def text_input(
    label: str, *, value: str = "", placeholder: str = "", help_text: str = "", autofocus: bool = False
) -> ui.input:
    """Builds a labelled text field over the WebSocket."""
    with field(label, help_text):
        element = ui.input(value=value, placeholder=placeholder).props("outlined dense hide-bottom-space")
        element.props["aria-label"] = label
        if autofocus:
            element.props("autofocus")
    return element


def select(
    label: str, options: Mapping[str, str], value: str, *, help_text: str = "", is_searchable: bool = False
) -> ui.select:
    """Builds a labelled select of `options` (key → label) over the WebSocket."""
    with field(label, help_text):
        element = ui.select(dict(options), value=value, with_input=is_searchable).props(
            "outlined dense options-dense hide-bottom-space"
        )
        element.props["aria-label"] = label
    return element


def compact_select(name: str, options: Mapping[str, str], value: str) -> ui.select:
    """Builds a searchable select for a toolbar; `name` is its accessible name instead of a visible label."""
    element = ui.select(dict(options), value=value, with_input=True)
    element.props("outlined dense options-dense hide-bottom-space")
    element.props["aria-label"] = name
    return element


def row_select(name: str, options: Mapping[str, str], value: str) -> ui.select:
    """Builds a select for a table's row or a line of fields; `name` is its accessible name."""
    element = ui.select(dict(options), value=value).classes("rowselect")
    element.props("outlined dense options-dense hide-bottom-space")
    element.props["aria-label"] = name
    return element


def text_area(label: str, lines: Sequence[str], *, placeholder: str = "", help_text: str = "") -> ui.textarea:
    """Builds a labelled text area of values, one per line, over the WebSocket."""
    with field(label, help_text):
        element = ui.textarea(value="\n".join(lines), placeholder=placeholder)
        element.props("outlined dense autogrow hide-bottom-space")
        element.props["aria-label"] = label
    return element


def integer_input(
    label: str, value: int, minimum: int, maximum: int, *, unit: str = "", help_text: str = ""
) -> ui.number:
    """Builds a labelled field for an integer; saving rejects values outside `minimum` and `maximum`."""
    with field(label, help_text):
        element = ui.number(value=value, min=minimum, max=maximum, step=1, precision=0, suffix=unit)
        element.props("outlined dense hide-bottom-space")
        element.props["aria-label"] = label
    return element


def switch(label: str, value: bool, *, help_text: str = "") -> ui.switch:
    """Builds an on/off switch over the WebSocket."""
    with ui.element("div").classes(theme.FIELD):
        element = ui.switch(label, value=value).props("dense")
        if help_text:
            ui.label(help_text).classes("why")
    return element
