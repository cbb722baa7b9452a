"""What every number means, in the words that cards, panels, reports and the API show. METRICS.md has the tests."""

from __future__ import annotations

from proprium.metrics.results import Metric

DEFINITIONS: dict[Metric, str] = {
    Metric.VISITORS: "Different people, as far as their browsers tell them apart.",
    Metric.NEW_VISITORS: "Visitors who came for the first time: session_start events.",
    Metric.SESSIONS: "Visits: hits of one visitor without a pause of 30 minutes, 24 hours at most.",
    Metric.PAGE_VIEWS: "Pages loaded, or changed to within a single-page app.",
    Metric.VIEWS_PER_SESSION: "Page views divided by sessions.",
    Metric.BOUNCE_RATE: "Sessions with one page view, under 10 s of attention, no link clicked and no custom event.",
    Metric.VISIT_DURATION: "From the first hit of a session to its last activity: half of all take longer.",
    Metric.TIME_ON_PAGE: "Mean time with the page in view and the reader active, over views of 1 s or more.",
    Metric.ENGAGEMENT_RATE: "Sessions that did not bounce.",
    Metric.SCROLL_DEPTH: "How far down a page was scrolled: the mean of each view's deepest, where it was told.",
    Metric.EXIT_RATE: "Page views that were the last of their session.",
    Metric.CLICKS: "Clicks that the script reported.",
    Metric.SCROLLS: "Scrolls that the script reported.",
    Metric.EVENTS: "Everything that was sent, by people.",
    Metric.CONVERSIONS: "Sessions in which a goal was reached, each counted once.",
    Metric.CONVERSION_RATE: "Sessions in which a goal was reached, of all sessions under the same filter.",
}
DAILY_VISITORS_DEFINITION = "The sum of daily visitors: without a cookie nobody is known for longer than a day."
