"""Metric definitions as texts, with the session timeout and engagement threshold of the query's property.

tests/metrics/test_definitions.py tests what they say.
"""

from __future__ import annotations

from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.catalog.metrics import DAILY_VISITORS_DEFINITION, DAILY_VISITORS_TITLE, Metric
from proprium.metrics.query.query import Limits
from proprium.metrics.results import Totals


def definition(metric: Metric, limits: Limits, totals: Totals | None = None) -> str:
    """Returns what a metric means under a property's limits; with `totals`, what that value of it means."""
    if metric is Metric.VISITORS and totals is not None and totals.daily_visitors:
        return _(DAILY_VISITORS_DEFINITION)
    return _(
        metric.spec.definition,
        session_timeout=ngettext("{count} minute", "{count} minutes", limits.session_timeout_min),
        engagement_threshold=f"{limits.engagement_threshold_s:,} s",
    )


def title(metric: Metric, totals: Totals) -> str:
    """Returns a metric's title. Sums of daily visitors count people repeatedly, so they are titled as such."""
    is_daily = metric is Metric.VISITORS and totals.daily_visitors
    return _(DAILY_VISITORS_TITLE if is_daily else metric.spec.title)
