"""What can be asked: tables, columns, types and their meaning; a click puts the name into the editor."""

from __future__ import annotations

from nicegui import ui

from proprium.sql_console.views import VIEWS, Field, View
from proprium.ui import theme
from proprium.ui.components.controls import icon
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span, words

# All in the browser: the editor is there, and so is the name.
INSERT = """(event) => {
    const name = event.target.closest('button[data-name]')?.dataset.name;
    const editor = name && getElement(%d).editor;
    if (!editor) return;
    editor.dispatch(editor.state.replaceSelection(name), {scrollIntoView: true});
    editor.focus();
}"""


def schema(editor_id: int) -> None:
    with panel("Tables", hint="A click inserts the name", body="schema") as box:
        box.body.on("click", js_handler=INSERT % editor_id)
        for at, view in enumerate(VIEWS):
            _table(view, is_open=at == 0)


def _table(view: View, *, is_open: bool) -> None:
    with ui.element("details") as box:
        box.props["open"] = is_open
        with ui.element("summary"):
            span(view.name, "mono strong")
            span(view.meaning, f"{theme.MUTED} {theme.SMALL}")
            icon("down", "small")
        with ui.element("div").classes("columns"):
            _name(view.name, "table", "Its name, as after FROM")
            for field in view.fields:
                _column(field)


def _column(field: Field) -> None:
    _name(field.name, field.type.lower(), field.meaning)


def _name(name: str, kind: str, meaning: str) -> None:
    with ui.element("button").props('type="button"') as row:
        row.props["data-name"] = name
        span(name, "mono strong")
        span(kind, f"{theme.MUTED} mono")
        words("span", meaning, f"{theme.MUTED} {theme.SMALL} means")
