"""Metric definitions: the text that explains each metric on its card and in the explain panel.

tests/metrics/test_definitions.py tests them. Session timeout and engagement threshold are named with their
defaults; a property may set its own.
"""

from __future__ import annotations

from proprium.metrics.results import Metric

DEFINITIONS: dict[Metric, str] = {
    Metric.VISITORS: "Unique visitors, as far as their browsers can be distinguished.",
    Metric.NEW_VISITORS: "First-time visitors: session_start events.",
    Metric.SESSIONS: "Visits. A visit ends after 30 minutes of inactivity (by default), or after 24 hours.",
    Metric.PAGE_VIEWS: "Pages loaded, including route changes in single-page apps.",
    Metric.VIEWS_PER_SESSION: "Page views divided by sessions.",
    Metric.BOUNCE_RATE: (
        "Bounced sessions divided by all sessions. A session bounces with one page view, under 10 s of engagement "
        "(by default), no link click and no custom event."
    ),
    Metric.VISIT_DURATION: "Median time from the first hit of a session to its last activity.",
    Metric.TIME_ON_PAGE: (
        "Average time that a page was visible and its visitor active, over page views of at least 1 s."
    ),
    Metric.ENGAGEMENT_RATE: "Share of sessions that did not bounce.",
    Metric.SCROLL_DEPTH: "How far pages were scrolled: average maximum depth of the page views that reported it.",
    Metric.EXIT_RATE: "Share of page views that were the last of their session.",
    Metric.CLICKS: "Clicks reported by the tracking script.",
    Metric.SCROLLS: "Scroll events reported by the tracking script.",
    Metric.EVENTS: "All events from humans; bots are excluded.",
    Metric.CONVERSIONS: "Sessions that reached a goal, each counted once.",
    Metric.CONVERSION_RATE: "Share of sessions that reached a goal, under the same filters.",
}
DAILY_VISITORS_DEFINITION = "Sum of daily unique visitors: without a cookie, a visitor is recognised for one day only."
