from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from proprium.figures.heatmap import busiest_hour_text, heatmap
from proprium.figures.template import Look
from proprium.metrics.results import Breakdown, BreakdownRow


def cells(**counts: int) -> Breakdown:
    """Keyword names are values with an underscore: mon 9 o'clock is c1_09."""
    rows = tuple(BreakdownRow(name[1:].replace("_", "-"), "", count, 0) for name, count in counts.items())
    return Breakdown("weekday_hour", rows, sum(counts.values()), len(rows))


@pytest.mark.parametrize("look", Look)
def test_plotly_accepts_it_in_every_look_and_empty(look: Look) -> None:
    for shown in (cells(), cells(c1_09=3, c7_23=1)):
        figure = heatmap(shown, look)
        go.Figure(data=figure["data"], layout=figure["layout"])
        json.dumps(figure, allow_nan=False)


def test_monday_is_first_and_an_hour_without_views_is_empty_not_missing() -> None:
    (trace,) = heatmap(cells(c1_09=25, c7_23=900), Look.LIGHT)["data"]
    assert trace["y"][0] == "Mon"
    assert trace["y"][-1] == "Sun"
    assert (trace["z"][0][9], trace["z"][6][23], trace["z"][3][12]) == (5, 30, 0)
    assert [len(trace["z"]), *{len(line) for line in trace["z"]}] == [7, 24]


def test_a_cell_tells_its_filter_its_name_and_the_exact_number() -> None:
    (trace,) = heatmap(cells(c7_23=1_200), Look.LIGHT)["data"]
    assert trace["customdata"][6][23] == ["7-23", "Sunday 23:00", "1,200 page views"]
    assert trace["customdata"][0][0] == ["1-00", "Monday 00:00", "0 page views"]


def test_the_busiest_hour_is_told_in_words() -> None:
    assert busiest_hour_text(cells(c1_09=30, c7_23=1_200)) == "Busiest hour: Sunday 23:00, 1,200 page views"
    assert busiest_hour_text(cells()) == "No data in this period"
