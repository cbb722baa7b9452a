"""Places tile: map of visitors, and ranked list of countries, regions or cities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from maps.atlas import Atlas
from proprium.figures.template import Look
from proprium.i18n import gettext as _
from proprium.metrics.query.filters import Filter
from proprium.metrics.results import Breakdown, Dimension
from proprium.ui import theme
from proprium.ui.components.choropleth import Choropleth
from proprium.ui.components.colour_legend import ColourLegend
from proprium.ui.components.controls import button
from proprium.ui.components.panels import panel
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.row_links import RowLinks
from proprium.ui.dashboard.state import DashboardState
from proprium.ui.dashboard.tiles import PLACES, Tile


class PlacesTile:
    """Shows the map and the ranked list.

    A click on a country opens its regions; a click on a region or a row filters the dashboard.
    """

    def __init__(
        self,
        atlas: Atlas,
        on_country: Callable[[str | None], None],
        on_tab: Callable[[Tile, str], None],
        on_filter: Callable[[Filter], None],
        on_region: Callable[[str], None],
        on_expand: Callable[[Tile], Any],
        links: RowLinks,
    ) -> None:
        self._atlas = atlas
        self._country: str | None = None

        def on_pick(code: str) -> None:
            if self._country is not None:
                on_region(code)
            else:
                on_country(code)

        with ui.element("div").classes(theme.GRID_MAP):
            with panel(_("Visitors by country"), body_classes="mapbox") as self._panel:
                self._map = Choropleth(atlas, on_pick=on_pick).classes("maph")
                self._legend = ColourLegend()
                self._error_label = ui.label("").classes("missing")
                self._error_label.set_visibility(False)
            with self._panel.head:
                self._back_button = button(
                    _("World"), "back", on_click=lambda: on_country(None), name=_("Back to the world")
                )
            self._back_button.set_visibility(False)
            self.tile = RankedTile(PLACES, on_tab, on_filter, on_expand, links, has_flags=True)

    def apply_state(self, state: DashboardState) -> None:
        """Updates the map's title and back button, and the list's open tab."""
        country = state.query.map_country
        self._country = country if country and self._atlas.has_regions(country) else None
        self._panel.title.set_text(
            _("{country}: visitors by region", country=self._atlas.name(self._country))
            if self._country
            else _("Visitors by country")
        )
        self._back_button.set_visibility(state.query.open_country is not None)
        self.tile.set_active_tab(state.tab(PLACES))

    def show(self, breakdowns: dict[Dimension, Breakdown], state: DashboardState, look: Look) -> None:
        self.apply_state(state)
        self._error_label.set_visibility(False)
        map_dimension = Dimension.REGION if self._country else Dimension.COUNTRY
        if map_dimension not in breakdowns:  # still being computed
            return
        self._legend.show(breakdowns[map_dimension])
        if self._country:
            self._map.show_regions(breakdowns[Dimension.REGION], self._country, look)
        else:
            self._map.show_world(breakdowns[Dimension.COUNTRY], look)

    def fail(self, message: str) -> None:
        self._error_label.set_text(message)
        self._error_label.set_visibility(True)
