"""Time series chart of the dashboard: a smooth line with a gradient fill.

The compared period is dotted; a bucket that still runs, or that the period cuts, is dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from proprium.figures import axis, numbers
from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis, value_axis
from proprium.i18n import gettext as _
from proprium.metrics.query.period import Interval
from proprium.metrics.results import Metric, Series

HEIGHT = 280
MAX_SMOOTH_BUCKETS = 200  # with more buckets a spline takes time without a visible difference
MIN_SMOOTH_SHARE = 0.1  # of the highest value; with lower values a spline would swing below zero

_Values = Sequence[float | None]


def timeline(
    series: Series,
    previous: Series | None,
    metric: Metric,
    look: Look,
    interval: Interval,
    *,
    title: str | None = None,
) -> Figure:
    """Draws one metric over the period.

    `previous` is overlaid bucket by bucket, regardless of its dates. `title` replaces the name of the metric, for a
    custom event.
    """
    name = title if title is not None else _(numbers.METRIC_TITLES[metric])
    times = [_wall_clock(start) for start in series.starts]
    data = _current_traces(times, series, metric, escape(name), look)
    if previous is not None:
        count = min(len(times), len(previous.values))
        values = previous.values[:count]
        dotted = {**_line_shape(values), "dash": "dot"}
        previous_trace = {
            **_line_trace(times[:count], values, dotted, look.value.muted, 1.4),
            "opacity": 0.65,
            "name": _("Compared period"),
            "customdata": [numbers.format_metric_exact(metric, value) for value in values],
            "hovertemplate": _("Compared period: {value}", value="%{customdata}") + "<extra></extra>",
        }
        data = [previous_trace, *data]
    return {"data": data, "layout": _layout(series, previous, metric, look, interval), "config": CONFIG}


def _current_traces(times: list[str], series: Series, metric: Metric, name: str, look: Look) -> list[Figure]:
    """Returns the traces of the current period.

    The first has fill and tooltips of all buckets; above it lies the line, whose first and last segment are dashed
    where their bucket is partial.
    """
    partial_indexes = [index for index in range(len(times)) if series.is_partial(index)]
    solid = slice(int(0 in partial_indexes), len(times) - int(len(times) - 1 in partial_indexes))
    solid_values = series.values[solid]
    shape = _line_shape(solid_values)
    # A value without neighbours becomes a dot, since its line would have no length.
    padded = [None, *solid_values, None]
    dot_sizes = [
        6 if value is not None and before is None and after is None else 0
        for before, value, after in zip(padded, solid_values, padded[2:], strict=False)
    ]
    traces = [
        {
            **_line_trace(times, series.values, shape, look.value.accent, 0),
            "fill": "tozeroy",
            "fillcolor": look.value.fill_bottom,
            "fillgradient": {"type": "vertical", "colorscale": [[0, look.value.fill_bottom], [1, look.value.fill_top]]},
            "name": name,
            "customdata": [_value_text(series, metric, index) for index in range(len(times))],
            "hovertemplate": f"{name}: <b>%{{customdata}}</b><extra></extra>",
        },
        {
            **_line_trace(times[solid], solid_values, shape, look.value.accent, 2.4),
            "mode": "lines+markers",
            "marker": {"color": look.value.accent, "size": dot_sizes, "opacity": 1},
            "hoverinfo": "skip",
        },
    ]
    return traces + [trace for index in partial_indexes for trace in _partial_traces(times, series, look, index)]


def _value_text(series: Series, metric: Metric, index: int) -> str:
    """Returns the value of a bucket for its tooltip: "43", "12 (incomplete)"."""
    text = numbers.format_metric_exact(metric, series.values[index])
    return _("{value} (incomplete)", value=text) if series.is_partial(index) else text


def _partial_traces(times: list[str], series: Series, look: Look, index: int) -> list[Figure]:
    """Returns the dashed segment between a partial bucket and its neighbour, if it has one, and the bucket's dot."""
    dashed = {"dash": "3px 4px", "shape": "linear"}
    pair = slice(0, 2) if index == 0 else slice(index - 1, index + 1)
    segment = _line_trace(times[pair], series.values[pair], dashed, look.value.accent, 2.4)
    dot = {
        "type": "scatter",
        "mode": "markers",
        "x": [times[index]],
        "y": [series.values[index]],
        "marker": {"color": look.value.card, "size": 7, "line": {"color": look.value.accent, "width": 2}},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    return [{**segment, "hoverinfo": "skip"}, dot] if len(times) > 1 else [dot]


def _line_trace(times: Sequence[str], values: _Values, shape: Figure, colour: str, width: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(times),
        "y": list(values),
        "line": {"color": colour, "width": width, **shape},
    }


def _line_shape(values: _Values) -> Figure:
    """Returns a spline where it does not overshoot the values, otherwise straight lines."""
    known_values = [value for value in values if value is not None]
    is_even = min(known_values, default=0) > MIN_SMOOTH_SHARE * max(known_values, default=0)
    return (
        {"shape": "spline", "smoothing": 0.6} if is_even and len(values) <= MAX_SMOOTH_BUCKETS else {"shape": "linear"}
    )


def _layout(series: Series, previous: Series | None, metric: Metric, look: Look, interval: Interval) -> Figure:
    shown_values = [*series.values, *(previous.values[: len(series.values)] if previous else ())]
    ticks, end = axis.value_ticks(max((value for value in shown_values if value is not None), default=0), metric)
    labelled_starts = axis.time_ticks(series.starts, interval)
    hover_format = _(axis.HOVER_FORMATS[interval])
    edges = [_wall_clock(start) for start in (series.starts[0], series.starts[-1])] if len(series.starts) > 1 else None
    return layout(
        look,
        height=HEIGHT,
        hovermode="x unified",
        uirevision="timeline",
        xaxis=time_axis(
            look,
            type="date",
            range=edges,  # Plotly centres a single bucket itself
            tickvals=[_wall_clock(start) for start in labelled_starts],
            ticktext=axis.time_labels(labelled_starts, interval),
            tickangle=0,
            hoverformat=hover_format,
            unifiedhovertitle={"text": f"%{{x|{hover_format}}}"},
        ),
        yaxis=value_axis(
            look,
            range=[0, end * 1.03],
            tickvals=ticks,
            ticktext=axis.value_labels(ticks, metric),
        ),
    )


def _wall_clock(start: datetime) -> str:
    """Formats local time without an offset: Plotly has no time zones and would convert to UTC."""
    return start.replace(tzinfo=None).isoformat(timespec="minutes")
