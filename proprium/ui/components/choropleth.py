"""Choropleth map element: draws the land at once, colours it when numbers arrive, reports clicks on places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui.element import Element

from maps.atlas import Atlas
from proprium.figures import choropleth as figures
from proprium.figures.template import Figure, Look
from proprium.i18n import gettext as _
from proprium.metrics.results import Breakdown
from proprium.ui.http.asset_urls import ASSETS, regions_url, world_url


class Choropleth(Element, component=ASSETS / "js" / "map.js"):
    """Shows a map of the world or of one country's regions; grey, in the page's own colours, before there are numbers.

    `on_pick` is called with the ISO 3166 alpha-2 code or the region id of a clicked place.
    """

    def __init__(self, atlas: Atlas, on_pick: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self._update_method = "update"  # the method of map.js that NiceGUI calls after props change
        self._atlas = atlas
        no_rows = Breakdown(dimension="country", rows=(), total=0, distinct=0)
        self._show(figures.world(no_rows, Look.LIGHT, atlas), world_url(atlas), None, _("Map of the world"))
        if on_pick is not None:
            self.on("pick", lambda event: on_pick(str(event.args["location"])))

    def show_world(self, countries: Breakdown, look: Look) -> None:
        label = _("Map of the world: {metric} by country", metric=_(countries.count_title))
        self._show(figures.world(countries, look, self._atlas), world_url(self._atlas), look, label)

    def show_regions(self, breakdown: Breakdown, country: str, look: Look) -> None:
        """Shows the regions of `country`, for which `atlas.has_regions` must be true."""
        country_name = self._atlas.name(country)
        label = _("Map of {country}: {metric} by region", country=country_name, metric=_(breakdown.count_title))
        url = regions_url(self._atlas, country)
        self._show(figures.regions(breakdown, country, look, self._atlas), url, look, label)

    def _show(self, figure: Figure, topology: str, look: Look | None, label: str) -> None:
        """Sends the changed props in one message; sends nothing when the map shows them already."""
        new_props = {
            "data": figure["data"],
            "layout": figure["layout"],
            "topology": topology,
            "land": look.value.land if look else "",
            "border": figures.border(look or Look.LIGHT),
            "label": label,
        }
        if any(self._props.get(name) != value for name, value in new_props.items()):
            with self._props.suspend_updates():
                self._props.update(new_props)
            self.update()
