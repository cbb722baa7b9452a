"""Data table with sortable headers and clickable rows. Cell texts are escaped: never read as HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from proprium.i18n import gettext as _

# Headers are buttons so that the keyboard reaches them; aria-sort carries the current order.
_HEADER_SLOT = """
<tr>
  <th v-for="col in props.cols" :key="col.name" scope="col" :class="col.name === 'label' ? 'first' : 'r'"
      :aria-sort="col.order">
    <span v-if="col.order === null">{{ col.label }}</span>
    <button v-else type="button" :class="{on: col.order !== 'none'}" @click="() => $parent.$emit('sorted', col.name)">
      <i class="icon small" :class="col.order === 'ascending' ? 'i-up' : 'i-down'" aria-hidden="true"></i>
      {{ col.label }}
    </button>
  </th>
  <th class="tail"><span class="hidden-name">{{ props.cols[0]?.explain }}</span></th>
</tr>
"""
_BODY_SLOT = """
<tr :class="{still: props.row.still}" @click="(event) => {
    if (props.row.still || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (event.view.getSelection().isCollapsed) $parent.$emit('chosen', props.row.i);
}">
  <td class="first" :title="props.row.label">
    <span class="b" :style="{width: props.row.width}"></span>
    <component :is="props.row.still ? 'span' : 'a'" class="cell" :href="props.row.url || null" draggable="false">
      <img v-if="props.row.flag" class="flag" alt="" :src="props.row.flag">
      <span class="cut">{{ props.row.label }}</span>
    </component>
  </td>
  <td v-for="col in props.cols.slice(1)" :key="col.name" class="r">{{ props.row[col.name] }}</td>
  <td class="tail">
    <a v-if="props.row.page" class="why" :href="props.row.page" target="_blank" rel="noopener noreferrer"
       :aria-label="props.row.open" :title="props.row.open" @click.stop>
      <i class="icon small i-open" aria-hidden="true"></i>
    </a>
    <button v-if="!props.row.still" type="button" class="why" :aria-label="props.row.explain"
            @click.stop="() => $parent.$emit('explained', props.row.i)">
      <i class="icon small i-info" aria-hidden="true"></i>
    </button>
  </td>
</tr>
"""


@dataclass(frozen=True)
class TableColumn:
    key: str
    title: str
    is_sortable: bool = True


class DataTable:
    """Table of rows given as dicts.

    Keys of a row: `label`, `width` of the bar, `flag` (image URL or ""), `still`, `url` (what a click leads to, for
    other tabs), `page` (a safe URL of the page that the row stands for, or ""), and a text for each column. A row that
    is `still` cannot be clicked or explained. Callbacks get a row's index in the rows shown last.
    """

    def __init__(
        self, on_sort: Callable[[str], Any], on_row: Callable[[int], Any], on_explain: Callable[[int], Any], name: str
    ) -> None:
        with ui.element("div").classes("fulltable").props('role="region" tabindex="-1"') as box:
            box.props["aria-label"] = name
            self.element = ui.table(rows=[], columns=[], row_key="i").classes("tbl").props("flat")
        self.element.props["no-data-label"] = "–"
        self.element.add_slot("header", _HEADER_SLOT)
        self.element.add_slot("body", _BODY_SLOT)
        self.element.on("sorted", lambda event: on_sort(str(event.args)))
        self.element.on("chosen", lambda event: on_row(int(event.args)))
        self.element.on("explained", lambda event: on_explain(int(event.args)))

    def show(
        self,
        label_title: str,
        columns: Sequence[TableColumn],
        sort: str,
        rows: Sequence[dict[str, Any]],
        *,
        is_ascending: bool,
    ) -> None:
        """Replaces headers and rows; `label_title` heads the label column, `sort` is the key of the sorted column."""
        headers = [{"name": "label", "label": label_title, "field": "label", "order": None, "explain": _("Explain")}]
        for column in columns:
            order = ("ascending" if is_ascending else "descending") if column.key == sort else "none"
            header_order = order if column.is_sortable else None
            headers.append({"name": column.key, "label": column.title, "field": column.key, "order": header_order})
        with self.element.props.suspend_updates():
            self.element.props["columns"] = headers
            self.element.props["rows"] = [
                {
                    **row,
                    "i": index,
                    "explain": _("{name}: explain this number", name=row["label"]),
                    "open": _("Open page {page} in a new tab", page=row["label"]),
                }
                for index, row in enumerate(rows)
            ]
        self.element.update()
