"""Metrics: one entry each, with title, definition, unit and formula. Nothing else in the code says what a metric is.

An entry is all that cards, charts, tables, CSV, API, reports and the explain panel need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from proprium.i18n import N_, ngettext
from proprium.metrics.catalog import facts
from proprium.metrics.catalog.facts import Fact, Rows
from proprium.metrics.catalog.formulas import Complement, Count, Formula, Mean, Measure, Ratio


class Unit(StrEnum):
    """Units of a metric's values, as written in JSON."""

    COUNT = "count"
    PERCENT = "percent"  # 0..100
    SECONDS = "seconds"
    RATIO = "ratio"


class CardGroup(IntEnum):
    """Groups of cards, in their order; cards of a group are in the catalog's order."""

    AUDIENCE = 1
    ENGAGEMENT = 2
    ACTIVITY = 3
    GOALS = 4


@dataclass(frozen=True)
class MetricSpec:
    """The record of a metric. Texts are marked for translation; display them through `gettext`.

    `definition` may have the placeholders of `metrics.definitions.definition`, which are the property's own limits.
    """

    key: str  # on the wire: JSON, CSV, URLs
    title: str
    definition: str
    unit: Unit
    formula: Formula
    count_text: Callable[[int], str] | None = None  # a number with its noun, of metrics that rows are ranked by
    mean: Formula | None = None  # of a median: the mean, shown beside it
    lower_is_better: bool = False
    card_group: CardGroup = CardGroup.ACTIVITY
    has_card: bool = True  # False: in tables, API and on request only
    needs_goals: bool = False  # None for properties without goals
    needs_exits: bool = False  # None where the query leaves out exits, which are expensive to read

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self.formula.facts if self.mean is None else (*self.formula.facts, *self.mean.facts)

    @property
    def scope(self) -> frozenset[Rows]:
        """The kinds of rows that the metric is computed from."""
        return frozenset(fact.rows for fact in self.facts)


