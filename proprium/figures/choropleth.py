"""Maps: countries or one country's regions, coloured by the logarithm of their count.

Geometry is not in the figure: browsers have it by URL (assets/js/map.js), the report puts it in once.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

from maps.atlas import Atlas
from maps.extent import Extent
from proprium.figures import numbers
from proprium.figures.template import Figure, Look, colour_scale, layout
from proprium.metrics.results import Breakdown, Row

EDGE = 0.03  # air around a country, as a part of its longer side
NARROWEST = 1.5  # powers of ten between the scale's ends
DOT_BELOW = 0.3  # square degrees: countries that would be smaller than a pixel or two


def world(countries: Breakdown, look: Look, atlas: Atlas) -> Figure:
    """Every country with a count; the smallest also as a dot that can be seen and clicked."""
    rows = [row for row in countries.rows if row.value in atlas.codes]
    tiny = [row for row in rows if row.value in atlas.points and atlas.points[row.value].area < DOT_BELOW]
    data = [_coloured(rows, countries.unit, _limits(rows), look)]
    if tiny:
        data.append(_dots(tiny, countries.unit, _limits(rows), look, atlas))
    return {"data": data, "layout": _layout(look, "world", _WORLD)}


def regions(breakdown: Breakdown, country: str, look: Look, atlas: Atlas) -> Figure:
    """The regions of one country. Raises KeyError where the atlas has none (`atlas.has_regions`)."""
    known = set(atlas.regions(country).ids)
    rows = [row for row in breakdown.rows if row.value in known]
    data = [_coloured(rows, breakdown.unit, _limits(rows), look)]
    return {"data": data, "layout": _layout(look, country, _view(country, atlas))}


def border(look: Look) -> dict[str, Any]:
    """The line between countries: the card's own colour."""
    return {"color": look.value.card, "width": 0.6}


def _coloured(rows: list[Row], unit: str, limits: tuple[float, float], look: Look) -> Figure:
    return {
        "type": "choropleth",
        "featureidkey": "id",
        "locations": [row.value for row in rows],
        "z": [_height(row) for row in rows],
        "zmin": limits[0],
        "zmax": limits[1],
        "colorscale": colour_scale(look),
        "showscale": False,
        "marker": {"line": border(look)},
        **_words(rows, unit),
    }


def _dots(rows: list[Row], unit: str, limits: tuple[float, float], look: Look, atlas: Atlas) -> Figure:
    places = [atlas.points[str(row.value)] for row in rows]
    return {
        "type": "scattergeo",
        "mode": "markers",
        "lon": [place.lon for place in places],
        "lat": [place.lat for place in places],
        "marker": {
            "size": 7,
            "opacity": 1,
            "color": [_height(row) for row in rows],
            "cmin": limits[0],
            "cmax": limits[1],
            "colorscale": colour_scale(look),
            "line": {"color": look.value.card, "width": 1},
        },
        **_words(rows, unit),
    }


def _words(rows: list[Row], unit: str) -> Figure:
    """What a click and a tooltip need: the code, the name, the exact count. Names are data: Plotly would read tags."""
    return {
        "customdata": [[row.value, escape(row.label), numbers.exact(row.count)] for row in rows],
        "hovertemplate": f"<b>%{{customdata[1]}}</b><br>%{{customdata[2]}} {escape(unit)}<extra></extra>",
    }


def _height(row: Row) -> float:
    return round(math.log10(max(row.count, 0) + 1), 4)


def _limits(rows: list[Row]) -> tuple[float, float]:
    """The palest and the strongest height. Never closer than NARROWEST, so that 10 and 11 visitors look alike."""
    heights = [_height(row) for row in rows] or [1.0]
    return max(0.0, min(*heights, max(heights) - NARROWEST)), max(heights) or 1.0


def _layout(look: Look, what: str, view: Figure) -> Figure:
    geo = {"visible": False, "bgcolor": "rgba(0,0,0,0)", **view}
    return layout(look, margin={"l": 0, "r": 0, "t": 0, "b": 0}, geo=geo, uirevision=what)


_WORLD: Figure = {
    "projection": {"type": "natural earth"},
    "lonaxis": {"range": [-180, 180]},
    "lataxis": {"range": [-57, 84]},  # without Antarctica, which takes a fifth of the height for nobody
}


def _view(country: str, atlas: Atlas) -> Figure:
    """A projection that shows the country in its usual shape, filling the card."""
    if country == "US":
        return {"projection": {"type": "albers usa"}}
    extent = atlas.extent(country)
    edge = EDGE * max(extent.width, extent.height)
    return {
        "projection": _projection(extent),
        "lonaxis": {"range": [extent.west - edge, extent.east + edge]},
        "lataxis": {"range": [max(extent.south - edge, -89), min(extent.north + edge, 89)]},
    }


def _projection(extent: Extent) -> Figure:
    turned = {"lon": extent.lon}
    if extent.south * extent.north < 0 or extent.width < 12:
        return {"type": "mercator", "rotation": turned}
    sixth = extent.height / 6
    return {
        "type": "conic equal area",
        "rotation": turned,
        "parallels": [extent.south + sixth, extent.north - sixth],
        # A cone bends the box of a very wide country (Russia), whose corners are sea: they may leave the card.
        "scale": 1.2 if extent.width > 100 else 1,
    }
