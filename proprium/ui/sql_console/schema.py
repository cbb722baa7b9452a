"""Schema panel: tables, columns, types and their meaning; a click inserts a name into the editor."""

from __future__ import annotations

from nicegui import ui

from proprium.sql_console.views import VIEWS, SqlColumn, SqlView
from proprium.ui import theme
from proprium.ui.components.controls import icon
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span, text

# Runs in the browser without a round trip, as both the editor and the name are there.
INSERT_SCRIPT = """(event) => {
    const name = event.target.closest('button[data-name]')?.dataset.name;
    const editor = name && getElement(%d).editor;
    if (!editor) return;
    editor.dispatch(editor.state.replaceSelection(name), {scrollIntoView: true});
    editor.focus();
}"""


def schema_panel(editor_id: int) -> None:
    with panel("Tables", hint="Click to insert", body_classes="schema") as box:
        box.body.on("click", js_handler=INSERT_SCRIPT % editor_id)
        for index, view in enumerate(VIEWS):
            _build_table(view, is_open=index == 0)


def _build_table(view: SqlView, *, is_open: bool) -> None:
    with ui.element("details") as box:
        box.props["open"] = is_open
        with ui.element("summary"):
            span(view.name, "mono strong")
            span(view.meaning, f"{theme.MUTED} {theme.SMALL}")
            icon("down", "small")
        with ui.element("div").classes("columns"):
            _build_name_button(view.name, "table", "Table name, e.g. after FROM")
            for field in view.columns:
                _build_column(field)


def _build_column(field: SqlColumn) -> None:
    _build_name_button(field.name, field.type.lower(), field.meaning)


def _build_name_button(name: str, type_name: str, meaning: str) -> None:
    with ui.element("button").props('type="button"') as row:
        row.props["data-name"] = name
        span(name, "mono strong")
        span(type_name, f"{theme.MUTED} mono")
        text("span", meaning, f"{theme.MUTED} {theme.SMALL} means")
