"""A result of one's own SQL as a chart: what is guessed, and what is drawn."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest

from proprium.figures.outcome import MAX_POINTS, ChartKind, ChartPlan, guess_chart, result_chart
from proprium.figures.template import Look
from proprium.sql_console.results import ResultColumn, SqlResult


def a_result(columns: dict[str, str], *rows: tuple[Any, ...]) -> SqlResult:
    return SqlResult(
        tuple(ResultColumn(name, kind) for name, kind in columns.items()), [list(row) for row in rows], 0.01
    )


BY_PAGE = a_result({"page": "VARCHAR", "views": "BIGINT"}, ("/", 5), ("/pricing", 3))
BY_DAY = a_result(
    {"views": "BIGINT", "at": "TIMESTAMP WITH TIME ZONE"},
    (5, "2026-11-01 00:00:00+01:00"),
    (3, "2026-11-02 00:00:00+01:00"),
)
BY_BOT = a_result({"kind": "VARCHAR", "bot": "VARCHAR", "n": "BIGINT"}, ("AI", "a", 1), ("AI", "b", 2))
PAIRS = a_result({"a": "DOUBLE", "b": "DECIMAL(9,2)"}, (1.5, 2), (2.5, 3))


@pytest.mark.parametrize(
    ("result", "plan"),
    [
        (BY_PAGE, ChartPlan(ChartKind.BAR, 0, 1)),
        (BY_DAY, ChartPlan(ChartKind.LINE, 1, 0)),
        (PAIRS, ChartPlan(ChartKind.SCATTER, 0, 1)),
        (
            a_result({"kind": "VARCHAR", "bot": "VARCHAR", "n": "BIGINT"}, ("AI", "a", 1), ("AI", "b", 2)),
            ChartPlan(ChartKind.BAR, 1, 2),
        ),
        (a_result({"page": "VARCHAR", "visitor": "BIGINT"}, ("/", 7), ("/", 8)), ChartPlan(ChartKind.NONE, 0, 1)),
        (a_result({f"c{n}": "BIGINT" for n in range(9)}, (0,) * 9, (1,) * 9), ChartPlan(ChartKind.NONE, 0, 0)),
        (a_result({"page": "VARCHAR"}, ("/",), ("/a",)), ChartPlan(ChartKind.NONE)),
        (a_result({"n": "BIGINT"}, (1,), (2,)), ChartPlan(ChartKind.NONE)),
        (a_result({"page": "VARCHAR", "n": "BIGINT"}, ("/", 1)), ChartPlan(ChartKind.NONE, 0, 1)),
        (a_result({"page": "VARCHAR", "n": "BIGINT"}), ChartPlan(ChartKind.NONE, 0, 1)),
    ],
    ids=[
        "texts",
        "times",
        "numbers",
        "groups in groups",
        "single hits",
        "too wide",
        "no number",
        "one number",
        "one row",
        "no rows",
    ],
)
def test_the_first_text_or_time_is_drawn_along_and_the_first_number_upwards(result: SqlResult, plan: ChartPlan) -> None:
    assert guess_chart(result) == plan


@pytest.mark.parametrize("kind", [ChartKind.BAR, ChartKind.LINE, ChartKind.SCATTER])
@pytest.mark.parametrize("result", [BY_PAGE, BY_DAY, PAIRS], ids=["texts", "times", "numbers"])
@pytest.mark.parametrize("look", [Look.LIGHT, Look.DARK])
def test_plotly_takes_every_chart(kind: ChartKind, result: SqlResult, look: Look) -> None:
    plan = guess_chart(result)
    figure = result_chart(result, ChartPlan(kind, plan.x, plan.y), look)
    go.Figure({"data": figure["data"], "layout": figure["layout"]})
    assert len(figure["data"][0]["x"]) == len(figure["data"][0]["y"]) == 2


def test_times_stand_where_the_clock_there_shows_them() -> None:
    assert result_chart(BY_DAY, guess_chart(BY_DAY), Look.LIGHT)["data"][0]["x"] == [
        "2026-11-01 00:00:00",
        "2026-11-02 00:00:00",
    ]


def test_what_visitors_wrote_is_text_in_it() -> None:
    evil = "<a href='https://evil.example'><b>x</b></a>"
    result = a_result({"page": "VARCHAR", evil: "BIGINT"}, (evil, 1), (None, 2), ("&lt;", 3))
    figure = result_chart(result, guess_chart(result), Look.LIGHT)
    assert "<a" not in str(figure)
    assert "<b>x" not in str(figure)
    assert figure["data"][0]["x"][1:] == ["NULL", "&amp;lt;"]


def test_what_is_no_number_leaves_a_gap() -> None:
    result = a_result({"page": "VARCHAR", "n": "DOUBLE"}, ("/", "nan"), ("/a", None), ("/b", 2.5))
    assert result_chart(result, guess_chart(result), Look.LIGHT)["data"][0]["y"] == [None, None, 2.5]


def test_a_long_result_is_drawn_from_its_first_rows() -> None:
    result = a_result({"page": "VARCHAR", "n": "BIGINT"}, *((f"/{n}", n) for n in range(MAX_POINTS + 5)))
    assert len(result_chart(result, guess_chart(result), Look.LIGHT)["data"][0]["x"]) == MAX_POINTS
