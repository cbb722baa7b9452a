"""Chart theme: colours, fonts, base layout and axes of all charts.

Built once at import with plotly.graph_objects; all later figures are plain dicts.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any

import plotly.graph_objects as go

Figure = dict[str, Any]

FONT = 'Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif'


@dataclass(frozen=True)
class Colours:
    """The colours of charts: the CSS variables of assets/css/proprium.css."""

    ink: str
    muted: str
    line: str
    grid: str
    card: str
    land: str  # a country without visitors
    accent: str
    accent_low: str  # the paler end of the map's scale
    fill_top: str
    fill_bottom: str


class Look(Enum):
    """Colour schemes of charts: light, dark, and print, which is light and uses little ink."""

    LIGHT = Colours(
        ink="#12151c",
        muted="#5d6678",
        line="#e6e8ec",
        grid="#e9ebef",
        card="#ffffff",
        land="#eef0f4",
        accent="#5b5bd6",
        accent_low="#dcdcfa",
        fill_top="rgba(110,110,240,0.28)",
        fill_bottom="rgba(91,91,214,0)",
    )
    DARK = Colours(
        ink="#f2f4f8",
        muted="#98a2b3",
        line="#242935",
        grid="#20242f",
        card="#14171f",
        land="#20242f",
        accent="#8b8cf8",
        accent_low="#2f3163",
        fill_top="rgba(139,140,248,0.26)",
        fill_bottom="rgba(139,140,248,0)",
    )
    PRINT = Colours(
        ink="#12151c",
        muted="#5d6678",
        line="#dfe2e8",
        grid="#e9ebef",
        card="#ffffff",
        land="#eceef2",
        accent="#5b5bd6",
        accent_low="#d9d9f8",
        fill_top="rgba(110,110,240,0.22)",
        fill_bottom="rgba(91,91,214,0)",
    )


def _styles(look: Look) -> tuple[Figure, Figure, Figure]:
    """Returns the theme's layout, time axis and value axis."""
    colours = look.value
    tick_font = {"color": colours.muted, "size": 11.5}
    layout = go.Layout(
        paper_bgcolor="rgba(0,0,0,0)",
        # The card's own colour: Plotly draws a hover line's edge in it, and a transparent one as white.
        plot_bgcolor=colours.card,
        font={"family": FONT, "size": 12, "color": colours.muted},
        margin={"l": 44, "r": 24, "t": 10, "b": 28, "pad": 4},
        hoverlabel={
            "bgcolor": colours.card,
            "bordercolor": colours.line,
            "font": {"family": FONT, "color": colours.ink, "size": 12.5},
            "align": "left",
        },
        showlegend=False,
        dragmode=False,
        autosize=True,
        colorway=[colours.accent, colours.muted],
    )
    x_axis = go.layout.XAxis(
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        automargin=False,
        ticks="",
        showline=False,
        spikecolor=colours.muted,
        spikethickness=1,
        spikedash="solid",
        spikemode="across",
    )
    y_axis = go.layout.YAxis(
        gridcolor=colours.grid,
        rangemode="tozero",
        zeroline=False,
        fixedrange=True,
        nticks=5,
        ticks="",
        automargin=False,
    )
    return (
        dict(layout.to_plotly_json()),
        {**x_axis.to_plotly_json(), "tickfont": tick_font},
        {**y_axis.to_plotly_json(), "tickfont": tick_font},
    )


_BASES = {look: _styles(look) for look in Look}

CONFIG: Figure = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}


def layout(look: Look, **changes: Any) -> Figure:
    """Returns a new layout of the theme; `changes` replace whole keys."""
    return {**deepcopy(_BASES[look][0]), **changes}


def time_axis(look: Look, **changes: Any) -> Figure:
    return {**deepcopy(_BASES[look][1]), **changes}


def value_axis(look: Look, **changes: Any) -> Figure:
    return {**deepcopy(_BASES[look][2]), **changes}


def colour_scale(look: Look) -> list[list[Any]]:
    """Returns the colour scale of counts, from low to high."""
    return [[0, look.value.accent_low], [1, look.value.accent]]
