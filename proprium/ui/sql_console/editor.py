"""SQL editor: CodeMirror with syntax highlighting, a run shortcut and an error mark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.errors import SqlRefused
from proprium.i18n import gettext as _

_WORD_OR_CHARACTER = re.compile(r"\w+|.", re.DOTALL)


class SqlEditor:
    """Code editor for SQL; Ctrl+Enter (⌘+Enter) runs the query."""

    def __init__(self, sql: str, on_run: Callable[[], Any]) -> None:
        self._codemirror = ui.codemirror(
            sql,
            language="SQL",
            theme="githubLight",
            indent="  ",
            line_wrapping=True,
            keymap={"Mod-Enter": on_run},
        ).classes("sqleditor")
        # The field is CodeMirror's own element inside, which exists once the component is mounted.
        name = json.dumps(_("SQL query"))
        self._codemirror.props[":onVnodeMounted"] = (
            f"(node) => setTimeout(() => node.el.querySelector('.cm-content')?.setAttribute('aria-label', {name}), 300)"
        )

    @property
    def id(self) -> int:
        return self._codemirror.id

    @property
    def sql(self) -> str:
        return str(self._codemirror.value or "")

    def show(self, sql: str) -> None:
        self._codemirror.set_value(sql)
        self.clear_error_mark()

    def set_theme(self, is_dark: bool) -> None:
        self._codemirror.set_theme("githubDark" if is_dark else "githubLight")

    def mark_error(self, error: SqlRefused) -> None:
        """Underlines the word at the error's position, which may be unknown or at the end of the text."""
        if error.line is None or error.column is None:
            return
        sql = self.sql
        line_start = sum(len(line) for line in sql.splitlines(keepends=True)[: error.line - 1])
        if word := _WORD_OR_CHARACTER.match(sql, line_start + error.column - 1):
            mark = {"kind": "mark", "from": word.start(), "to": word.end(), "class": "sqlwrong"}
            self._codemirror.decorations = [mark]

    def clear_error_mark(self) -> None:
        if self._codemirror.decorations:
            self._codemirror.decorations = []
