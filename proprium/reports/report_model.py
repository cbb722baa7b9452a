"""What a report says, before it is HTML or Markdown: the dashboard's numbers as the texts that its page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from maps.atlas import Atlas
from proprium.figures import choropleth, numbers
from proprium.figures.heatmap import heatmap
from proprium.figures.names import name_of, named
from proprium.figures.template import Figure, Look
from proprium.figures.timeline import timeline
from proprium.metrics.comparison import Change, change
from proprium.metrics.query.period import Compare
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dashboard, Dimension, Metric, Series

ROWS = 10
PLACES = "Places: IP Geolocation by DB-IP (db-ip.com). Maps: Natural Earth."


class Paper(StrEnum):
    A4 = "A4"
    LETTER = "letter"


@dataclass(frozen=True)
class Facts:
    """What a report must know beside the numbers. `custom_event` draws that event's chart instead of `metric`'s."""

    property_name: str
    metric: Metric = Metric.VISITORS
    custom_event: str | None = None
    paper: Paper = Paper.A4

    def file_name(self, dashboard: Dashboard, suffix: str) -> str:
        """ "example-com-2026-10-27-2026-11-23.pdf": safe in a header and on every disk."""
        name = re.sub(r"[^a-z0-9]+", "-", self.property_name.lower()).strip("-")[:60] or "report"
        period = dashboard.query.period
        return f"{name}-{period.first_day}-{period.last_day}.{suffix}"


@dataclass(frozen=True)
class Card:
    label: str
    value: str
    change: Change | None


@dataclass(frozen=True)
class Table:
    title: str
    unit: str
    rows: tuple[TableRow, ...]
    more: int  # rows that are not shown


@dataclass(frozen=True)
class TableRow:
    label: str
    count: str
    share: str
    width_percent: float  # of the bar: 100 for the first row
    country: str | None = None  # alpha-2, where there is a flag to show


@dataclass(frozen=True)
class GoalRow:
    name: str
    conversions: str
    rate: str  # of all sessions
    change: Change | None


@dataclass(frozen=True)
class Content:
    property_name: str
    head: tuple[tuple[str, str], ...]  # (what, text): period, compared period, filters, time, live visitors
    cards: tuple[Card, ...]
    chart_title: str
    chart: Figure
    chart_legend: str
    map_title: str
    map: Figure
    country: str | None  # whose regions the map shows; None: the world
    goals: tuple[GoalRow, ...]
    week: Figure | None  # weekday × hour; None: nothing was viewed, or nobody asked
    tables: tuple[Table, ...]
    empty: tuple[str, ...]  # titles of the tables that have nothing in this period
    bots: str
    foot: str


TABLES: tuple[tuple[str, Dimension], ...] = (
    ("Pages", Dimension.PAGE),
    ("Entry pages", Dimension.ENTRY_PAGE),
    ("Exit pages", Dimension.EXIT_PAGE),
    ("All events by page", Dimension.EVENT_PAGE),
    ("Channels", Dimension.CHANNEL),
    ("Referrers", Dimension.REFERRER),
    ("UTM sources", Dimension.UTM_SOURCE),
    ("UTM media", Dimension.UTM_MEDIUM),
    ("UTM campaigns", Dimension.UTM_CAMPAIGN),
    ("UTM terms", Dimension.UTM_TERM),
    ("UTM contents", Dimension.UTM_CONTENT),
    ("Countries", Dimension.COUNTRY),
    ("Regions", Dimension.REGION),
    ("Cities", Dimension.CITY),
    ("Devices", Dimension.DEVICE),
    ("Browsers", Dimension.BROWSER),
    ("Platforms", Dimension.PLATFORM),
    ("Screens", Dimension.SCREEN),
    ("Languages", Dimension.LANGUAGE),
    ("Custom events", Dimension.EVENT),
    ("Bots", Dimension.BOT),
    ("Kinds of bots", Dimension.BOT_CATEGORY),
    ("Pages that bots read", Dimension.BOT_PAGE),
)


def content(dashboard: Dashboard, facts: Facts, atlas: Atlas) -> Content:
    breakdowns = named(dashboard.breakdowns, name_of(atlas))
    tables = tuple(_table(title, breakdowns[key]) for title, key in TABLES if key in breakdowns)
    title, series, previous = _drawn(dashboard, facts)
    country = _mapped_country(dashboard.query, atlas)
    return Content(
        property_name=facts.property_name,
        head=tuple(_head(dashboard, atlas)),
        cards=tuple(_cards(dashboard)),
        chart_title=title,
        chart=_chart(dashboard, facts, series, previous),
        chart_legend=_legend(dashboard.query, previous),
        map_title=f"{atlas.name(country)}: visitors by region" if country else "Visitors by country",
        map=_map(breakdowns, country, atlas),
        country=country,
        goals=tuple(_goals(dashboard)),
        week=_week(breakdowns.get(Dimension.WEEKDAY_HOUR)),
        tables=tuple(table for table in tables if table.rows),
        empty=tuple(table.title for table in tables if not table.rows),
        bots=f"{numbers.exact(dashboard.totals.bots)} hits by bots stand in no other number.",
        foot=f"From {numbers.exact(dashboard.rows_read)} events, bots included. {PLACES}",
    )


def _head(dashboard: Dashboard, atlas: Atlas) -> Iterator[tuple[str, str]]:
    query = dashboard.query
    yield (
        "Period",
        f"{query.period.label} ({query.period.dates})" if query.period.key != "custom" else query.period.dates,
    )
    if before := query.before():
        how = "a year earlier" if query.compare is Compare.YEAR else "the period before"
        yield "Compared with", f"{how} ({before.period.dates})"
    names = name_of(atlas)
    filters = ", ".join(chosen.label(names) for chosen in query.filters)
    yield "Filter", filters or "none"
    local = query.now.astimezone(query.timezone)
    yield "Made", f"{local.day} {local:%b %Y, %H:%M} ({query.timezone.key})"
    yield (
        "Live visitors",
        f"{numbers.exact(dashboard.live.now)} in the last {dashboard.live.minutes} minutes, unfiltered",
    )


def _cards(dashboard: Dashboard) -> Iterator[Card]:
    now, before = dashboard.totals, dashboard.previous
    for metric in numbers.cards(has_goals=bool(dashboard.query.goals)):
        changed = change(now.value(metric), before.value(metric), metric) if before else None
        daily = metric is Metric.VISITORS and now.daily_visitors
        yield Card(
            "Daily visitors" if daily else numbers.TITLES[metric],
            numbers.exact_of_metric(metric, now.value(metric)),
            changed,
        )
    for event, count in now.custom.items():
        changed = change(count, before.custom.get(event, 0), Metric.EVENTS) if before else None
        yield Card(event, numbers.exact(count), changed)


def _goals(dashboard: Dashboard) -> Iterator[GoalRow]:
    sessions, before = dashboard.totals.sessions, dashboard.previous
    for name, reached in dashboard.totals.goals.items():
        rate = numbers.of_metric(Metric.CONVERSION_RATE, 100 * reached / sessions if sessions else None)
        changed = change(reached, before.goals.get(name), Metric.CONVERSIONS) if before else None
        yield GoalRow(name, numbers.exact(reached), rate, changed)


def _week(cells: Breakdown | None) -> Figure | None:
    return heatmap(cells, Look.PRINT) if cells and cells.rows else None


def _drawn(dashboard: Dashboard, facts: Facts) -> tuple[str, Series | None, Series | None]:
    """The chart's title, its series and the compared one."""
    event = facts.custom_event
    if event is not None and event in dashboard.custom_timelines:
        return event, dashboard.custom_timelines[event], dashboard.previous_custom_timelines.get(event)
    metric = facts.metric
    return numbers.TITLES[metric], dashboard.timelines.get(metric), dashboard.previous_timelines.get(metric)


