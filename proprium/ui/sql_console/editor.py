"""SQL editor: CodeMirror with syntax highlighting, a run shortcut and an error mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.errors import SqlRefused


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
        self._codemirror.props["aria-label"] = "SQL query"

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
        """Underlines the word at the error's position."""
        start = _offset(self.sql, error.line, error.column)
        if start is None:
            return
        end = start + max(1, len(_word_at(self.sql, start)))
        self._codemirror.decorations = [
            {"kind": "mark", "from": start, "to": min(end, len(self.sql)), "class": "sqlwrong"}
        ]

    def clear_error_mark(self) -> None:
        if self._codemirror.decorations:
            self._codemirror.decorations = []


def _offset(sql: str, line: int | None, column: int | None) -> int | None:
    """Returns the 0-based offset of a 1-based position.

    Returns None if it is outside of the text or at its end.
    """
    if line is None or column is None:
        return None
    start = sum(len(text) for text in sql.splitlines(keepends=True)[: line - 1]) + column - 1
    return start if start < len(sql) else None


def _word_at(sql: str, start: int) -> str:
    end = start
    while end < len(sql) and (sql[end].isalnum() or sql[end] == "_"):
        end += 1
    return sql[start:end]
