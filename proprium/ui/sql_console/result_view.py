"""What came back: as a table, as a chart, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures.template import Look
from proprium.serialization.csv_cells import csv_bytes
from proprium.sql_console.downloads import as_json, table_of, text_of
from proprium.sql_console.results import Held, Result
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import empty, note, problem
from proprium.ui.components.panels import Panel, panel
from proprium.ui.components.text import span
from proprium.ui.sql_console.chart import ResultChart

SHOWN_ROWS = 1_000
"""More are only in the files."""
SHORTEST_CUT, IN_ALL = 300, 30_000
"""Characters of a cell, and of a column: among few rows a cell may be long, such as a plan."""

# Vue puts the value in as text.
CELL = """<q-td :props="props"><span v-if="props.value === null" class="null">NULL</span>
<span v-else :class="{mono: props.value.includes('\\n')}">{{ props.value }}</span></q-td>"""


class Outcome:
    """The card below the editor."""

    def __init__(self) -> None:
        self._look = Look.LIGHT
        self._result: Result | None = None
        self._chart: ResultChart | None = None
        with panel("Result", body="", classes="sqlresult") as box:
            self._panel: Panel = box
            with box.head:
                self._told: TextElement = span("", "s grow")
                with ui.element("div").classes(f"{theme.LINE} end") as self._files:
                    button("CSV", "table", name="Download as CSV", on_click=self._take_csv)
                    button("JSON", "code", name="Download as JSON", on_click=self._take_json)
        self.say_nothing()

    def say_nothing(self) -> None:
        self._clear("")
        with self._panel.body:
            empty("Nothing asked yet", "Write a statement or take an example, and press Run.", "table")

    def wait(self) -> None:
        self._clear("Running …")
        with self._panel.body, ui.element("div").classes("pad"):
            for width in (100, 88, 94):
                ui.element("div").classes(theme.SKELETON).style(f"height: 26px; width: {width}%; margin-bottom: 8px")

    def fail(self, text: str, place: str) -> None:
        self._clear("")
        with self._panel.body, ui.element("div").classes(f"pad {theme.STACK}"):
            problem(text).classes("sqlproblem")
            if place:
                ui.label(place).classes(f"{theme.MUTED} {theme.SMALL}")

    def show(self, result: Result, held: Held) -> None:
        self._clear(f"{_rows(len(result.rows))} in {result.elapsed_s:.2f} s")
        self._result = result
        self._files.set_visibility(True)
        with self._panel.body:
            if cut := _cuts(result, held):
                with ui.element("div").classes("cuts"):
                    note(cut, "warn")
            if result.rows and any(column.is_number for column in result.columns):
                self._chart = ResultChart(result, self._look)
            _table(result)

    def set_look(self, look: Look) -> None:
        self._look = look
        if self._chart is not None:
            self._chart.set_look(look)

    def _clear(self, told: str) -> None:
        self._result = self._chart = None
        self._told.set_text(told)
        self._files.set_visibility(False)
        self._panel.body.clear()

    def _take_csv(self) -> None:
        if self._result is not None:
            content = csv_bytes(table_of(self._result), has_bom=True)
            ui.download.content(content, "result.csv", "text/csv")

    def _take_json(self) -> None:
        if self._result is not None:
            ui.download.content(as_json(self._result), "result.json", "application/json")


def _table(result: Result) -> None:
    if not result.rows:
        empty("No rows", "The statement ran, and nothing fits it.", "table")
        return
    columns = [
        {"name": f"c{at}", "label": column.name, "field": f"c{at}", "align": "right" if column.is_number else "left"}
        for at, column in enumerate(result.columns)
    ]
    shown = result.rows[:SHOWN_ROWS]
    cells = [_shown([row[at] for row in shown]) for at in range(len(columns))]
    rows = [{"n": n, **{f"c{at}": cells[at][n] for at in range(len(columns))}} for n in range(len(shown))]
    table = ui.table(columns=columns, rows=rows, row_key="n", pagination=0).classes("tbl sqltable")
    table.props("flat dense hide-bottom virtual-scroll :virtual-scroll-item-size=30 tabindex=0")
    table.props["aria-label"] = "Rows of the result"
    table.add_slot("body-cell", CELL)
    if len(result.rows) > SHOWN_ROWS:
        ui.label(f"{SHOWN_ROWS:,} of them are shown; the files hold all.").classes(f"{theme.MUTED} {theme.SMALL} rest")


def _shown(values: Sequence[Any]) -> list[str | None]:
    """A column as text: fractions with as many digits as any of them needs, at most four; the files have them whole."""
    places = max((_places(value) for value in values if isinstance(value, float)), default=0)
    longest = max(SHORTEST_CUT, IN_ALL // max(1, len(values)))
    return [_cell(value, places, longest) for value in values]


def _places(value: float) -> int:
    return len(f"{value:.4f}".rstrip("0").partition(".")[2])


def _cell(value: Any, places: int, longest: int) -> str | None:
    if value is None:
        return None
    text = f"{value:.{places}f}" if isinstance(value, float) else text_of(value)
    return text if len(text) <= longest else text[:longest] + "…"


def _cuts(result: Result, held: Held) -> str:
    """What the numbers do not include, in one note."""
    since = f"Only the newest {held.events:,} events were asked: those since {held.since_text}." if held.since else ""
    return " ".join(filter(None, (since, result.cut_sentence)))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
