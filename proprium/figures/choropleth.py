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
from proprium.metrics.results import Breakdown, BreakdownRow

EDGE_SHARE = 0.03  # air around a country, as a part of its longer side
MIN_SCALE_RANGE = 1.5  # powers of ten between the scale's ends
MAX_DOT_AREA = 0.3  # square degrees: countries that would be smaller than a pixel or two


def world(countries: Breakdown, look: Look, atlas: Atlas) -> Figure:
    """Every country with a count; the smallest also as a dot that can be seen and clicked."""
    rows = [row for row in countries.rows if row.value in atlas.codes]
    tiny_rows = [row for row in rows if row.value in atlas.points and atlas.points[row.value].area < MAX_DOT_AREA]
    data = [_choropleth_trace(rows, countries.unit, _colour_limits(rows), look)]
    if tiny_rows:
        data.append(_dot_trace(tiny_rows, countries.unit, _colour_limits(rows), look, atlas))
    return {"data": data, "layout": _layout(look, "world", _WORLD_VIEW)}


def regions(breakdown: Breakdown, country: str, look: Look, atlas: Atlas) -> Figure:
    """The regions of one country. Raises KeyError where the atlas has none (`atlas.has_regions`)."""
    region_ids = set(atlas.regions(country).ids)
    rows = [row for row in breakdown.rows if row.value in region_ids]
    data = [_choropleth_trace(rows, breakdown.unit, _colour_limits(rows), look)]
    return {"data": data, "layout": _layout(look, country, _country_view(country, atlas))}


def border(look: Look) -> dict[str, Any]:
    """The line between countries: the card's own colour."""
    return {"color": look.value.card, "width": 0.6}


def _choropleth_trace(rows: list[BreakdownRow], unit: str, limits: tuple[float, float], look: Look) -> Figure:
    return {
        "type": "choropleth",
        "featureidkey": "id",
        "locations": [row.value for row in rows],
        "z": [_log_count(row) for row in rows],
        "zmin": limits[0],
        "zmax": limits[1],
        "colorscale": colour_scale(look),
        "showscale": False,
        "marker": {"line": border(look)},
        **_hover_data(rows, unit),
    }


def _dot_trace(rows: list[BreakdownRow], unit: str, limits: tuple[float, float], look: Look, atlas: Atlas) -> Figure:
    points = [atlas.points[str(row.value)] for row in rows]
    return {
        "type": "scattergeo",
        "mode": "markers",
        "lon": [point.lon for point in points],
        "lat": [point.lat for point in points],
        "marker": {
            "size": 7,
            "opacity": 1,
            "color": [_log_count(row) for row in rows],
            "cmin": limits[0],
            "cmax": limits[1],
            "colorscale": colour_scale(look),
            "line": {"color": look.value.card, "width": 1},
        },
        **_hover_data(rows, unit),
    }


def _hover_data(rows: list[BreakdownRow], unit: str) -> Figure:
    """What a click and a tooltip need: the code, the name, the exact count. Names are data: Plotly would read tags."""
    return {
        "customdata": [[row.value, escape(row.label), numbers.exact(row.count)] for row in rows],
        "hovertemplate": f"<b>%{{customdata[1]}}</b><br>%{{customdata[2]}} {escape(unit)}<extra></extra>",
    }


def _log_count(row: BreakdownRow) -> float:
    return round(math.log10(max(row.count, 0) + 1), 4)


def _colour_limits(rows: list[BreakdownRow]) -> tuple[float, float]:
    """The palest and the strongest height. Never closer than NARROWEST, so that 10 and 11 visitors look alike."""
    log_counts = [_log_count(row) for row in rows] or [1.0]
    return max(0.0, min(*log_counts, max(log_counts) - MIN_SCALE_RANGE)), max(log_counts) or 1.0


def _layout(look: Look, map_id: str, view: Figure) -> Figure:
    geo = {"visible": False, "bgcolor": "rgba(0,0,0,0)", **view}
    return layout(look, margin={"l": 0, "r": 0, "t": 0, "b": 0}, geo=geo, uirevision=map_id)


_WORLD_VIEW: Figure = {
    "projection": {"type": "natural earth"},
    "lonaxis": {"range": [-180, 180]},
    "lataxis": {"range": [-57, 84]},  # without Antarctica, which takes a fifth of the height for nobody
}


def _country_view(country: str, atlas: Atlas) -> Figure:
    """A projection that shows the country in its usual shape, filling the card."""
    if country == "US":
        return {"projection": {"type": "albers usa"}}
    extent = atlas.extent(country)
    edge = EDGE_SHARE * max(extent.width, extent.height)
    return {
        "projection": _projection(extent),
        "lonaxis": {"range": [extent.west - edge, extent.east + edge]},
        "lataxis": {"range": [max(extent.south - edge, -89), min(extent.north + edge, 89)]},
    }


def _projection(extent: Extent) -> Figure:
    rotation = {"lon": extent.lon}
    if extent.south * extent.north < 0 or extent.width < 12:
        return {"type": "mercator", "rotation": rotation}
    sixth = extent.height / 6
    return {
        "type": "conic equal area",
        "rotation": rotation,
        "parallels": [extent.south + sixth, extent.north - sixth],
        # A cone bends the box of a very wide country (Russia), whose corners are sea: they may leave the card.
        "scale": 1.2 if extent.width > 100 else 1,
    }
