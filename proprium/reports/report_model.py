"""Report model: the dashboard's numbers as formatted texts and figures, independent of HTML and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from maps.atlas import Atlas
from proprium.figures import choropleth, numbers
from proprium.figures.heatmap import heatmap
from proprium.figures.names import name_lookup, with_labels
from proprium.figures.template import Figure, Look
from proprium.figures.timeline import timeline
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS
from proprium.metrics.catalog.metrics import cards
from proprium.metrics.comparison import Change, change
from proprium.metrics.definitions import definition
from proprium.metrics.query.period import Compare
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dashboard, Dimension, Metric, Series

MAX_TABLE_ROWS = 10
ATTRIBUTION = "Places: IP Geolocation by DB-IP (db-ip.com). Maps: Natural Earth."


class PaperSize(StrEnum):
    A4 = "A4"
    LETTER = "letter"


@dataclass(frozen=True)
class ReportOptions:
    """Options of a report beside its query. With `custom_event`, the chart shows that event instead of `metric`."""

    property_name: str
    metric: Metric = Metric.VISITORS
    custom_event: str | None = None
    paper: PaperSize = PaperSize.A4

    def file_name(self, dashboard: Dashboard, suffix: str) -> str:
        """ "example-com-2026-10-27-2026-11-23.pdf": safe in a header and on every disk."""
        name = re.sub(r"[^a-z0-9]+", "-", self.property_name.lower()).strip("-")[:60] or "report"
        period = dashboard.query.period
        return f"{name}-{period.first_day}-{period.last_day}.{suffix}"


@dataclass(frozen=True)
class ReportCard:
    label: str
    value: str
    change: Change | None


@dataclass(frozen=True)
class ReportTable:
    title: str
    unit: str
    rows: tuple[ReportTableRow, ...]
    more: int  # number of rows that are not shown


@dataclass(frozen=True)
class ReportTableRow:
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
class ReportModel:
    property_name: str
    head: tuple[tuple[str, str], ...]  # (label, text): period, compared period, filters, time, live visitors
    cards: tuple[ReportCard, ...]
    chart_title: str
    chart: Figure
    chart_legend: str
    map_title: str
    map: Figure
    country: str | None  # whose regions the map shows; None: the world
    goals: tuple[GoalRow, ...]
    week: Figure | None  # weekday × hour; None: no page views, or not queried
    tables: tuple[ReportTable, ...]
    empty: tuple[str, ...]  # titles of the tables without rows in this period
    bots: str
    definitions: tuple[tuple[str, str], ...]  # (title, text): those that depend on the property's own limits
    foot: str


TABLES: tuple[tuple[str, Dimension], ...] = tuple(
    (dimension.spec.report_name, dimension) for dimension in REPORT_DIMENSIONS
)
"""Tables of a report, by their names in JSON and in the file names of CSV, which programs rely on."""


DEFINED_METRICS = tuple(metric for metric in Metric if "{" in metric.spec.definition)
"""Metrics whose definitions state limits of the property."""


def build_report_model(dashboard: Dashboard, options: ReportOptions, atlas: Atlas) -> ReportModel:
    """Formats the dashboard's numbers and draws its figures for print."""
    breakdowns = with_labels(dashboard.breakdowns, name_lookup(atlas))
    tables = tuple(_table(title, breakdowns[key]) for title, key in TABLES if key in breakdowns)
    title, series, previous = _chart_series(dashboard, options)
    country = _mapped_country(dashboard.query, atlas)
    week_cells = breakdowns.get(Dimension.WEEKDAY_HOUR)
    return ReportModel(
        property_name=options.property_name,
        head=tuple(_head(dashboard, atlas)),
        cards=tuple(_cards(dashboard)),
        chart_title=title,
        chart=_chart(dashboard, options, series, previous),
        chart_legend=_legend(dashboard.query, previous),
        map_title=f"{atlas.name(country)}: visitors by region" if country else "Visitors by country",
        map=_map_figure(breakdowns, country, atlas),
        country=country,
        goals=tuple(_goals(dashboard)),
        week=heatmap(week_cells, Look.PRINT) if week_cells and week_cells.rows else None,
        tables=tuple(table for table in tables if table.rows),
        empty=tuple(table.title for table in tables if not table.rows),
        bots=_bots_text(dashboard.totals.bots),
        definitions=tuple(
            (metric.spec.title, definition(metric, dashboard.query.limits)) for metric in DEFINED_METRICS
        ),
        foot=f"Based on {_count_text(dashboard.rows_read, 'event')}, including bots. {ATTRIBUTION}",
    )


