from __future__ import annotations

import pytest

from proprium.figures import numbers
from proprium.metrics.results import Metric


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (12_431, "12.4k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_049_000, "1.05M"),
        (3_200_000_000, "3.2B"),
        (-12_431, "−12.4k"),
    ],
)
def test_large_counts_are_shortened_and_small_ones_are_exact(value: int, text: str) -> None:
    assert numbers.short(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (134, "2m 14s"), (3599.6, "1h 00m"), (3780, "1h 03m")],
)
def test_durations_carry_over_when_they_are_rounded(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


def test_a_share_that_is_not_nothing_is_never_shown_as_nothing() -> None:
    assert [numbers.share(value) for value in (0, 0.2, 0.49, 0.5, 40.4)] == ["0%", "<1%", "<1%", "1%", "40%"]


def test_a_rate_of_nothing_is_a_dash() -> None:
    assert numbers.format_metric(Metric.BOUNCE_RATE, None) == "–"


@pytest.mark.parametrize(
    ("metric", "value", "card", "exact"),
    [
        (Metric.VISITORS, 12_431, "12.4k", "12,431"),
        (Metric.BOUNCE_RATE, 41.83, "41.8%", "41.8%"),
        (Metric.ENGAGEMENT_RATE, 100.0, "100%", "100%"),
        (Metric.VIEWS_PER_SESSION, 1.9, "1.90", "1.90"),
        (Metric.TIME_ON_PAGE, 48.2, "48s", "48s"),
    ],
)
def test_each_metric_has_its_own_form(metric: Metric, value: float, card: str, exact: str) -> None:
    assert numbers.format_metric(metric, value) == card
    assert numbers.format_metric_exact(metric, value) == exact


def test_every_metric_has_a_title() -> None:
    assert set(numbers.METRIC_TITLES) == set(Metric)
