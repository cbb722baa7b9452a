"""The chart: the chosen metric over time, the interval picker, and the ways into a shorter period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from nicegui import ui

from proprium.figures import numbers
from proprium.figures.template import Look
from proprium.figures.timeline import timeline
from proprium.metrics.query.period import Interval, add_months, intervals_for
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric, Series
from proprium.ui.components.feedback import skeleton
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import set_prop
from proprium.ui.dashboard.ranked_list import TabRow
from proprium.ui.dashboard.state import View

INTERVAL_LABELS = [(Interval.MINUTE, "Minute"), (Interval.HOUR, "Hour"), (Interval.DAY, "Day"), (Interval.WEEK, "Week"),
                   (Interval.MONTH, "Month")]  # fmt: skip
MOST_BUCKETS = 750  # an interval with more would be drawn as a smear, and is not offered

# Plotly's own events carry whole traces; the server needs a date or two.
EMIT_BUCKET = "(event) => { const point = event.points?.find((p) => p.x); if (point) emit(String(point.x)); }"
EMIT_ZOOM = """(event) => {
    const from = event['xaxis.range[0]'], to = event['xaxis.range[1]'];
    if (from && to) emit([String(from), String(to)]);
}"""


@dataclass(frozen=True)
class Drawing:
    """What the chart shows of an answer."""

    title: str
    metric: Metric
    series: Series
    previous: Series | None


class Chart:
    def __init__(self, on_interval: Callable[[Interval], None], on_dates: Callable[[date, date], None]) -> None:
        self._on_dates = on_dates
        self._interval = Interval.DAY
        self._figure: dict[str, Any] | None = None
        with ui.element("div").classes("charthead"):
            self._legend = span("", "mut small cut grow")
            self.tools = ui.element("div").classes("line end")
            with self.tools:
                self._intervals = TabRow([], lambda key: on_interval(Interval(key)), "Interval of the chart")
        with ui.element("div").classes("chartbox"):
            self._waiting = skeleton(252)
            # It stands in the first HTML, so that the browser fetches the chart bundle while the socket connects.
            self._plot = ui.plotly({"data": [], "layout": {"height": 280}}).classes("chart wait")
            self._plot.props('role="img" aria-label="Chart"')
        self._plot.on("plotly_click", self._open_bucket, js_handler=EMIT_BUCKET)
        self._plot.on("plotly_relayout", self._zoom, js_handler=EMIT_ZOOM)

    def offer(self, view: View) -> None:
        """Shows which intervals suit the period, and which one is drawn."""
        self._interval = view.query.interval
        fitting = intervals_for(view.query.period)
        few = [interval for interval in fitting if _buckets(view, interval) <= MOST_BUCKETS]
        offered = [(one.value, label) for one, label in INTERVAL_LABELS if one in few or one is self._interval]
        self._intervals.offer(offered if len(offered) > 1 else [])
        self._intervals.choose(self._interval.value)

    def show(self, drawing: Drawing, query: Query, look: Look, *, can_zoom: bool) -> None:
        """`query` is the one that was answered: its period may have moved on since the page was opened."""
        figure = timeline(drawing.series, drawing.previous, drawing.metric, look, query.interval)
        if can_zoom:
            figure["layout"]["dragmode"] = "zoom"
            figure["layout"]["xaxis"]["fixedrange"] = False
        figure["layout"]["hoverdistance"] = -1  # the nearest bucket, however far apart they are
        # The browser keeps what the reader zoomed to, until the question is another one.
        figure["layout"]["uirevision"] = f"{query.period.start} {query.period.end} {query.interval}"
        self._legend.set_text(_legend(drawing, query))
        set_prop(self._plot, "aria-label", _spoken(drawing, query))
        if figure != self._figure:
            self._figure = figure
            self._plot.update_figure(figure)
        self._end_waiting()

    def fail(self, problem: str) -> None:
        self._legend.set_text(problem)
        self._end_waiting()

    def _end_waiting(self) -> None:
        if not self._waiting.is_deleted:
            self._waiting.delete()
            self._plot.classes(remove="wait")

    def _open_bucket(self, event: Any) -> None:
        if day := _day(event.args):
            self._on_dates(*_days_of_bucket(day, self._interval))

    def _zoom(self, event: Any) -> None:
        first, last = (_day(text) for text in event.args)
        if first and last:
            self._on_dates(first, last)


def _buckets(view: View, interval: Interval) -> float:
    seconds = {Interval.MINUTE: 60, Interval.HOUR: 3600}.get(interval)
    return view.query.period.days * 86_400 / seconds if seconds else view.query.period.days


def _legend(drawing: Drawing, query: Query) -> str:
    before = query.before() if drawing.previous else None
    compared = f" · dotted: {before.period.dates}" if before else ""
    return f"{drawing.title} · {query.period.dates}{compared}"


def _spoken(drawing: Drawing, query: Query) -> str:
    """The chart in a sentence, for those who cannot see it; the cards and tiles hold the rest."""
    known = [(value, start) for value, start in zip(drawing.series.values, drawing.series.starts, strict=True) if value]
    if not known:
        return f"{drawing.title} by {query.interval}: nothing in this period"
    most, at = max(known)
    text = numbers.of_metric(drawing.metric, most)
    return f"{drawing.title} by {query.interval}, {query.period.dates}. Most: {text} on {at.day} {at:%b %Y}"


def _days_of_bucket(day: date, interval: Interval) -> tuple[date, date]:
    """The first and last day of the bucket that begins on `day`."""
    if interval is Interval.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    if interval is Interval.MONTH:
        first = day.replace(day=1)
        return first, add_months(first, 1) - timedelta(days=1)
    return day, day


def _day(text: Any) -> date | None:
    """The date of Plotly's "2026-11-23", "2026-11-23 14:00" or "2026-11-23 14:00:12.3456"."""
    try:
        return datetime.strptime(str(text)[:10], "%Y-%m-%d").date()  # noqa: DTZ007  a day of the property's calendar
    except ValueError:
        return None
