from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import plotly.graph_objects as go
import pytest

from proprium.figures.axis import HOVER_FORMATS
from proprium.figures.template import Figure, Look
from proprium.figures.timeline import timeline
from proprium.metrics.query.period import Interval
from proprium.metrics.results import Metric, Series
from tests.support.dashboards import BERLIN, a_series


def drawn(
    series: Series, previous: Series | None = None, metric: Metric = Metric.VISITORS, **options: object
) -> Figure:
    look = options.pop("look", Look.LIGHT)
    interval = options.pop("interval", Interval.DAY)
    figure = timeline(series, previous, metric, look, interval, **options)  # type: ignore[arg-type]
    go.Figure(data=figure["data"], layout=figure["layout"])  # raises for anything that plotly does not know
    json.dumps(figure, allow_nan=False)
    return figure


@pytest.mark.parametrize("look", Look)
@pytest.mark.parametrize("metric", Metric)
def test_plotly_accepts_every_metric_in_every_look(look: Look, metric: Metric) -> None:
    figure = drawn(a_series(), a_series(seed=9, running=False), metric, look=look)
    assert figure["data"][1]["y"] == list(a_series().values)


def test_the_bucket_that_still_runs_is_dashed_and_the_line_before_it_is_not() -> None:
    running = drawn(a_series(10, running=True))["data"]
    ended = drawn(a_series(10, running=False))["data"]
    solid, dashed = running[1], running[2]
    assert "dash" not in solid["line"]
    assert solid["x"] == running[0]["x"][:-1]
    assert dashed["line"]["dash"]
    assert dashed["x"] == running[0]["x"][-2:]
    assert not any("dash" in trace["line"] for trace in ended)


def dashes(series: Series) -> list[list[str]]:
    """The days of each dashed part."""
    return [
        [x[8:10] for x in trace["x"]]
        for trace in drawn(series)["data"]
        if "px" in trace.get("line", {}).get("dash", "")
    ]


@pytest.mark.parametrize(
    ("cut", "expected", "solid"),
    [
        ({}, [], 5),
        ({"is_start_cut": True}, [["19", "20"]], 4),
        ({"is_end_cut": True}, [["22", "23"]], 4),
        ({"is_running": True}, [["22", "23"]], 4),
        ({"is_start_cut": True, "is_end_cut": True, "is_running": True}, [["19", "20"], ["22", "23"]], 3),
    ],
)
def test_a_bucket_that_the_period_cuts_is_dashed_like_the_running_one(
    cut: dict[str, bool], expected: list[list[str]], solid: int
) -> None:
    series = replace(a_series(5, running=False), **cut)
    data = drawn(series)["data"]
    assert dashes(series) == expected
    assert len(data[1]["x"]) == solid
    marked = ["(incomplete)" in text for text in data[0]["customdata"]]
    assert marked == [series.is_partial(index) for index in range(5)]


@pytest.mark.parametrize("days", [1, 2])
def test_a_short_period_of_partial_buckets_is_drawn(days: int) -> None:
    data = drawn(replace(a_series(days), is_start_cut=True))["data"]
    assert [trace["x"] for trace in data if trace["mode"] == "markers"] == [[x] for x in data[0]["x"]]


def test_the_compared_period_is_dotted_and_lies_over_the_same_days() -> None:
    figure = drawn(a_series(10, running=False), a_series(12, seed=4, running=False))
    before, now = figure["data"][0], figure["data"][1]
    assert before["line"]["dash"] == "dot"
    assert before["x"] == now["x"]
    assert len(before["y"]) == 10


def test_times_are_those_of_the_property_s_clock() -> None:
    assert drawn(a_series(3))["data"][0]["x"] == ["2026-11-21T00:00", "2026-11-22T00:00", "2026-11-23T00:00"]


def test_a_day_without_a_rate_is_a_gap_and_a_lonely_value_is_a_dot() -> None:
    series = replace(a_series(5, running=False), values=(None, 40.0, None, 50.0, 60.0))
    figure = drawn(series, metric=Metric.BOUNCE_RATE)
    assert figure["data"][1]["marker"]["size"] == [0, 6, 0, 0, 0]


