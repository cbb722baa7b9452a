"""Fields: native ones for forms that are posted, NiceGUI's for pages that talk over the socket. Both look the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element

from proprium.ui import theme
from proprium.ui.components.text import span, words


@contextmanager
def field(label: str, why: str = "", *, target: str = "") -> Iterator[Element]:
    """A label above whatever is put inside, the reason for asking below. `target` is the id of a native field."""
    with ui.element("div").classes(theme.FIELD) as box:
        caption = words("label" if target else "div", label, "lab")
        if target:
            caption.props["for"] = target
        yield box
        if why:
            ui.label(why).classes("why")


@contextmanager
def post_form(action: str, classes: str = f"{theme.STACK} wide") -> Iterator[Element]:
    """A form that the browser posts itself, so that its answer can set a cookie."""
    with ui.element("form").classes(classes) as form:
        form.props.update({"method": "post", "action": action})
        yield form


def hidden(name: str, value: str, *, autocomplete: str = "") -> None:
    """A field that nobody sees."""
    element = ui.element("input").props('type="hidden"')
    element.props.update({"name": name, "value": value})
    if autocomplete:  # password managers want to read the account's name
        element.props["autocomplete"] = autocomplete


def native_input(
    label: str,
    name: str,
    *,
    kind: str = "text",
    value: str = "",
    autocomplete: str = "off",
    why: str = "",
    required: bool = True,
    **attributes: str,
) -> Element:
    """An <input> of a form that the browser posts itself."""
    with field(label, why, target=f"field-{name}"):
        element = ui.element("input").classes(theme.INPUT)
        element.props.update(
            {"id": f"field-{name}", "name": name, "type": kind, "autocomplete": autocomplete, **attributes}
        )
        if value:
            element.props["value"] = value
        if required:
            element.props["required"] = True
    return element


def tick(label: str, name: str, *, checked: bool = False, why: str = "") -> Element:
    """A check box of a form that the browser posts itself; its value is "yes"."""
    with ui.element("label").classes("tick"):
        element = ui.element("input")
        element.props.update({"type": "checkbox", "name": name, "value": "yes", "checked": checked})
        with ui.element("span"):
            span(label, "strong")
            if why:
                span(why, f"{theme.MUTED} {theme.SMALL}").style("display: block")
    return element


def text_input(
    label: str, *, value: str = "", placeholder: str = "", why: str = "", autofocus: bool = False
) -> ui.input:
    """A text field that talks over the socket."""
    with field(label, why):
        element = ui.input(value=value, placeholder=placeholder).props("outlined dense hide-bottom-space")
        element.props["aria-label"] = label
        if autofocus:
            element.props("autofocus")
    return element


def select(label: str, options: Mapping[str, str], value: str, *, why: str = "", searchable: bool = False) -> ui.select:
    """A choice of `options` (key → label) that talks over the socket."""
    with field(label, why):
        element = ui.select(dict(options), value=value, with_input=searchable).props(
            "outlined dense options-dense hide-bottom-space"
        )
        element.props["aria-label"] = label
    return element


def bare_select(name: str, options: Mapping[str, str], value: str) -> ui.select:
    """A choice in a row of tools: its name is for those who cannot see what it is. What is typed finds an option."""
    element = ui.select(dict(options), value=value, with_input=True)
    element.props("outlined dense options-dense hide-bottom-space")
    element.props["aria-label"] = name
    return element


def text_area(label: str, lines: Sequence[str], *, placeholder: str = "", why: str = "") -> ui.textarea:
    """Values, one a line, over the socket."""
    with field(label, why):
        element = ui.textarea(value="\n".join(lines), placeholder=placeholder)
        element.props("outlined dense autogrow hide-bottom-space")
        element.props["aria-label"] = label
    return element


def whole_number(label: str, value: int, lowest: int, highest: int, *, unit: str = "", why: str = "") -> ui.number:
    """A number without a fraction, over the socket; what is outside is refused where it is saved."""
    with field(label, why):
        element = ui.number(value=value, min=lowest, max=highest, step=1, precision=0, suffix=unit)
        element.props("outlined dense hide-bottom-space")
        element.props["aria-label"] = label
    return element


def read_whole(element: ui.number) -> int:
    """Raises nothing: an emptied field is 0, and refused where that is outside."""
    return int(element.value or 0)


def switch(label: str, value: bool, *, why: str = "") -> ui.switch:
    """On or off, over the socket."""
    with ui.element("div").classes(theme.FIELD):
        element = ui.switch(label, value=value).props("dense")
        if why:
            ui.label(why).classes("why")
    return element
