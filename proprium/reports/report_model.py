"""Report model: the dashboard's numbers as formatted texts and figures, independent of HTML and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from maps.atlas import Atlas
from proprium.figures import choropleth, numbers
from proprium.figures.heatmap import heatmap
from proprium.figures.names import name_lookup, with_labels
from proprium.figures.template import Figure, Look
from proprium.figures.timeline import timeline
from proprium.figures.wording import (
    BY_INTERVAL,
    filter_text,
    has_partial_bucket,
    period_text,
    unfiltered_bots_text,
)
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS
from proprium.metrics.catalog.metrics import cards
from proprium.metrics.comparison import Change, change
from proprium.metrics.definitions import definition
from proprium.metrics.definitions import title as metric_title
from proprium.metrics.query.period import Compare
from proprium.metrics.results import Breakdown, Dashboard, Dimension, Metric

MAX_TABLE_ROWS = 10


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
    count_title: str
    share_title: str  # "Share of 2,328": what the shares are of
    rows: tuple[ReportTableRow, ...]
    more: str  # how many rows are not shown; "" if all are
    note: str = ""  # of bots: which filters the numbers do not follow; "": they follow all


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
    map: Figure | None  # None: places are not shared
    country: str | None  # whose regions the map shows; None: the world
    goals: tuple[GoalRow, ...]
    goal_titles: tuple[str, str]  # of the columns of conversions and their rate
    week: Figure | None  # weekday × hour; None: no page views, or not queried
    tables: tuple[ReportTable, ...]
    empty: str  # names the tables without rows in this period; "" if all have some
    bots: str
    definitions: tuple[tuple[str, str], ...]  # (title, text): those that depend on the property's own limits
    foot: str


TABLES: tuple[tuple[str, Dimension], ...] = tuple(
    (dimension.spec.report_name, dimension) for dimension in REPORT_DIMENSIONS
)
"""Tables of a report, by their names in JSON and in the file names of CSV, which programs rely on."""


DEFINED_METRICS = tuple(metric for metric in Metric if metric is Metric.VISITORS or "{" in metric.spec.definition)
"""Metrics whose definitions state how visitors are identified, or limits of the property."""


def build_report_model(dashboard: Dashboard, options: ReportOptions, atlas: Atlas) -> ReportModel:
    """Formats the dashboard's numbers and draws its figures for print. Raises KeyError without the chart's series."""
    query = dashboard.query
    breakdowns = with_labels(dashboard.breakdowns, name_lookup(atlas))
    unfiltered_bots = unfiltered_bots_text(query)
    tables = [
        _table(breakdowns[dimension], unfiltered_bots if dimension.spec.scope is Scope.BOT else "")
        for _name, dimension in TABLES
        if dimension in breakdowns
    ]
    empty_titles = ", ".join(table.title for table in tables if not table.rows)
    event, metric = options.custom_event, options.metric
    if event is not None and event in dashboard.custom_timelines:
        metric, title, event_title = Metric.EVENTS, event, event
        series, previous = dashboard.custom_timelines[event], dashboard.previous_custom_timelines.get(event)
    else:
        title, event_title = metric_title(metric, dashboard.totals), None
        series, previous = dashboard.timelines[metric], dashboard.previous_timelines.get(metric)
    comparison_query = query.comparison_query() if previous is not None else None
    legend = _(BY_INTERVAL[query.interval])
    if comparison_query:
        legend = _("{by_interval} · vs {dates} (dotted)", by_interval=legend, dates=comparison_query.period.dates)
    if has_partial_bucket(series):
        legend = _("{legend} · dashed: incomplete", legend=legend)
    country = query.map_country if query.map_country and atlas.has_regions(query.map_country) else None
    week_cells = breakdowns.get(Dimension.WEEKDAY_HOUR)
    return ReportModel(
        property_name=options.property_name,
        head=tuple(_head(dashboard, atlas)),
        cards=tuple(_cards(dashboard)),
        chart_title=title,
        chart=timeline(series, previous, metric, Look.PRINT, query.interval, title=event_title),
        chart_legend=legend,
        map_title=(
            _("{country}: visitors by region", country=atlas.name(country)) if country else _("Visitors by country")
        ),
        map=_map(breakdowns, country, atlas),
        country=country,
        goals=tuple(_goals(dashboard)),
        goal_titles=(_(Metric.CONVERSIONS.spec.title), _(Metric.CONVERSION_RATE.spec.title)),
        week=heatmap(week_cells, Look.PRINT) if week_cells and week_cells.rows else None,
        tables=tuple(table for table in tables if table.rows),
        empty=_("No data in this period: {tables}.", tables=empty_titles) if empty_titles else "",
        bots=" ".join(
            part
            for part in (
                ngettext(
                    "{count} bot hit is excluded from all other metrics.",
                    "{count} bot hits are excluded from all other metrics.",
                    dashboard.totals.bots,
                ),
                unfiltered_bots,
            )
            if part
        ),
        foot=_(
            "Based on {events}, including bots. Places: IP Geolocation by DB-IP (db-ip.com). Maps: Natural Earth.",
            events=ngettext("{count} event", "{count} events", dashboard.rows_read),
        ),
        definitions=tuple(
            (metric_title(metric, dashboard.totals), definition(metric, query.limits, dashboard.totals))
            for metric in DEFINED_METRICS
        ),
    )


def _map(breakdowns: Mapping[Dimension, Breakdown], country: str | None, atlas: Atlas) -> Figure | None:
    if Dimension.COUNTRY not in breakdowns:
        return None
    if country:
        return choropleth.regions(breakdowns[Dimension.REGION], country, Look.PRINT, atlas)
    return choropleth.world(breakdowns[Dimension.COUNTRY], Look.PRINT, atlas)


def _head(dashboard: Dashboard, atlas: Atlas) -> Iterator[tuple[str, str]]:
    query = dashboard.query
    period = period_text(query.period)
    yield _("Period"), period if period == query.period.dates else f"{period} ({query.period.dates})"
    if comparison_query := query.comparison_query():
        comparison = _("Same period last year") if query.compare is Compare.YEAR else _("Previous period")
        yield _("Compared to"), f"{comparison} ({comparison_query.period.dates})"
    lookup_name = name_lookup(atlas)
    yield _("Filters"), ", ".join(filter_text(filter_, lookup_name) for filter_ in query.filters) or _("None")
    local_time = query.now.astimezone(query.timezone)
    yield _("Created"), f"{local_time.day} {local_time:%b %Y, %H:%M} ({query.timezone.key})"
    yield (
        _("Live visitors"),
        ngettext(
            "{now} in the last minute (not filtered)",
            "{now} in the last {count} minutes (not filtered)",
            dashboard.live.minutes,
            now=numbers.exact(dashboard.live.now),
        ),
    )


def _cards(dashboard: Dashboard) -> Iterator[ReportCard]:
    totals, previous = dashboard.totals, dashboard.previous
    for metric in cards(has_goals=bool(dashboard.query.goals)):
        value, is_comparable = totals.value(metric), dashboard.is_comparable
        change_ = change(value, previous.value(metric), metric, is_comparable=is_comparable) if previous else None
        yield ReportCard(
            metric_title(metric, totals),
            numbers.format_metric_exact(metric, value),
            change_,
        )
    for event, count in totals.custom.items():
        previous_count = previous.custom.get(event, 0) if previous else None
        change_ = (
            change(count, previous_count, Metric.EVENTS, is_comparable=dashboard.is_comparable) if previous else None
        )
        yield ReportCard(event, numbers.exact(count), change_)


def _goals(dashboard: Dashboard) -> Iterator[GoalRow]:
    sessions, previous = dashboard.totals.sessions, dashboard.previous
    for name, session_count in dashboard.totals.goals.items():
        rate = numbers.format_metric(Metric.CONVERSION_RATE, 100 * session_count / sessions if sessions else None)
        previous_count = previous.goals.get(name) if previous else None
        is_comparable = dashboard.is_comparable
        change_ = (
            change(session_count, previous_count, Metric.CONVERSIONS, is_comparable=is_comparable) if previous else None
        )
        yield GoalRow(name, numbers.exact(session_count), rate, change_)


def _table(breakdown: Breakdown, note: str) -> ReportTable:
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
    more_count = max(0, breakdown.distinct - len(shown_rows))
    more = ngettext("and {count} more", "and {count} more", more_count) if more_count else ""
    return ReportTable(
        title=_(Dimension(breakdown.dimension).spec.list_title),
        count_title=_(breakdown.count_title),
        share_title=_("Share of {total}", total=numbers.exact(breakdown.total)),
        rows=tuple(rows),
        more=more,
        note=note,
    )
