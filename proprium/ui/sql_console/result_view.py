"""Result of a query as a table and a chart, with CSV and JSON downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures.template import Look
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.serialization.csv_cells import csv_bytes
from proprium.sql_console.downloads import as_json, table_of, text_of
from proprium.sql_console.results import SnapshotInfo, SqlResult
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import empty_state, error_note, note
from proprium.ui.components.panels import Panel, panel
from proprium.ui.components.text import span
from proprium.ui.sql_console.chart import ResultChart

MAX_SHOWN_ROWS = 1_000
"""Further rows are only in the downloads."""
MIN_CELL_LENGTH, MAX_COLUMN_LENGTH = 300, 30_000
"""Characters per cell and per column: with few rows a cell may be long, such as a query plan."""

# Vue inserts the value as text, never as HTML.
CELL_SLOT = """<q-td :props="props"><span v-if="props.value === null" class="null">NULL</span>
<span v-else :class="{mono: props.value.includes('\\n')}">{{ props.value }}</span></q-td>"""


class ResultView:
    """Card below the editor: empty, running, failed, or with a result."""

    def __init__(self, on_download: Callable[[str], object]) -> None:
        """`on_download` is called with the name of each file that is about to be downloaded."""
        self._on_download = on_download
        self._look = Look.LIGHT
        self._result: SqlResult | None = None
        self._chart: ResultChart | None = None
        with panel(_("Result"), body_classes="", classes="sqlresult") as box:
            self._panel: Panel = box
            with box.head:
                self._summary_label: TextElement = span("", "s grow")
                with ui.element("div").classes(f"{theme.LINE} end") as self._download_buttons:
                    for extension, icon_name, name in (
                        ("csv", "table", _("Download as CSV")),
                        ("json", "code", _("Download as JSON")),
                    ):
                        download = partial(self._download, extension)
                        button(extension.upper(), icon_name, name=name, on_click=download)
        self.show_empty()

    def show_empty(self) -> None:
        self._clear("")
        with self._panel.body:
            empty_state(_("No results yet"), _("Write a query or pick an example, then press Run."), "table")

    def show_running(self) -> None:
        self._clear(_("Running…"))
        with self._panel.body, ui.element("div").classes("pad"):
            for width in (100, 88, 94):
                ui.element("div").classes(theme.SKELETON).style(f"height: 26px; width: {width}%; margin-bottom: 8px")

    def fail(self, message: str, location: str) -> None:
        self._clear("")
        with self._panel.body, ui.element("div").classes(f"pad {theme.STACK}"):
            error_note(message).classes("sqlproblem")
            if location:
                ui.label(location).classes(f"{theme.MUTED} {theme.SMALL}")

    def show(self, result: SqlResult, snapshot: SnapshotInfo) -> None:
        row_count = ngettext("{count} row", "{count} rows", len(result.rows))
        elapsed_s = f"{result.elapsed_s:.2f}"
        self._clear(_("{rows} in {seconds} s", rows=row_count, seconds=elapsed_s))
        self._result = result
        self._download_buttons.set_visibility(True)
        with self._panel.body:
            truncation_notes = [result.truncation_message] if result.truncation_message else []
            if snapshot.since:
                sentence = ngettext(
                    "Queried the newest {count} event only, since {date}.",
                    "Queried the newest {count} events only, those since {date}.",
                    snapshot.event_count,
                    date=snapshot.since_text,
                )
                truncation_notes.insert(0, sentence)
            if truncation_notes:
                with ui.element("div").classes("cuts"):
                    note(" ".join(truncation_notes), "warn")
            if result.rows and any(column.is_number for column in result.columns):
                self._chart = ResultChart(result, self._look)
            _build_table(result)

    def set_look(self, look: Look) -> None:
        self._look = look
        if self._chart is not None:
            self._chart.set_look(look)

    def _clear(self, summary: str) -> None:
        self._result = self._chart = None
        self._summary_label.set_text(summary)
        self._download_buttons.set_visibility(False)
        self._panel.body.clear()

    def _download(self, extension: str) -> None:
        if self._result is None:
            return
        file_name = f"result.{extension}"
        self._on_download(file_name)
        if extension == "csv":
            ui.download.content(csv_bytes(table_of(self._result)), file_name, "text/csv")
        else:
            ui.download.content(as_json(self._result), file_name, "application/json")


def _build_table(result: SqlResult) -> None:
    if not result.rows:
        empty_state(_("No rows"), _("The query ran successfully, but returned no rows."), "table")
        return
    columns = [
        {
            "name": f"c{index}",
            "label": column.name,
            "field": f"c{index}",
            "align": "right" if column.is_number else "left",
        }
        for index, column in enumerate(result.columns)
    ]
    shown_rows = result.rows[:MAX_SHOWN_ROWS]
    cells = [_column_texts([row[index] for row in shown_rows]) for index in range(len(columns))]
    rows = [
        {"n": row_index, **{f"c{index}": cells[index][row_index] for index in range(len(columns))}}
        for row_index in range(len(shown_rows))
    ]
    table = ui.table(columns=columns, rows=rows, row_key="n", pagination=0).classes("tbl sqltable")
    table.props("flat dense hide-bottom virtual-scroll :virtual-scroll-item-size=30 tabindex=0")
    table.props["aria-label"] = _("Query result")
    table.add_slot("body-cell", CELL_SLOT)
    if len(result.rows) > MAX_SHOWN_ROWS:
        rest = ngettext(
            "Showing the first {count} row. Download CSV or JSON for all rows.",
            "Showing the first {count} rows. Download CSV or JSON for all rows.",
            MAX_SHOWN_ROWS,
        )
        ui.label(rest).classes(f"{theme.MUTED} {theme.SMALL} rest")


def _column_texts(values: Sequence[Any]) -> list[str | None]:
    """Formats a column as text: equal decimal places, as needed but at most four.

    Downloads have full precision.
    """
    fractions = [f"{value:.4f}".rstrip("0").partition(".")[2] for value in values if isinstance(value, float)]
    digits = max(map(len, fractions), default=0)
    max_length = max(MIN_CELL_LENGTH, MAX_COLUMN_LENGTH // max(1, len(values)))
    texts: list[str | None] = []
    for value in values:
        text = f"{value:.{digits}f}" if isinstance(value, float) else text_of(value)
        texts.append(None if value is None else text if len(text) <= max_length else text[:max_length] + "…")
    return texts
