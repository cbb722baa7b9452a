"""The map and, beside it, its table: countries, regions, cities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from maps.atlas import Atlas
from proprium.figures.template import Look
from proprium.metrics.query.filters import Filter
from proprium.metrics.results import Breakdown, Dimension
from proprium.ui import theme
from proprium.ui.components.choropleth import Choropleth
from proprium.ui.components.controls import button
from proprium.ui.components.panels import panel
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.state import View
from proprium.ui.dashboard.tiles import PLACES, Tile


class Places:
    """A click on a country opens its regions; a click on a region, or on a row, filters the page."""

    def __init__(
        self,
        atlas: Atlas,
        on_country: Callable[[str | None], None],
        on_tab: Callable[[Tile, str], None],
        on_filter: Callable[[Filter], None],
        on_region: Callable[[str], None],
        on_expand: Callable[[Tile], Any],
    ) -> None:
        self._atlas, self._on_country, self._on_region = atlas, on_country, on_region
        self._country: str | None = None
        with ui.element("div").classes(theme.GRID_MAP):
            with panel("Visitors by country", body="mapbox") as self._panel:
                self._map = Choropleth(atlas, on_pick=self._pick).classes("maph")
                self._problem = ui.label("").classes("missing")
                self._problem.set_visibility(False)
            with self._panel.head:
                self._back = button("World", "back", on_click=lambda: on_country(None), name="Back to the world")
            self._back.set_visibility(False)
            self.tile = RankedTile(PLACES, on_tab, on_filter, on_expand, with_flags=True)

    def choose(self, view: View) -> None:
        """The map's title and way back, and the list's open tab, as the view has them."""
        self._country = self._mapped(view)
        self._panel.title.set_text(
            f"{self._atlas.name(self._country)}: visitors by region" if self._country else "Visitors by country"
        )
        self._back.set_visibility(view.query.open_country is not None)
        self.tile.choose(view.tab(PLACES))

    def show(self, breakdowns: dict[Dimension, Breakdown], view: View, look: Look) -> None:
        self.choose(view)
        self._problem.set_visibility(False)
        shown = Dimension.REGION if self._country else Dimension.COUNTRY
        if shown not in breakdowns:  # on its way
            return
        if self._country:
            self._map.show_regions(breakdowns[Dimension.REGION], self._country, look)
        else:
            self._map.show_world(breakdowns[Dimension.COUNTRY], look)

    def fail(self, problem: str) -> None:
        self._problem.set_text(problem)
        self._problem.set_visibility(True)

    def _mapped(self, view: View) -> str | None:
        """The open country, when there is a map of its regions."""
        country = view.query.open_country
        return country if country and self._atlas.has_regions(country) else None

    def _pick(self, place: str) -> None:
        if self._country is not None:
            self._on_region(place)
        else:
            self._on_country(place)
