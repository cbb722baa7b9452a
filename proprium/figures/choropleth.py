"""Choropleth maps: countries, or the regions of one country, coloured by the square root of their count.

Figures hold no geometry: browsers load it by URL (assets/js/map.js), the HTML report embeds it once.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

from maps.atlas import Atlas
from proprium.figures.template import Figure, Look, colour_scale, layout
from proprium.metrics.results import Breakdown, BreakdownRow

EDGE_SHARE = 0.03  # margin around a country, as a fraction of its longer side
MAX_DOT_AREA = 0.3  # square degrees; smaller countries would be a pixel or two


def world(countries: Breakdown, look: Look, atlas: Atlas) -> Figure:
    """Draws the world map: countries with a count, very small ones also as a dot that can be clicked."""
    rows = [row for row in countries.rows if row.value in atlas.codes]
    tiny_rows = [row for row in rows if row.value in atlas.points and atlas.points[row.value].area < MAX_DOT_AREA]
    highest = _highest(rows)
    data = [_choropleth_trace(rows, countries, look)]
    if tiny_rows:
        points = [atlas.points[str(row.value)] for row in tiny_rows]
        marker = {
            "size": 7,
            "opacity": 1,
            "color": [_strength(row) for row in tiny_rows],
            "cmin": 0,
            "cmax": highest,
            "colorscale": colour_scale(look),
            "line": {"color": look.value.card, "width": 1},
        }
        coordinates = {"lon": [point.lon for point in points], "lat": [point.lat for point in points]}
        dots = {"type": "scattergeo", "mode": "markers", **coordinates, "marker": marker}
        data.append({**dots, **_hover_data(tiny_rows, countries)})
    return {"data": data, "layout": _layout(look, "world", _WORLD_VIEW)}


def regions(breakdown: Breakdown, country: str, look: Look, atlas: Atlas) -> Figure:
    """Draws the regions of one country, in its familiar shape and filling the card.

    Raises KeyError if the atlas has none (`atlas.has_regions`).
    """
    region_ids = set(atlas.regions(country).ids)
    rows = [row for row in breakdown.rows if row.value in region_ids]
    if country == "US":
        view: Figure = {"projection": {"type": "albers usa"}}
    else:
        extent = atlas.extent(country)
        edge = EDGE_SHARE * max(extent.width, extent.height)
        projection: Figure = {"type": "mercator", "rotation": {"lon": extent.lon}}
        if extent.south * extent.north >= 0 and extent.width >= 12:
            sixth = extent.height / 6
            projection |= {"type": "conic equal area", "parallels": [extent.south + sixth, extent.north - sixth]}
            # A conic projection bends the box of a very wide country (Russia); its corners are sea and may be cut off.
            projection["scale"] = 1.2 if extent.width > 100 else 1
        view = {
            "projection": projection,
            "lonaxis": {"range": [extent.west - edge, extent.east + edge]},
            "lataxis": {"range": [max(extent.south - edge, -89), min(extent.north + edge, 89)]},
        }
    return {"data": [_choropleth_trace(rows, breakdown, look)], "layout": _layout(look, country, view)}


def border(look: Look) -> dict[str, Any]:
    """Returns the line style of borders, in the background colour of the card."""
    return {"color": look.value.card, "width": 0.6}


def _choropleth_trace(rows: list[BreakdownRow], breakdown: Breakdown, look: Look) -> Figure:
    return {
        "type": "choropleth",
        "featureidkey": "id",
        "locations": [row.value for row in rows],
        "z": [_strength(row) for row in rows],
        "zmin": 0,
        "zmax": _highest(rows),
        "colorscale": colour_scale(look),
        "showscale": False,
        "marker": {"line": border(look)},
        **_hover_data(rows, breakdown),
    }


def _hover_data(rows: list[BreakdownRow], breakdown: Breakdown) -> Figure:
    """Returns code, name and count of each row, for clicks and tooltips.

    Names are escaped, since Plotly interprets HTML tags.
    """
    return {
        "customdata": [[row.value, escape(row.label), breakdown.count_text(row.count)] for row in rows],
        "hovertemplate": "<b>%{customdata[1]}</b><br>%{customdata[2]}<extra></extra>",
    }


def _strength(row: BreakdownRow) -> float:
    """Returns the value of the colour scale: a logarithm would give 53 visitors two thirds of the strength of 354."""
    return round(math.sqrt(max(row.count, 0)), 4)


def _highest(rows: list[BreakdownRow]) -> float:
    return max((_strength(row) for row in rows), default=1.0) or 1.0


def _layout(look: Look, map_id: str, view: Figure) -> Figure:
    geo = {"visible": False, "bgcolor": "rgba(0,0,0,0)", **view}
    return layout(look, margin={"l": 0, "r": 0, "t": 0, "b": 0}, geo=geo, uirevision=map_id)


_WORLD_VIEW: Figure = {
    "projection": {"type": "natural earth"},
    "lonaxis": {"range": [-180, 180]},
    "lataxis": {"range": [-57, 84]},  # without Antarctica, which has no visitors and takes a fifth of the height
}
