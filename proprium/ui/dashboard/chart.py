"""Time series chart of one metric, with interval picker.

A click on a bucket, or a zoom, sets the period.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from nicegui import ui

from proprium.figures import numbers
from proprium.figures.axis import MAX_LABELS, MAX_LABELS_ON_PHONE
from proprium.figures.template import CONFIG, Look
from proprium.figures.timeline import timeline
from proprium.figures.wording import BY_INTERVAL, has_partial_bucket
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.query.buckets import calendar_buckets
from proprium.metrics.query.period import Interval, Period, add_months, intervals_for
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric, Series
from proprium.ui.components.feedback import skeleton
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import SECOND_TAP, set_prop
from proprium.ui.dashboard.ranked_list import TabRow
from proprium.ui.dashboard.state import DashboardState

INTERVAL_LABELS = {
    Interval.MINUTE: N_("Minute"),
    Interval.HOUR: N_("Hour"),
    Interval.DAY: N_("Day"),
    Interval.WEEK: N_("Week"),
    Interval.MONTH: N_("Month"),
}
MAX_BUCKETS = 750  # intervals with more buckets are not offered: the chart would be unreadable

# Sends only the dates to the server: Plotly's own events carry whole traces.
EMIT_BUCKET = f"""(event) => {{
    const point = event.points?.find((p) => p.x);
    if (point && ({SECOND_TAP})(event, String(point.x))) emit(String(point.x));
}}"""
EMIT_ZOOM = """(event) => {
    const from = event['xaxis.range[0]'], to = event['xaxis.range[1]'];
    if (from && to) emit([String(from), String(to)]);
}"""


@dataclass(frozen=True)
class ChartData:
    """The series shown by the chart, with title and metric."""

    title: str
    metric: Metric
    series: Series
    previous: Series | None


class Chart:
    def __init__(
        self,
        on_interval: Callable[[Interval], None],
        on_dates: Callable[[date, date], None],
        on_hours: Callable[[datetime, datetime], None],
    ) -> None:
        """`on_dates` is called with first and last day, `on_hours` with local times, the second one excluded."""
        self._on_dates, self._on_hours = on_dates, on_hours
        self._interval = Interval.DAY
        self._period: Period | None = None
        self._now: datetime | None = None
        self._zoom_resets = 0
        self._figure: dict[str, Any] | None = None
        with ui.element("div").classes("charthead"):
            self._legend = span("", "mut small cut grow")
            self.tools = ui.element("div").classes("line end")
            with self.tools:
                self._interval_tabs = TabRow([], lambda key: on_interval(Interval(key)), _("Chart interval"))
        with ui.element("div").classes("chartbox"):
            self._skeleton = skeleton(252)
            # Part of the first HTML, so that the browser fetches the chart bundle while the socket connects.
            self._plot = ui.plotly({"data": [], "layout": {"height": 280}, "config": CONFIG}).classes("chart wait")
            self._plot.props('role="img"').props["aria-label"] = _("Chart")
        self._plot.on("plotly_click", self.show_bucket, js_handler=EMIT_BUCKET)
        self._plot.on("plotly_relayout", self.show_range, js_handler=EMIT_ZOOM)

    def apply_state(self, state: DashboardState) -> None:
        """Offers the intervals that suit the period, and marks the active one."""
        self._interval = state.query.interval
        self._period = state.query.period
        buckets_per_day = {Interval.MINUTE: 1440, Interval.HOUR: 24}
        drawable_intervals = [
            interval
            for interval in intervals_for(state.query.period)
            if state.query.period.day_count * buckets_per_day.get(interval, 1) <= MAX_BUCKETS
        ]
        options = [
            (interval.value, _(label))
            for interval, label in INTERVAL_LABELS.items()
            if interval in drawable_intervals or interval is self._interval
        ]
        self._interval_tabs.set_options(options if len(options) > 1 else [])
        self._interval_tabs.set_active(self._interval.value)

    def show(self, chart_data: ChartData, query: Query, look: Look, *, can_zoom: bool, is_narrow: bool) -> None:
        """Draws the chart. `query` is that of the result: its period may have moved on since the page was opened."""
        self._now = query.now
        figure = timeline(
            chart_data.series,
            chart_data.previous,
            chart_data.metric,
            look,
            query.interval,
            title=chart_data.title,
            starts=calendar_buckets(query.period, query.interval, query.period.end).starts,
            max_labels=MAX_LABELS_ON_PHONE if is_narrow else MAX_LABELS,
            hint="" if can_zoom else _("Tap again to open"),
        )
        if can_zoom:
            figure["layout"]["dragmode"] = "zoom"
            figure["layout"]["xaxis"]["fixedrange"] = False
        figure["layout"]["hoverdistance"] = -1  # the nearest bucket, however far apart they are
        # The browser keeps the user's zoom until the period or interval changes.
        figure["layout"]["uirevision"] = f"{query.period.start} {query.period.end} {query.interval} {self._zoom_resets}"
        legend = f"{chart_data.title} — {query.period.dates}"
        if chart_data.previous and (comparison_query := query.comparison_query()):
            legend = _("{period} ┈┈ vs {dates}", period=legend, dates=comparison_query.period.dates)
        if has_partial_bucket(chart_data.series):
            legend = _("{legend} · dashed: incomplete", legend=legend)
        self._legend.set_text(legend)
        set_prop(self._plot, "aria-label", _aria_label(chart_data, query))
        if figure != self._figure:
            self._figure = figure
            self._plot.update_figure(figure)
        self._remove_skeleton()

    def fail(self, message: str) -> None:
        self._legend.set_text(message)
        self._remove_skeleton()

    def _remove_skeleton(self) -> None:
        if not self._skeleton.is_deleted:
            self._skeleton.delete()
            self._plot.classes(remove="wait")

    def show_bucket(self, event: Any) -> None:
        """Sets the period to a clicked bucket: an hour of a single day, else whole days. Nothing has happened later."""
        start = _parse_time(event.args)
        if start is None or self._period is None or self._is_future(start):
            return
        hour = start.replace(minute=0, second=0, microsecond=0)
        if self._is_within_a_day and self._interval in {Interval.MINUTE, Interval.HOUR}:
            self._on_hours(hour, hour + timedelta(hours=1))
            return
        first = last = start.date()
        if self._interval is Interval.WEEK:
            first -= timedelta(days=first.weekday())
            last = first + timedelta(days=6)
        elif self._interval is Interval.MONTH:
            first = first.replace(day=1)
            last = add_months(first, 1) - timedelta(days=1)
        self._on_dates(first, last)

    def show_range(self, event: Any) -> None:
        """Sets the period to a range that was zoomed to: whole buckets; hours and minutes within two days."""
        first, last = (_parse_time(text) for text in event.args)
        if first is None or last is None or self._period is None:
            return
        first, last = min(first, last), max(first, last)
        is_by_clock = self._interval in {Interval.MINUTE, Interval.HOUR} and last - first < timedelta(days=2)
        if not is_by_clock:
            edges = datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1)
        else:
            bucket = timedelta(minutes=1) if self._interval is Interval.MINUTE else timedelta(hours=1)
            edges = _floor(first, bucket), _floor(last, bucket) + bucket
        if edges == (self._period.start.replace(tzinfo=None), self._period.end.replace(tzinfo=None)):
            self._reset_zoom()
        elif is_by_clock:
            self._on_hours(*edges)
        else:
            self._on_dates(first.date(), last.date())

    def _reset_zoom(self) -> None:
        """Shows all of the period again: it already is what was zoomed to."""
        self._zoom_resets += 1
        if self._figure is not None:
            layout = {**self._figure["layout"], "uirevision": f"reset {self._zoom_resets}"}
            self._figure = {**self._figure, "layout": layout}
            self._plot.update_figure(self._figure)

    @property
    def _is_within_a_day(self) -> bool:
        return self._period is not None and self._period.end_utc - self._period.start_utc <= timedelta(hours=25)

    def _is_future(self, start: datetime) -> bool:
        assert self._period is not None
        return self._now is not None and start.replace(tzinfo=self._period.zone) > self._now


def _aria_label(chart_data: ChartData, query: Query) -> str:
    """Describes the chart for screen readers: metric, interval, period and peak."""
    nonzero_points = [
        (value, start) for value, start in zip(chart_data.series.values, chart_data.series.starts, strict=True) if value
    ]
    by_interval = _(BY_INTERVAL[query.interval])
    if not nonzero_points:
        return _("{metric} {by_interval}: no data in this period", metric=chart_data.title, by_interval=by_interval)
    max_value, max_start = max(nonzero_points)
    peak_day = f"{max_start.day} {max_start:%b %Y}"
    return _(
        "{metric} {by_interval}, {dates}. Peak: {value} on {day}",
        metric=chart_data.title,
        by_interval=by_interval,
        dates=query.period.dates,
        value=numbers.format_metric(chart_data.metric, max_value),
        day=peak_day,
    )


def _floor(moment: datetime, bucket: timedelta) -> datetime:
    midnight = datetime.combine(moment, time())
    return midnight + (moment - midnight) // bucket * bucket


def _parse_time(text: Any) -> datetime | None:
    """Parses the local time of Plotly's "2026-11-23", "2026-11-23 14:00" or "2026-11-23 14:00:12.3456"."""
    try:
        return datetime.fromisoformat(str(text)[:19])
    except ValueError:
        return None
