"""Time series chart of the dashboard: a smooth line with a gradient fill.

The compared period is dotted, the bucket that is still running is dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from proprium.figures import axis, numbers
from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis, value_axis
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
    name = escape(title) if title is not None else numbers.METRIC_TITLES[metric].lower()
    times = [_wall_clock(start) for start in series.starts]
    data = [
        *([_previous_trace(times, previous, metric, look)] if previous is not None else []),
        *_current_traces(times, series, metric, name, look),
    ]
    return {"data": data, "layout": _layout(series, previous, metric, look, interval), "config": CONFIG}


def _current_traces(times: list[str], series: Series, metric: Metric, name: str, look: Look) -> list[Figure]:
    """Returns the traces of the current period.

    The first has fill and tooltips of all buckets; above it lies the line, whose last segment is dashed while its
    bucket is running.
    """
    solid_count = len(times) - 1 if series.is_running else len(times)
    shape = _line_shape(series.values[:solid_count])
    traces = [
        {
            **_line_trace(times, series.values, shape, look.value.accent, 0),
            "fill": "tozeroy",
            "fillcolor": look.value.fill_bottom,
            "fillgradient": {"type": "vertical", "colorscale": [[0, look.value.fill_bottom], [1, look.value.fill_top]]},
            "name": name,
            "customdata": [numbers.format_metric_exact(metric, value) for value in series.values],
            "hovertemplate": f"<b>%{{customdata}}</b> {name}<extra></extra>",
        },
        {
            **_line_trace(times[:solid_count], series.values[:solid_count], shape, look.value.accent, 2.4),
            "mode": "lines+markers",
            "marker": {"color": look.value.accent, "size": _dot_sizes(series.values[:solid_count]), "opacity": 1},
            "hoverinfo": "skip",
        },
    ]
    if series.is_running and len(times) > 1:
        dashed = {"dash": "3px 4px", "shape": "linear"}
        running_trace = _line_trace(times[-2:], series.values[-2:], dashed, look.value.accent, 2.4)
        traces.append({**running_trace, "hoverinfo": "skip"})
    if series.is_running:
        traces.append(_running_dot_trace(times, series, look))
    return traces


def _previous_trace(times: list[str], previous: Series, metric: Metric, look: Look) -> Figure:
    count = min(len(times), len(previous.values))
    values = previous.values[:count]
    trace = _line_trace(times[:count], values, {**_line_shape(values), "dash": "dot"}, look.value.muted, 1.4)
    return {
        **trace,
        "opacity": 0.65,
        "name": "Compared period",
        "customdata": [numbers.format_metric_exact(metric, value) for value in values],
        "hovertemplate": "%{customdata} in the compared period<extra></extra>",
    }


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


def _running_dot_trace(times: list[str], series: Series, look: Look) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": times[-1:],
        "y": list(series.values[-1:]),
        "marker": {"color": look.value.card, "size": 7, "line": {"color": look.value.accent, "width": 2}},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _dot_sizes(values: _Values) -> list[int]:
    """Returns marker sizes: a value without neighbours becomes a dot, since its line would have no length."""
    padded = [None, *values, None]
    isolation_flags = [padded[index] is None and padded[index + 2] is None for index in range(len(values))]
    return [
        6 if is_isolated and value is not None else 0
        for is_isolated, value in zip(isolation_flags, values, strict=True)
    ]


def _layout(series: Series, previous: Series | None, metric: Metric, look: Look, interval: Interval) -> Figure:
    shown_values = [*series.values, *(previous.values[: len(series.values)] if previous else ())]
    ticks, end = axis.value_ticks(max((value for value in shown_values if value is not None), default=0), metric)
    labelled_starts = axis.time_ticks(series.starts, interval)
    return layout(
        look,
        height=HEIGHT,
        hovermode="x unified",
        uirevision="timeline",
        xaxis=time_axis(
            look,
            type="date",
            range=_x_range(series),
            tickvals=[_wall_clock(start) for start in labelled_starts],
            ticktext=axis.time_labels(labelled_starts, interval),
            tickangle=0,
            hoverformat=axis.HOVER_FORMATS[interval],
            unifiedhovertitle={"text": f"%{{x|{axis.HOVER_FORMATS[interval]}}}"},
        ),
        yaxis=value_axis(
            look,
            range=[0, end * 1.03],
            tickvals=ticks,
            ticktext=axis.value_labels(ticks, metric),
        ),
    )


def _x_range(series: Series) -> list[str] | None:
    """Returns the range from the first bucket to the last; None for a single one, which Plotly centres."""
    if len(series.starts) < 2:
        return None
    return [_wall_clock(series.starts[0]), _wall_clock(series.starts[-1])]


def _wall_clock(start: datetime) -> str:
    """Formats local time without an offset: Plotly has no time zones and would convert to UTC."""
    return start.replace(tzinfo=None).isoformat(timespec="minutes")