def test_the_axis_begins_at_zero_and_holds_both_periods() -> None:
    tall = replace(a_series(28, running=False), values=tuple([1_000] * 28))
    bottom, top = drawn(a_series(28), tall)["layout"]["yaxis"]["range"]
    assert bottom == 0
    assert top >= 1_000


def test_counts_have_no_halves_on_the_axis() -> None:
    one = replace(a_series(7), values=(0, 0, 1, 0, 0, 0, 0))
    assert drawn(one)["layout"]["yaxis"]["ticktext"] == ["0", "1"]


def test_an_empty_period_is_drawn_as_zeros() -> None:
    nothing = replace(a_series(7), values=(0,) * 7)
    assert drawn(nothing)["layout"]["yaxis"]["ticktext"] == ["0", "1"]


def test_a_line_does_not_swing_below_zero_beside_an_empty_day() -> None:
    def shapes(values: tuple[float | None, ...]) -> set[str]:
        series = replace(a_series(5, running=False), values=values)
        return {trace["line"]["shape"] for trace in drawn(series, series)["data"]}

    assert shapes((0, 0, 9, 0, 1)) == {"linear"}
    assert shapes((400, 380, 9, 420, 300)) == {"linear"}
    assert shapes((400, 380, None, 420, 300)) == {"spline"}


def test_the_hover_s_title_is_a_date_that_people_write() -> None:
    for interval in Interval:
        title = drawn(a_series(), interval=interval)["layout"]["xaxis"]["unifiedhovertitle"]["text"]
        assert title == f"%{{x|{HOVER_FORMATS[interval]}}}"


def test_one_more_visitor_does_not_move_the_axis() -> None:
    def axis(highest: int) -> list[float]:
        return list(drawn(replace(a_series(3), values=(10, 20, highest)))["layout"]["yaxis"]["range"])

    assert axis(501) == axis(502)


@pytest.mark.parametrize(
    ("metric", "highest", "labels"),
    [
        (Metric.BOUNCE_RATE, 80.0, ["0%", "20%", "40%", "60%", "80%"]),
        (Metric.VISIT_DURATION, 130.0, ["0s", "30s", "1m", "1m 30s", "2m"]),
        (Metric.VIEWS_PER_SESSION, 2.2, ["0", "0.5", "1", "1.5", "2"]),
        (Metric.VISITORS, 52_000, ["0", "20k", "40k"]),
    ],
)
def test_the_axis_is_labelled_in_the_metric_s_own_unit(metric: Metric, highest: float, labels: list[str]) -> None:
    figure = drawn(replace(a_series(2), values=(1.0, highest)), metric=metric)
    assert figure["layout"]["yaxis"]["ticktext"] == labels


def by_the_hour(count: int) -> Series:
    first = datetime(2026, 11, 23, tzinfo=BERLIN)
    return Series(tuple(first + timedelta(hours=hour) for hour in range(count)), (1,) * count)


def test_hours_are_labelled_on_round_hours_and_days_a_week_apart() -> None:
    day = drawn(by_the_hour(24), interval=Interval.HOUR)["layout"]["xaxis"]["ticktext"]
    assert day == ["23 Nov", "04:00", "08:00", "12:00", "16:00", "20:00"]
    assert drawn(a_series(28))["layout"]["xaxis"]["ticktext"] == ["28 Oct", "4 Nov", "11 Nov", "18 Nov"]


@pytest.mark.parametrize("count", [1, 2, 7, 14, 28, 30, 90, 365, 1200])
def test_labels_fit_on_a_phone(count: int) -> None:
    assert 1 <= len(drawn(a_series(count))["layout"]["xaxis"]["ticktext"]) <= 6


def test_the_name_of_a_custom_event_stays_text() -> None:
    figure = drawn(a_series(), title="<b>x</b><a href='https://evil.example'>y</a>")
    assert "<b>x" not in json.dumps(figure)
    assert "&lt;b&gt;x" in figure["data"][0]["hovertemplate"]


def test_an_update_is_a_few_kilobytes() -> None:
    figure = drawn(a_series(28), a_series(28, seed=9))
    assert len(json.dumps(figure)) < 8_000
