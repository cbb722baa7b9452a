"""Metric definitions as texts, with the session timeout and engagement threshold of the query's property.

tests/metrics/test_definitions.py tests what they say.
"""

from __future__ import annotations

from typing import Protocol

from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.catalog.metrics import DAILY_VISITORS_DEFINITION, DAILY_VISITORS_TITLE, Metric
from proprium.metrics.query.query import Limits
from proprium.metrics.results import Totals


def definition(metric: Metric, limits: Limits, totals: Totals | None = None) -> str:
    """Returns what a metric means under a property's limits; with `totals`, what that value of it means."""
    if metric is Metric.VISITORS and totals is not None and totals.daily_visitors:
        return _(DAILY_VISITORS_DEFINITION)
    if metric is Metric.VISITORS and totals is not None and totals.single_day_visitors:
        return ngettext(
            "Unique visitors, as far as their browsers can be distinguished. {count} of them has no cookie and was"
            " recognised for one day only.",
            "Unique visitors, as far as their browsers can be distinguished. {count} of them have no cookie and were"
            " recognised for one day only.",
            totals.single_day_visitors,
        )
    return _(
        metric.spec.definition,
        session_timeout=ngettext("{count} minute", "{count} minutes", limits.session_timeout_min),
        engagement_threshold=f"{limits.engagement_threshold_s:,} s",
    )


class MayCountDailyVisitors(Protocol):
    """A query or a result of one: Query, Totals, Breakdown, BreakdownTable."""

    @property
    def daily_visitors(self) -> bool: ...


def title(metric: Metric, result: MayCountDailyVisitors) -> str:
    """Returns a metric's title. Sums of daily visitors count people repeatedly, so they are titled as such."""
    return _(untranslated_title(metric, result))


def untranslated_title(metric: Metric, result: MayCountDailyVisitors) -> str:
    """Returns a metric's title as files for programs have it."""
    return DAILY_VISITORS_TITLE if metric is Metric.VISITORS and result.daily_visitors else metric.spec.title
