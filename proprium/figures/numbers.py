"""Number formatting: the same text on cards, in charts, in the PDF and in Markdown."""

from __future__ import annotations

from proprium.metrics.catalog.metrics import DURATIONS, RATES, Metric, Unit, by_group

NO_VALUE = "–"
MINUS = "\u2212"

METRIC_TITLES: dict[Metric, str] = {metric: metric.spec.title for metric in by_group(has_goals=True)}
"""Titles from the catalog, in the order of the cards."""


def format_metric(metric: Metric, value: float | None) -> str:
    """Formats the value of a card, rounded once: "12.4k", "41.8%", "2m 14s", "2.37"."""
    if value is None:
        return NO_VALUE
    if metric in RATES:
        return percent(value)
    if metric in DURATIONS:
        return duration(value)
    if metric.spec.unit is Unit.RATIO:
        return f"{value:.2f}"
    return short(value)


def format_metric_exact(metric: Metric, value: float | None) -> str:
    """Formats a value for tooltips and tables, counts unrounded: "12,431"."""
    if value is None or metric in RATES | DURATIONS or metric.spec.unit is Unit.RATIO:
        return format_metric(metric, value)
    return exact(value)


def exact(value: float) -> str:
    """Formats a whole number: "12,431"."""
    return f"{value:,.0f}".replace("-", MINUS)


def short(value: float) -> str:
    """Formats a number with at most four digits, exact below ten thousand: "9,999", "12.4k", "1.05M"."""
    size = abs(value)
    if size < 9_999.5:
        return exact(value)
    for limit, unit in ((999.5e3, "k"), (999.5e6, "M"), (float("inf"), "B")):
        if size < limit:
            scaled = size / {"k": 1e3, "M": 1e6, "B": 1e9}[unit]
            break
    sign = MINUS if value < 0 else ""
    digits = f"{scaled:.3g}" if scaled < 999.5 else f"{scaled:,.0f}"
    return f"{sign}{digits}{unit}"


def duration(seconds: float) -> str:
    """Formats a duration: "0s", "48s", "2m 14s", "1h 03m"."""
    whole_seconds = round(seconds)
    if whole_seconds < 60:
        return f"{whole_seconds}s"
    if whole_seconds < 3600:
        return f"{whole_seconds // 60}m {whole_seconds % 60:02d}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h {minutes % 60:02d}m"


def percent(value: float) -> str:
    """Formats a percentage: "41.8%", without decimals from 100 on."""
    return f"{value:.1f}%" if abs(value) < 99.95 else f"{value:.0f}%"


def share(value: float) -> str:
    """Formats the share of a row in whole percents; "<1%" below 0.5, so that no share above 0 reads as "0%"."""
    if 0 < value < 1:
        return "<1%" if value < 0.5 else "1%"
    return f"{value:.0f}%"