def _head(dashboard: Dashboard, atlas: Atlas) -> Iterator[tuple[str, str]]:
    query = dashboard.query
    yield (
        "Period",
        f"{query.period.label} ({query.period.dates})" if query.period.key != "custom" else query.period.dates,
    )
    if comparison_query := query.comparison_query():
        comparison_text = "Same period last year" if query.compare is Compare.YEAR else "Previous period"
        yield "Compared to", f"{comparison_text} ({comparison_query.period.dates})"
    lookup_name = name_lookup(atlas)
    filters = ", ".join(filter_.label(lookup_name) for filter_ in query.filters)
    yield "Filters", filters or "None"
    local_time = query.now.astimezone(query.timezone)
    yield "Created", f"{local_time.day} {local_time:%b %Y, %H:%M} ({query.timezone.key})"
    window_text = _count_text(dashboard.live.minutes, "minute")
    yield "Live visitors", f"{numbers.exact(dashboard.live.now)} in the last {window_text} (not filtered)"


def _bots_text(hit_count: int) -> str:
    verb = "is" if hit_count == 1 else "are"
    return f"{_count_text(hit_count, 'bot hit')} {verb} excluded from all other metrics."


def _count_text(count: int, noun: str) -> str:
    return f"{numbers.exact(count)} {noun}{'' if count == 1 else 's'}"


def _cards(dashboard: Dashboard) -> Iterator[ReportCard]:
    totals, previous = dashboard.totals, dashboard.previous
    for metric in cards(has_goals=bool(dashboard.query.goals)):
        change_ = change(totals.value(metric), previous.value(metric), metric) if previous else None
        is_daily = metric is Metric.VISITORS and totals.daily_visitors
        yield ReportCard(
            "Daily visitors" if is_daily else numbers.METRIC_TITLES[metric],
            numbers.format_metric_exact(metric, totals.value(metric)),
            change_,
        )
    for event, count in totals.custom.items():
        change_ = change(count, previous.custom.get(event, 0), Metric.EVENTS) if previous else None
        yield ReportCard(event, numbers.exact(count), change_)


def _goals(dashboard: Dashboard) -> Iterator[GoalRow]:
    sessions, previous = dashboard.totals.sessions, dashboard.previous
    for name, session_count in dashboard.totals.goals.items():
        rate = numbers.format_metric(Metric.CONVERSION_RATE, 100 * session_count / sessions if sessions else None)
        change_ = change(session_count, previous.goals.get(name), Metric.CONVERSIONS) if previous else None
        yield GoalRow(name, numbers.exact(session_count), rate, change_)


def _chart_series(dashboard: Dashboard, options: ReportOptions) -> tuple[str, Series | None, Series | None]:
    """Returns the chart's title, its series and the compared series."""
    event = options.custom_event
    if event is not None and event in dashboard.custom_timelines:
        return event, dashboard.custom_timelines[event], dashboard.previous_custom_timelines.get(event)
    metric = options.metric
    return numbers.METRIC_TITLES[metric], dashboard.timelines.get(metric), dashboard.previous_timelines.get(metric)


def _chart(dashboard: Dashboard, options: ReportOptions, series: Series | None, previous: Series | None) -> Figure:
    if series is None:
        raise KeyError(options.metric)
    is_custom = options.custom_event in dashboard.custom_timelines
    metric, title = (Metric.EVENTS, options.custom_event) if is_custom else (options.metric, None)
    return timeline(series, previous, metric, Look.PRINT, dashboard.query.interval, title=title)


def _legend(query: Query, previous: Series | None) -> str:
    comparison_query = query.comparison_query() if previous is not None else None
    return f"by {query.interval}" + (f" · vs {comparison_query.period.dates} (dotted)" if comparison_query else "")


def _mapped_country(query: Query, atlas: Atlas) -> str | None:
    return query.open_country if atlas.has_regions(query.open_country) else None


def _map_figure(breakdowns: dict[Dimension, Breakdown], country: str | None, atlas: Atlas) -> Figure:
    if country:
        return choropleth.regions(breakdowns[Dimension.REGION], country, Look.PRINT, atlas)
    return choropleth.world(breakdowns[Dimension.COUNTRY], Look.PRINT, atlas)


def _table(title: str, breakdown: Breakdown) -> ReportTable:
    shown_rows = breakdown.rows[:MAX_TABLE_ROWS]
    largest_count = max((row.count for row in shown_rows), default=0) or 1
    rows = (
        ReportTableRow(
            label=row.label,
            count=numbers.exact(row.count),
            share=numbers.share(row.share_percent),
            width_percent=round(100 * row.count / largest_count, 1),
            country=row.value if breakdown.dimension == Dimension.COUNTRY else None,
        )
        for row in shown_rows
    )
    return ReportTable(title, breakdown.unit, tuple(rows), max(0, breakdown.distinct - len(shown_rows)))
