"""The map element: draws the land at once, colours it when numbers come, and tells which place was clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from maps.atlas import Atlas
from proprium.figures import choropleth as figures
from proprium.figures.template import Figure, Look
from proprium.metrics.results import Breakdown
from proprium.ui.http.asset_urls import ASSETS, regions_url, world_url


class Choropleth(Element, component=ASSETS / "js" / "map.js"):
    """Empty, it shows the grey world, in the page's own colours. `pick` gives the alpha-2 code or the region id that
    was clicked."""

    def __init__(self, atlas: Atlas, on_pick: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self._update_method = "update"  # what NiceGUI calls in map.js after new props
        self._atlas = atlas
        no_rows = Breakdown(dimension="country", unit="visitors", rows=(), total=0, distinct=0)
        self._show(figures.world(no_rows, Look.LIGHT, atlas), world_url(atlas), None, "Map of the world")
        if on_pick is not None:
            self.on("pick", lambda event: on_pick(_location(event)))

    def show_world(self, countries: Breakdown, look: Look) -> None:
        label = f"Map of the world: {countries.unit} by country"
        self._show(figures.world(countries, look, self._atlas), world_url(self._atlas), look, label)

    def show_regions(self, breakdown: Breakdown, country: str, look: Look) -> None:
        """Of a country that `atlas.has_regions`."""
        label = f"Map of {self._atlas.name(country)}: {breakdown.unit} by region"
        url = regions_url(self._atlas, country)
        self._show(figures.regions(breakdown, country, look, self._atlas), url, look, label)

    def _show(self, figure: Figure, topology: str, look: Look | None, label: str) -> None:
        """Sends what is to be drawn in one message, and nothing when it is on the screen already."""
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


def _location(event: GenericEventArguments) -> str:
    return str(event.args["location"])
