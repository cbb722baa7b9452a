from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from proprium.figures import choropleth
from proprium.figures.template import Figure, Look
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension
from tests.support.dashboards import ATLAS, REGIONS, a_breakdown


def countries(*rows: BreakdownRow) -> Breakdown:
    return Breakdown("country", rows, sum(row.count for row in rows), len(rows))


def valid(figure: Figure) -> Figure:
    """Figures carry no geometry, which is the one thing that plotly would miss."""
    go.Figure(data=figure["data"], layout=figure["layout"])
    json.dumps(figure, allow_nan=False)
    return figure


@pytest.mark.parametrize("look", Look)
def test_plotly_accepts_the_world_in_every_look(look: Look) -> None:
    valid(choropleth.world(a_breakdown(Dimension.COUNTRY, ("DE", "SG", None)), look, ATLAS))


@pytest.mark.parametrize("country", ["DE", "US", "RU", "FJ", "ID", "SG", "AQ"])
def test_plotly_accepts_countries_of_every_shape(country: str) -> None:
    valid(choropleth.regions(a_breakdown(Dimension.REGION, REGIONS), country, Look.LIGHT, ATLAS))


def test_a_tooltip_tells_the_real_number_while_the_colour_grows_with_the_square_root() -> None:
    figure = choropleth.world(
        countries(BreakdownRow("US", "United States", 10_000, 99), BreakdownRow("DE", "Germany", 100, 1)),
        Look.LIGHT,
        ATLAS,
    )
    land = figure["data"][0]
    assert land["customdata"] == [["US", "United States", "10,000 visitors"], ["DE", "Germany", "100 visitors"]]
    assert land["z"] == [100.0, 10.0]
    assert (land["zmin"], land["zmax"]) == (0, 100.0)


def test_fifty_visitors_look_unlike_three_hundred() -> None:
    land = choropleth.world(
        countries(BreakdownRow("US", "", 354, 1), BreakdownRow("BR", "", 53, 1)), Look.LIGHT, ATLAS
    )["data"][0]
    assert (land["z"][1] - land["zmin"]) / (land["zmax"] - land["zmin"]) < 0.5


def test_two_countries_that_are_nearly_equal_look_nearly_equal() -> None:
    land = choropleth.world(
        countries(BreakdownRow("US", "", 110, 1), BreakdownRow("DE", "", 100, 1)), Look.LIGHT, ATLAS
    )["data"][0]
    assert (land["z"][0] - land["z"][1]) / (land["zmax"] - land["zmin"]) < 0.05


def test_a_single_visitor_is_seen() -> None:
    land = choropleth.world(countries(BreakdownRow("DE", "Germany", 1, 100)), Look.LIGHT, ATLAS)["data"][0]
    assert land["z"] == [land["zmax"]]


def test_a_country_too_small_to_see_gets_a_dot_that_can_be_clicked() -> None:
    figure = choropleth.world(
        countries(BreakdownRow("SG", "Singapore", 5, 50), BreakdownRow("DE", "Germany", 5, 50)), Look.LIGHT, ATLAS
    )
    dots = figure["data"][1]
    assert dots["type"] == "scattergeo"
    assert [row[0] for row in dots["customdata"]] == ["SG"]
    assert dots["lon"] == [pytest.approx(103.8, abs=0.3)]


def test_visitors_from_nowhere_and_unknown_codes_are_not_drawn() -> None:
    unknown = countries(BreakdownRow(None, "Unknown", 9, 50), BreakdownRow("A1", "Proxy", 9, 50))
    assert choropleth.world(unknown, Look.LIGHT, ATLAS)["data"][0]["locations"] == []


def test_regions_are_those_of_the_open_country_only() -> None:
    figure = choropleth.regions(a_breakdown(Dimension.REGION, (*REGIONS, "US-CA", None)), "DE", Look.LIGHT, ATLAS)
    assert figure["data"][0]["locations"] == list(REGIONS)


def test_the_united_states_have_alaska_and_hawaii_beside_them() -> None:
    figure = choropleth.regions(a_breakdown(Dimension.REGION, ("US-AK",)), "US", Look.LIGHT, ATLAS)
    assert figure["layout"]["geo"]["projection"]["type"] == "albers usa"


def test_a_place_s_name_cannot_bring_markup_into_the_chart() -> None:
    figure = choropleth.world(
        countries(BreakdownRow("DE", "<a href='https://evil.example'>x</a>", 1, 1)), Look.LIGHT, ATLAS
    )
    assert "<a" not in json.dumps(figure)


def test_geometry_never_travels_with_the_numbers() -> None:
    everywhere = a_breakdown(Dimension.COUNTRY, sorted(ATLAS.codes))
    assert len(json.dumps(choropleth.world(everywhere, Look.LIGHT, ATLAS))) < 25_000