class Metric(StrEnum):
    """All metrics, in the order of JSON and CSV. A member is its key and has its record as `spec`."""

    spec: MetricSpec

    def __new__(cls, spec: MetricSpec | str) -> Metric:
        """Makes a member of its record; a str is only looked up (`Metric("visitors")`), by the enum itself."""
        assert isinstance(spec, MetricSpec)
        member = str.__new__(cls, spec.key)
        member._value_ = spec.key
        member.spec = spec
        return member

    VISITORS = MetricSpec(
        key="visitors",
        title=N_("Visitors"),
        definition=N_("Unique visitors, as far as their browsers can be distinguished."),
        unit=Unit.COUNT,
        formula=Count(facts.VISITORS),
        count_text=lambda count: ngettext("{count} visitor", "{count} visitors", count),
        card_group=CardGroup.AUDIENCE,
    )
    NEW_VISITORS = MetricSpec(
        key="new_visitors",
        title=N_("New visitors"),
        definition=N_("First-time visitors: session_start events."),
        unit=Unit.COUNT,
        formula=Count(facts.NEW_VISITORS),
        card_group=CardGroup.AUDIENCE,
    )
    SESSIONS = MetricSpec(
        key="sessions",
        title=N_("Sessions"),
        definition=N_("Visits. A visit ends after {session_timeout} of inactivity, or after 24 hours."),
        unit=Unit.COUNT,
        formula=Count(facts.SESSIONS),
        count_text=lambda count: ngettext("{count} session", "{count} sessions", count),
        card_group=CardGroup.AUDIENCE,
    )
    PAGE_VIEWS = MetricSpec(
        key="page_views",
        title=N_("Page views"),
        definition=N_("Pages loaded, including route changes in single-page apps."),
        unit=Unit.COUNT,
        formula=Count(facts.PAGE_VIEWS),
        count_text=lambda count: ngettext("{count} page view", "{count} page views", count),
        card_group=CardGroup.AUDIENCE,
    )
    VIEWS_PER_SESSION = MetricSpec(
        key="views_per_session",
        title=N_("Views per session"),
        definition=N_("Page views divided by sessions."),
        unit=Unit.RATIO,
        formula=Ratio(facts.PAGE_VIEWS, facts.SESSIONS),
        card_group=CardGroup.AUDIENCE,
    )
    BOUNCE_RATE = MetricSpec(
        key="bounce_rate",
        title=N_("Bounce rate"),
        definition=N_(
            "Bounced sessions divided by all sessions. A session bounces with one page view, under"
            " {engagement_threshold} of engagement, no link click and no custom event."
        ),
        unit=Unit.PERCENT,
        formula=Ratio(facts.BOUNCES, facts.SESSIONS, factor=100),
        lower_is_better=True,
        card_group=CardGroup.ENGAGEMENT,
    )
    ENGAGEMENT_RATE = MetricSpec(
        key="engagement_rate",
        title=N_("Engagement"),
        definition=N_("Share of sessions that did not bounce."),
        unit=Unit.PERCENT,
        formula=Complement(Ratio(facts.BOUNCES, facts.SESSIONS, factor=100)),
        card_group=CardGroup.ENGAGEMENT,
    )
    VISIT_DURATION = MetricSpec(
        key="visit_duration",
        title=N_("Visit duration"),
        definition=N_("Median time from the first hit of a session to its last activity."),
        unit=Unit.SECONDS,
        formula=Measure(facts.DURATION_MEDIAN),
        mean=Measure(facts.DURATION_MEAN),
        card_group=CardGroup.ENGAGEMENT,
    )
    TIME_ON_PAGE = MetricSpec(
        key="time_on_page",
        title=N_("Time on page"),
        definition=N_("Average time that a page was visible and its visitor active, over page views of at least 1 s."),
        unit=Unit.SECONDS,
        formula=Mean(facts.ENGAGED_MS, facts.ENGAGED_VIEWS, divisor=1_000),
        card_group=CardGroup.ENGAGEMENT,
    )
    CLICKS = MetricSpec(
        key="clicks",
        title=N_("Clicks"),
        definition=N_("Clicks reported by the tracking script."),
        unit=Unit.COUNT,
        formula=Count(facts.CLICKS),
    )
    SCROLLS = MetricSpec(
        key="scrolls",
        title=N_("Scrolls"),
        definition=N_("Scroll events reported by the tracking script."),
        unit=Unit.COUNT,
        formula=Count(facts.SCROLLS),
    )
    EVENTS = MetricSpec(
        key="events",
        title=N_("Events"),
        definition=N_("All events from humans; bots are excluded."),
        unit=Unit.COUNT,
        formula=Count(facts.EVENTS),
        count_text=lambda count: ngettext("{count} event", "{count} events", count),
    )
    SCROLL_DEPTH = MetricSpec(
        key="scroll_depth",
        title=N_("Scroll depth"),
        definition=N_("How far pages were scrolled: average maximum depth of the page views that reported it."),
        unit=Unit.PERCENT,
        formula=Mean(facts.DEPTH, facts.DEPTH_VIEWS),
        card_group=CardGroup.ENGAGEMENT,
    )
    EXIT_RATE = MetricSpec(
        key="exit_rate",
        title=N_("Exit rate"),
        definition=N_("Share of page views that were the last of their session."),
        unit=Unit.PERCENT,
        formula=Ratio(facts.EXITS, facts.PAGE_VIEWS, factor=100),
        lower_is_better=True,
        card_group=CardGroup.ENGAGEMENT,
        has_card=False,  # describes a page and says little about a whole site
        needs_exits=True,
    )
    CONVERSIONS = MetricSpec(
        key="conversions",
        title=N_("Conversions"),
        definition=N_("Sessions that reached a goal, each counted once."),
        unit=Unit.COUNT,
        formula=Count(facts.CONVERTED),
        card_group=CardGroup.GOALS,
        needs_goals=True,
    )
    CONVERSION_RATE = MetricSpec(
        key="conversion_rate",
        title=N_("Conversion rate"),
        definition=N_("Share of sessions that reached a goal, under the same filters."),
        unit=Unit.PERCENT,
        formula=Ratio(facts.CONVERTED, facts.SESSIONS, factor=100),
        card_group=CardGroup.GOALS,
        needs_goals=True,
    )


RATES = frozenset(metric for metric in Metric if metric.spec.unit is Unit.PERCENT)
DURATIONS = frozenset(metric for metric in Metric if metric.spec.unit is Unit.SECONDS)
GOAL_METRICS = frozenset(metric for metric in Metric if metric.spec.needs_goals)

DAILY_VISITORS_TITLE = N_("Daily visitors")
DAILY_VISITORS_DEFINITION = N_(
    "Sum of daily unique visitors: without a cookie, a visitor is recognised for one day only."
)
"""Title and definition of VISITORS over several days with cookieless visitors (`Totals.daily_visitors`)."""


def cards(*, has_goals: bool) -> tuple[Metric, ...]:
    """Returns the metrics that dashboards and reports show on cards, in their order."""
    return tuple(metric for metric in by_group(has_goals=has_goals) if metric.spec.has_card)


def by_group(*, has_goals: bool) -> tuple[Metric, ...]:
    """Returns all metrics of a property, in the order of the cards."""
    return tuple(
        sorted(
            (metric for metric in Metric if has_goals or not metric.spec.needs_goals),
            key=lambda metric: metric.spec.card_group,
        )
    )


def facts_of(metrics: tuple[Metric, ...]) -> tuple[Fact, ...]:
    """Returns the facts that metrics are computed from, each once."""
    return tuple(dict.fromkeys(fact for metric in metrics for fact in metric.spec.facts))
