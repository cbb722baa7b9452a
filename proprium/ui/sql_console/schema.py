"""Schema panel: tables, columns, types and their meaning; a click inserts a name into the editor."""

from __future__ import annotations

from nicegui import ui

from proprium.i18n import gettext as _
from proprium.sql_console.views import VIEWS
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
    with panel(_("Tables"), hint=_("Click to insert"), body_classes="schema") as box:
        box.body.on("click", js_handler=INSERT_SCRIPT % editor_id)
        for index, view in enumerate(VIEWS):
            with ui.element("details") as table:
                table.props["open"] = index == 0
                with ui.element("summary"):
                    span(view.name, "mono strong")
                    span(_(view.meaning), f"{theme.MUTED} {theme.SMALL}")
                    icon("down", "small")
                with ui.element("div").classes("columns"):
                    _build_name_button(view.name, _("table"), _("Table name, e.g. after FROM"))
                    for column in view.columns:
                        _build_name_button(column.name, column.type.lower(), _(column.meaning))


def _build_name_button(name: str, type_name: str, meaning: str) -> None:
    with ui.element("button").props('type="button"') as row:
        row.props["data-name"] = name
        span(name, "mono strong")
        span(type_name, f"{theme.MUTED} mono")
        text("span", meaning, f"{theme.MUTED} {theme.SMALL} means")
