"""Wording of changes, filters and periods, the same on the dashboard and in reports."""

from __future__ import annotations

from collections.abc import Iterable

from proprium.figures.names import NameLookup, clock_name
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.comparison import Change, ChangeFormat
from proprium.metrics.query.filters import Filter, Operator, dimension_name
from proprium.metrics.query.period import Interval, Period
from proprium.metrics.query.query import Query
from proprium.metrics.results import Series

BY_INTERVAL = {
    Interval.MINUTE: N_("by minute"),
    Interval.HOUR: N_("by hour"),
    Interval.DAY: N_("by day"),
    Interval.WEEK: N_("by week"),
    Interval.MONTH: N_("by month"),
}


def change_text(change: Change) -> str:
    """Returns the text of a change: "+12.4%", "new"."""
    return _("new") if change.kind is ChangeFormat.NEW else change.text


def change_tooltip(change: Change, previous: str | None) -> str:
    """Returns what a change is from: the formatted value of the compared period, or that there is none."""
    if previous is None:
        return ""
    if change.kind is ChangeFormat.NEW and change.is_good is None:
        return _("Previous: {value}. The compared period begins before the first event.", value=previous)
    return _("Previous: {value}", value=previous)


def has_partial_bucket(series: Series) -> bool:
    """Returns True where a chart has a dashed part: a bucket that still runs, or that the period cuts."""
    return any(series.is_partial(index) for index in range(len(series.starts)))


def unfiltered_bots_text(query: Query) -> str:
    """Returns which filters do not apply to bots: "Not filtered by Source."; "" if all do."""
    names = dict.fromkeys(_(dimension_name(filter_.dimension)) for filter_ in query.filters_not_for_bots)
    return _("Not filtered by {dimensions}.", dimensions=", ".join(names)) if names else ""


def period_text(period: Period) -> str:
    """Returns the name of a preset period, and the dates of a custom one."""
    return period.dates if period.key == "custom" else _(period.label)


def filter_text(filter_: Filter, name_of: NameLookup = clock_name) -> str:
    """Returns the sentence of a filter: "Country is Germany"; `name_of` turns codes into names.

    The default names weekdays and hours, the only codes in the filters of goals.
    """
    name = filter_.data_key or _(dimension_name(filter_.dimension))
    value = ", ".join(name_of(filter_.dimension, value) for value in filter_.values)
    is_blank = filter_.operator in {Operator.IS, Operator.IS_NOT} and not filter_.value
    match filter_.operator:
        case Operator.IS if is_blank:
            return _("{dimension} is not set", dimension=name)
        case Operator.IS_SET:
            return _("{dimension} is set", dimension=name)
        case Operator.IS_NOT if is_blank:
            return _("{dimension} is set", dimension=name)
        case Operator.IS:
            return _("{dimension} is {value}", dimension=name, value=value)
        case Operator.IS_NOT:
            return _("{dimension} is not {value}", dimension=name, value=value)
        case Operator.CONTAINS:
            return _("{dimension} contains {value}", dimension=name, value=value)
        case Operator.NOT_CONTAINS:
            return _("{dimension} does not contain {value}", dimension=name, value=value)
        case Operator.MATCHES:
            return _("{dimension} matches {value}", dimension=name, value=value)
        case Operator.ONE_OF:
            return _("{dimension} is one of {value}", dimension=name, value=value)


def all_filters_text(filters: Iterable[Filter]) -> str:
    """Joins the sentences of filters: "Event is sign_up and plan is pro"."""
    text = ""
    for filter_ in filters:
        sentence = filter_text(filter_)
        text = _("{conditions} and {condition}", conditions=text, condition=sentence) if text else sentence
    return text