def _chart(dashboard: Dashboard, facts: Facts, series: Series | None, previous: Series | None) -> Figure:
    if series is None:
        raise KeyError(facts.metric)
    is_custom = facts.custom_event in dashboard.custom_timelines
    metric, title = (Metric.EVENTS, facts.custom_event) if is_custom else (facts.metric, None)
    return timeline(series, previous, metric, Look.PRINT, dashboard.query.interval, title=title)


def _legend(query: Query, previous: Series | None) -> str:
    before = query.before() if previous is not None else None
    return f"by {query.interval}" + (f" · dotted: {before.period.dates}" if before else "")


def _mapped_country(query: Query, atlas: Atlas) -> str | None:
    return query.open_country if atlas.has_regions(query.open_country) else None


def _map(breakdowns: dict[Dimension, Breakdown], country: str | None, atlas: Atlas) -> Figure:
    if country:
        return choropleth.regions(breakdowns[Dimension.REGION], country, Look.PRINT, atlas)
    return choropleth.world(breakdowns[Dimension.COUNTRY], Look.PRINT, atlas)


def _table(title: str, breakdown: Breakdown) -> Table:
    shown = breakdown.rows[:ROWS]
    first = max((row.count for row in shown), default=0) or 1
    rows = (
        TableRow(
            label=row.label,
            count=numbers.exact(row.count),
            share=numbers.share(row.share_percent),
            width_percent=round(100 * row.count / first, 1),
            country=row.value if breakdown.dimension == Dimension.COUNTRY else None,
        )
        for row in shown
    )
    return Table(title, breakdown.unit, tuple(rows), max(0, breakdown.distinct - len(shown)))
