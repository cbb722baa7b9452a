"""The change beside a number, as a reader sees it."""

from __future__ import annotations

import pytest

from proprium.metrics.comparison import Change, ChangeFormat, change
from proprium.metrics.results import Metric


@pytest.mark.parametrize(
    ("now", "before", "metric", "text", "is_good"),
    [
        (112, 100, Metric.VISITORS, "+12.0%", True),
        (88, 100, Metric.VISITORS, "−12.0%", False),
        (100, 100, Metric.VISITORS, "0%", None),
        (100_004, 100_000, Metric.VISITORS, "0%", None),
        (1_099, 100, Metric.VISITORS, "+999.0%", True),
        (1_100, 100, Metric.VISITORS, ">999 %", True),
        (2_615_430, 300, Metric.EVENTS, ">999 %", True),
        (3_600.0, 2.0, Metric.VISIT_DURATION, ">999 %", True),
        (3, 0, Metric.VISITORS, "new", True),
        (40, 0, Metric.VISITORS, "new", True),
        (30.0, 0.0, Metric.VISIT_DURATION, "new", True),
        (40.0, 0.0, Metric.BOUNCE_RATE, "+40.0 pp", False),
        (0, 0, Metric.VISITORS, "–", None),
        (0, 40, Metric.VISITORS, "−100.0%", False),
        (29, 12, Metric.VISITORS, "+17", True),
        (12, 29, Metric.VISITORS, "−17", False),
        (7, 7, Metric.VISITORS, "0", None),
        (30, 12, Metric.VISITORS, "+150.0%", True),
        (41.8, 45.2, Metric.BOUNCE_RATE, "−3.4 pp", True),
        (45.2, 41.8, Metric.BOUNCE_RATE, "+3.4 pp", False),
        (58.2, 54.8, Metric.ENGAGEMENT_RATE, "+3.4 pp", True),
        (2.37, 2.4, Metric.VIEWS_PER_SESSION, "−1.2%", False),
        (20.0, 10.0, Metric.TIME_ON_PAGE, "+100.0%", True),
        (None, 10.0, Metric.VISIT_DURATION, "–", None),
        (5, None, Metric.VISITORS, "–", None),
        (12, 3, None, "+9", True),
    ],
)
def test_a_change_is_shown_so(
    now: float | None, before: float | None, metric: Metric | None, text: str, is_good: bool | None
) -> None:
    result = change(now, before, metric)
    assert (result.text, result.is_good) == (text, is_good)


def test_the_number_behind_the_text_is_there() -> None:
    assert change(112, 100, Metric.VISITORS) == Change(ChangeFormat.PERCENT, "+12.0%", True, 12.0)
    assert change(1_200, 100, Metric.VISITORS) == Change(ChangeFormat.PERCENT, ">999 %", True, 1_100.0)


@pytest.mark.parametrize("metric", Metric)
def test_what_began_after_the_compared_period_did_is_new_in_every_metric(metric: Metric) -> None:
    """Half a week of data before a whole week says when tracking began, whatever the numbers are."""
    for before in (0, 12, 100, 100_000, None):
        result = change(40, before, metric, is_comparable=False)
        assert (result.text, result.kind, result.is_good) == ("new", ChangeFormat.NEW, None)
    for nothing in (0, None):
        assert change(nothing, 12, metric, is_comparable=False).text == "–"
