"""A tile's whole list in a dialog, with a search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

from proprium.errors import ProblemForReader
from proprium.figures import numbers
from proprium.figures.names import NameOf, named
from proprium.metrics.breakdown import MAX_LIMIT, breakdown
from proprium.metrics.filters import Filter
from proprium.metrics.query import Query
from proprium.metrics.results import Breakdown, Dimension
from proprium.ui.cards.ranked import RankedList
from proprium.ui.cards.tiles import Tab, Tile
from proprium.ui.parts.dialogs import dialog
from proprium.ui.parts.words import span
from proprium.ui.services import Services

MOST = 200
"""Rows at once; the search finds the others."""
NAMED = frozenset({Dimension.COUNTRY, Dimension.REGION})


class FullList:
    def __init__(self, services: Services, name: NameOf, on_filter: Callable[[Filter], None]) -> None:
        self._services, self._name, self._on_filter = services, name, on_filter

    async def open(self, tile: Tile, tab: Tab, query: Query) -> None:
        """`query` is the one on the screen; a row filters the page, and closes the list."""
        with dialog(f"{tile.title}: {tab.label.lower()}" if len(tile.tabs) > 1 else tile.title) as box:
            search = ui.input(placeholder="Search").props("outlined dense clearable debounce=200 autofocus")
            search.props["aria-label"] = "Search the list"
            count = span("", "mut small num")

            def choose(wanted: Filter) -> None:
                box.close()
                self._on_filter(wanted)

            with ui.element("div").classes("fulllist"):
                rows = RankedList(choose, size=MOST, with_flags=tab.dimension is Dimension.COUNTRY)

        async def fill() -> None:
            try:
                found = await asyncio.to_thread(self._read, query, tab.dimension, (search.value or "").strip())
            except ProblemForReader as problem:
                rows.fail(str(problem))
                return
            if not box.is_deleted:
                count.set_text(_count(found))
                rows.show(found, "Nothing fits the search." if search.value else tab.missing)

        search.on_value_change(fill)
        box.open()
        await fill()

    def _read(self, query: Query, dimension: Dimension, search: str) -> Breakdown:
        if dimension not in NAMED:
            return breakdown(self._services.warehouse, query, dimension, limit=MOST, search=search)
        # The warehouse knows codes; a person searches for names.
        every = breakdown(self._services.warehouse, query, dimension, limit=MAX_LIMIT)
        every = named({dimension: every}, self._name)[dimension]
        fitting = tuple(row for row in every.rows if search.casefold() in row.label.casefold())
        return replace(every, rows=fitting[:MOST], distinct=len(fitting) if search else every.distinct)


def _count(found: Breakdown) -> str:
    shown = len(found.rows)
    of_all = f"{shown:,} of {found.distinct:,}" if found.distinct > shown else f"{shown:,} listed"
    return f"{of_all} · {numbers.exact(found.total)} {found.unit}"
