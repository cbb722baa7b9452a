"""Time series chart of the dashboard: a line with a gradient fill.

Lines between the counts are straight: a curve would show numbers that never were. The compared period is dotted; a
bucket that still runs, or that the period cuts, is dashed. One invisible trace has the tooltips, so that they look the
same in every theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import zip_longest

from proprium.figures import axis, numbers
from proprium.figures.template import CONFIG, Figure, Look, layout, time_axis, value_axis
from proprium.figures.wording import change_text
from proprium.i18n import gettext as _
from proprium.metrics.comparison import ChangeFormat, change
from proprium.metrics.query.period import Interval
from proprium.metrics.results import Metric, Series

HEIGHT = 280

_Values = Sequence[float | None]


def timeline(
    series: Series,
    previous: Series | None,
    metric: Metric,
    look: Look,
    interval: Interval,
    *,
    title: str | None = None,
    starts: Sequence[datetime] = (),
    max_labels: int = axis.MAX_LABELS_IN_PRINT,
    hint: str = "",
) -> Figure:
    """Draws one metric over the period.

    `previous` is overlaid bucket by bucket, regardless of its dates. `title` replaces the name of the metric, for a
    custom event. `starts` are all buckets of the period, where it goes on after the series: the rest of today. `hint`
    is the last line of every tooltip.
    """
    name = title if title is not None else _(numbers.METRIC_TITLES[metric])
    starts = starts if len(starts) > len(series.starts) else series.starts
    times = [_wall_clock(start) for start in starts]
    data = _current_traces(times[: len(series.values)], series, look)
    if previous is not None:
        values = previous.values[: len(times)]
        previous_trace = {
            **_line_trace(times[: len(values)], values, look.value.muted, 1.4, dash="dot"),
            "opacity": 0.65,
            "name": _("Compared period"),
            "hoverinfo": "skip",
        }
        data = [previous_trace, *data]
    data.append(_hover_trace(times, series, previous, metric, escape(name), interval, hint))
    return {
        "data": data,
        "layout": _layout(starts, series, previous, metric, look, interval, max_labels),
        "config": CONFIG,
    }


def _current_traces(times: list[str], series: Series, look: Look) -> list[Figure]:
    """Returns the traces of the current period.

    The first has the fill; above it lies the line, whose first and last segment are dashed where their bucket is
    partial.
    """
    partial_indexes = [index for index in range(len(times)) if series.is_partial(index)]
    solid = slice(int(0 in partial_indexes), len(times) - int(len(times) - 1 in partial_indexes))
    solid_values = series.values[solid]
    # A value without neighbours becomes a dot, since its line would have no length.
    padded = [None, *solid_values, None]
    dot_sizes = [
        6 if value is not None and before is None and after is None else 0
        for before, value, after in zip(padded, solid_values, padded[2:], strict=False)
    ]
    traces = [
        {
            **_line_trace(times, series.values, look.value.accent, 0),
            "fill": "tozeroy",
            "fillcolor": look.value.fill_bottom,
            "fillgradient": {"type": "vertical", "colorscale": [[0, look.value.fill_bottom], [1, look.value.fill_top]]},
            "hoverinfo": "skip",
        },
        {
            **_line_trace(times[solid], solid_values, look.value.accent, 2.4),
            "mode": "lines+markers",
            "marker": {"color": look.value.accent, "size": dot_sizes, "opacity": 1},
            "hoverinfo": "skip",
        },
    ]
    return traces + [trace for index in partial_indexes for trace in _partial_traces(times, series, look, index)]


def _hover_trace(
    times: list[str],
    series: Series,
    previous: Series | None,
    metric: Metric,
    name: str,
    interval: Interval,
    hint: str,
) -> Figure:
    """Returns the trace of the tooltips: the value, the change, then date and value of the compared bucket."""
    date_format = _(axis.HOVER_FORMATS[interval])
    heights, texts = [], []
    previous_points = list(zip(previous.starts, previous.values, strict=True)) if previous is not None else []
    last_index = len(series.values) - 1
    for index, (_time, value, point) in enumerate(zip_longest(times, series.values, previous_points[: len(times)])):
        lines = []
        before = point[1] if point else None
        if index <= last_index:
            line = f"{name}: <b>{_value_text(series, metric, index)}</b>"
            delta = change(value, before, metric)
            if point and not series.is_partial(index) and delta.kind is not ChangeFormat.NONE:
                line += f" ({change_text(delta)})"
            lines.append(line)
        if point:
            lines.append(f"{point[0].strftime(date_format)}: {numbers.format_metric_exact(metric, before)}")
        texts.append("<br>".join(lines))
        heights.append(value if value is not None else before if before is not None else 0)
    template = f"<b>%{{x|{date_format}}}</b><br>%{{customdata}}" + (f"<br><i>{escape(hint)}</i>" if hint else "")
    return {
        "type": "scatter",
        "mode": "lines",
        "x": times,
        "y": heights,
        "line": {"width": 0},
        "name": name,
        "customdata": texts,
        "hoverinfo": "text",  # with x in it, Plotly would write the date at the axis too
        "hovertemplate": template + "<extra></extra>",
    }


def _value_text(series: Series, metric: Metric, index: int) -> str:
    """Returns the value of a bucket for its tooltip: "43", "12 (incomplete)"."""
    text = numbers.format_metric_exact(metric, series.values[index])
    return _("{value} (incomplete)", value=text) if series.is_partial(index) else text


def _partial_traces(times: list[str], series: Series, look: Look, index: int) -> list[Figure]:
    """Returns the dashed segment between a partial bucket and its neighbour, if it has one, and the bucket's dot."""
    pair = slice(0, 2) if index == 0 else slice(index - 1, index + 1)
    segment = _line_trace(times[pair], series.values[pair], look.value.accent, 2.4, dash="3px 4px")
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


def _line_trace(times: Sequence[str], values: _Values, colour: str, width: float, **line: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(times),
        "y": list(values),
        "line": {"color": colour, "width": width, "shape": "linear", **line},
    }


def _layout(
    starts: Sequence[datetime],
    series: Series,
    previous: Series | None,
    metric: Metric,
    look: Look,
    interval: Interval,
    max_labels: int,
) -> Figure:
    shown_values = [*series.values, *(previous.values[: len(starts)] if previous else ())]
    ticks, end = axis.value_ticks(max((value for value in shown_values if value is not None), default=0), metric)
    labelled_starts = axis.time_ticks(starts, interval, max_labels)
    edges = [_wall_clock(start) for start in (starts[0], starts[-1])] if len(starts) > 1 else None
    return layout(
        look,
        height=HEIGHT,
        hovermode="x",
        uirevision="timeline",
        xaxis=time_axis(
            look,
            type="date",
            range=edges,  # Plotly centres a single bucket itself
            tickvals=[_wall_clock(start) for start in labelled_starts],
            ticktext=axis.time_labels(labelled_starts, interval),
            tickangle=0,
            showspikes=True,
            spikesnap="hovered data",
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
