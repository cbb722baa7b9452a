from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import plotly.graph_objects as go
import pytest

from proprium.figures.axis import HOVER_FORMATS, MAX_LABELS, MAX_LABELS_ON_PHONE
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
    marked = ["(incomplete)" in text for text in tooltips(drawn(series))]
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


@pytest.mark.parametrize("values", [(0, 0, 9, 0, 1), (400, 380, 9, 420, 300), (400, 380, None, 420, 300)])
def test_lines_between_counts_are_straight(values: tuple[float | None, ...]) -> None:
    series = replace(a_series(5), values=values)
    lines = [trace["line"] for trace in drawn(series, series)["data"] if trace["mode"] != "markers"]
    assert {line.get("shape", "linear") for line in lines} == {"linear"}
    assert not any("smoothing" in line for line in lines)


def tooltips(figure: Figure) -> list[str]:
    """The texts of the one trace that has tooltips."""
    (trace,) = [trace for trace in figure["data"] if trace.get("hoverinfo") != "skip"]
    assert "%{customdata}" in trace["hovertemplate"]
    return list(trace["customdata"])


def test_a_tooltip_has_both_values_the_change_and_the_other_date() -> None:
    series = replace(a_series(3, running=False), values=(60, 0, 90))
    before = Series(tuple(start - timedelta(days=28) for start in series.starts), (80, 0, 0))
    assert tooltips(drawn(series, before)) == [
        "Visitors: <b>60</b> (−25.0%)<br>Saturday, 24 Oct 2026: 80",
        "Visitors: <b>0</b><br>Sunday, 25 Oct 2026: 0",
        "Visitors: <b>90</b> (new)<br>Monday, 26 Oct 2026: 0",
    ]


def test_a_running_bucket_is_not_said_to_have_fallen() -> None:
    series = replace(a_series(2, running=True), values=(60, 3))
    assert "%" in tooltips(drawn(series, replace(series, values=(80, 80))))[0]
    assert "%" not in tooltips(drawn(series, replace(series, values=(80, 80))))[1]


@pytest.mark.parametrize("look", Look)
def test_the_hover_line_has_the_theme_s_colour_and_no_edge(look: Look) -> None:
    layout = drawn(a_series(), look=look)["layout"]
    assert layout["xaxis"]["spikecolor"] == look.value.muted
    assert (layout["xaxis"]["spikethickness"], layout["xaxis"]["spikedash"]) == (1, "solid")
    assert layout["plot_bgcolor"] == look.value.card


def test_the_rest_of_today_is_on_the_axis_with_what_was_there_before() -> None:
    so_far = replace(by_the_hour(10), is_running=True)
    day = by_the_hour(24)
    figure = drawn(so_far, day, interval=Interval.HOUR, starts=day.starts)
    assert figure["layout"]["xaxis"]["range"] == ["2026-11-23T00:00", "2026-11-23T23:00"]
    assert len(figure["data"][0]["x"]) == 24
    assert len(figure["data"][1]["x"]) == 10
    texts = tooltips(figure)
    assert texts[9].startswith("Visitors: <b>1 (incomplete)</b>")
    assert texts[20] == "Mon 23 Nov 2026, 20:00: 1"


@pytest.mark.parametrize("interval", Interval)
def test_a_tooltip_begins_with_the_date_as_people_write_it(interval: Interval) -> None:
    (template,) = [
        trace["hovertemplate"] for trace in drawn(a_series(), interval=interval)["data"] if "customdata" in trace
    ]
    assert template.startswith(f"<b>%{{x|{HOVER_FORMATS[interval]}}}</b><br>%{{customdata}}")


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


def labels(series: Series, interval: Interval = Interval.DAY, max_labels: int = MAX_LABELS) -> list[str]:
    return list(drawn(series, interval=interval, max_labels=max_labels)["layout"]["xaxis"]["ticktext"])


def by_the_week(count: int) -> Series:
    first = datetime(2025, 12, 1, tzinfo=BERLIN)
    return Series(tuple(first + timedelta(weeks=week) for week in range(count)), (1,) * count)


def test_every_day_of_a_week_and_every_month_of_a_year_is_labelled() -> None:
    assert labels(a_series(3)) == ["21 Nov", "22 Nov", "23 Nov"]
    assert len(labels(a_series(7))) == len(labels(a_series(7), max_labels=MAX_LABELS_ON_PHONE)) == 7
    year = labels(by_the_week(52), Interval.WEEK)
    assert year[:3] == ["5 Jan", "2 Feb", "2 Mar"]
    assert len(year) == 11


def test_hours_are_labelled_on_round_hours() -> None:
    assert labels(by_the_hour(24), Interval.HOUR) == ["23 Nov", *(f"{hour:02}:00" for hour in range(2, 24, 2))]
    on_a_phone = labels(by_the_hour(24), Interval.HOUR, MAX_LABELS_ON_PHONE)
    assert on_a_phone == ["23 Nov", "04:00", "08:00", "12:00", "16:00", "20:00"]


@pytest.mark.parametrize("max_labels", [MAX_LABELS, MAX_LABELS_ON_PHONE])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 14, 28, 30, 90, 100, 365, 1200])
def test_labels_fit_and_are_not_too_few(count: int, max_labels: int) -> None:
    assert min(count, max_labels / 2) <= len(labels(a_series(count), max_labels=max_labels)) <= max_labels


def test_the_name_of_a_custom_event_stays_text() -> None:
    figure = drawn(a_series(), title="<b>x</b><a href='https://evil.example'>y</a>")
    assert "<b>x" not in json.dumps(figure)
    assert "&lt;b&gt;x" in tooltips(figure)[0]


def test_an_update_is_a_few_kilobytes() -> None:
    figure = drawn(a_series(28), a_series(28, seed=9))
    assert len(json.dumps(figure)) < 8_000
