"""Query serialization to and from URL parameters, so that a shared link shows the same page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from proprium.errors import BadQuery
from proprium.metrics.query.data_access import NO_KEY, DataAccess
from proprium.metrics.query.filters import Filter, Operator, is_valid_text, parse_filter, parse_filters
from proprium.metrics.query.goals import parse_goals
from proprium.metrics.query.period import (
    DEFAULT_KEY,
    Compare,
    Interval,
    Period,
    check_interval,
    custom_period,
    default_interval,
    preset_period,
)
from proprium.metrics.query.query import DEFAULT_LIMITS, Audience, Goal, Limits, Query

Params = Mapping[str, Any] | Iterable[tuple[str, str]]
"""A framework's multi-dict, a dict of strings or lists of strings, or pairs."""

_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Choice = TypeVar("Choice", bound=StrEnum)

LEGACY_RANGES = {"7": "7d", "14": "14d", "28": "28d", "30": "30d", "90": "90d", "365": "12mo"}
"""Presets by `date_range` of the original app's URLs."""


class PropertySettings(Protocol):
    """The settings of a property that queries depend on; implemented by storage's Property."""

    id: UUID
    number: int | None
    timezone: str
    custom_cards: list[str]
    goals: list[dict[str, Any]]
    session_gap_min: int
    bounce_s: int
    live_min: int


@dataclass(frozen=True)
class PropertyFacts:
    """The facts about a property that its queries are built from."""

    id: UUID
    number: int
    timezone: str = "UTC"
    custom_cards: tuple[str, ...] = ()
    first_event: datetime | None = None  # the start of "all time"
    goals: tuple[Goal, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    data_access: DataAccess = NO_KEY


def facts_of(property_: PropertySettings, first_event: datetime | None, data_access: DataAccess) -> PropertyFacts:
    """Builds the facts for one principal: `data_access` goes into every query."""
    return PropertyFacts(
        id=property_.id,
        number=property_.number or 0,
        timezone=property_.timezone,
        custom_cards=tuple(property_.custom_cards),
        first_event=first_event,
        goals=tuple(goal for goal in parse_goals(property_.goals) if data_access.counts_goal(goal.filters)),
        limits=Limits(property_.session_gap_min, property_.bounce_s, property_.live_min),
        data_access=data_access,
    )


def query_from(params: Params, property_facts: PropertyFacts, now: datetime) -> Query:
    """Builds a Query of URL parameters. Ignores unknown names; raises BadQuery for bad values, with the valid ones."""
    parameters = _UrlParameters(params)
    chosen_timezone = parameters.get("timezone")
    zone = _parse_timezone(chosen_timezone or property_facts.timezone)
    period = _parse_period(parameters, zone, now, property_facts.first_event)
    return Query(
        property_id=property_facts.id,
        property_number=property_facts.number,
        timezone=zone,
        period=period,
        now=now,
        compare=parameters.choice("compare", Compare, Compare.PREVIOUS),
        filters=_parse_url_filters(parameters),
        interval=_parse_interval(parameters, period),
        audience=parameters.choice("audience", Audience, Audience.HUMANS),
        open_country=_parse_country(parameters.get("map")),
        custom_cards=tuple(property_facts.custom_cards),
        goals=property_facts.goals,
        limits=property_facts.limits,
        goal=_check_goal(parameters.get("goal"), property_facts.goals),
        has_chosen_timezone=bool(chosen_timezone) and chosen_timezone != property_facts.timezone,
        data_access=property_facts.data_access,
    )


def query_to_params(query: Query) -> list[tuple[str, str]]:
    """Returns the shortest URL parameters of a query; defaults are left out."""
    pairs = _period_params(query.period)
    if query.interval is not default_interval(query.period):
        pairs.append(("interval", query.interval))
    if query.compare is not Compare.PREVIOUS:
        pairs.append(("compare", query.compare))
    pairs += [("filter", filter_.to_text()) for filter_ in query.filters]
    if query.open_country:
        pairs.append(("map", query.open_country))
    if query.goal:
        pairs.append(("goal", query.goal))
    if query.audience is not Audience.HUMANS:
        pairs.append(("audience", query.audience))
    if query.has_chosen_timezone:
        pairs.append(("timezone", query.timezone.key))
    return [(name, str(value)) for name, value in pairs]


class _UrlParameters:
    """URL parameters by name, from any of the types of Params."""

    def __init__(self, params: Params) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in _pairs(params):
            self._values.setdefault(name, []).append(value)

    def get(self, name: str) -> str:
        """Returns the last value, stripped; "" without one."""
        return self._values.get(name, [""])[-1].strip()

    def get_all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def choice(self, name: str, choices: type[Choice], default: Choice) -> Choice:
        """Returns the value as one of `choices`, or the default. Raises BadQuery for another value."""
        text = self.get(name)
        try:
            return choices(text) if text else default
        except ValueError:
            choice_names = ", ".join(choices)
            raise BadQuery(f"{name}={_printable(text)} is not known. Choose one of {choice_names}.") from None


def _pairs(params: Params) -> Iterable[tuple[str, str]]:
    multi_items = getattr(params, "multi_items", None)
    if multi_items:
        return ((str(name), str(value)) for name, value in multi_items())
    if not isinstance(params, Mapping):
        return params
    return (
        (name, str(value))
        for name, values in params.items()
        for value in (values if isinstance(values, list | tuple) else [values])
    )


def _parse_period(parameters: _UrlParameters, zone: ZoneInfo, now: datetime, first_event: datetime | None) -> Period:
    from_text, to_text = (
        parameters.get("from") or parameters.get("date_start"),
        parameters.get("to") or parameters.get("date_end"),
    )
    today = now.astimezone(zone).date()
    if from_text:
        return custom_period(_parse_date(from_text), _parse_date(to_text) if to_text else today, zone)
    if to_text:
        raise BadQuery(f"The period ends on {_printable(to_text)} but has no start. Add from=… with the first day.")
    if parameters.get("period"):
        return preset_period(parameters.get("period"), now, zone, first_event)
    return _legacy_period(parameters.get("date_range"), zone, now)


def _legacy_period(day_count_text: str, zone: ZoneInfo, now: datetime) -> Period:
    """Parses `date_range` of the original app's URLs: a number of days up to today."""
    if not day_count_text or day_count_text == "custom":
        return preset_period(DEFAULT_KEY, now, zone)
    if day_count_text in LEGACY_RANGES:
        return preset_period(LEGACY_RANGES[day_count_text], now, zone)
    if not (day_count_text.isascii() and day_count_text.isdigit() and 0 < int(day_count_text[:6]) <= 3660):
        raise BadQuery(
            f"date_range={_printable(day_count_text)} is not a number of days. Use 1 to 3660, or period=28d."
        )
    today = now.astimezone(zone).date()
    return custom_period(today - timedelta(days=int(day_count_text) - 1), today, zone)


def _period_params(period: Period) -> list[tuple[str, str]]:
    if period.key == "custom":
        return [("from", period.first_day.isoformat()), ("to", period.last_day.isoformat())]
    return [] if period.key == DEFAULT_KEY else [("period", period.key)]


def _parse_date(text: str) -> date:
    try:
        if not _DATE_PATTERN.fullmatch(text):  # 20260131 and 2026-W05-6 are ISO dates too, but likely typos
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{_printable(text)} is not a date. Write it as 2026-01-31.") from None


def _parse_timezone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
        raise BadQuery(
            f"The time zone {_printable(name)} is not known. Use an IANA name such as Europe/Berlin."
        ) from None


def _parse_interval(parameters: _UrlParameters, period: Period) -> Interval:
    interval = parameters.choice("interval", Interval, default_interval(period))
    check_interval(interval, period)
    return interval


def _parse_url_filters(parameters: _UrlParameters) -> tuple[Filter, ...]:
    filters = parse_filters(parameters.get_all("filter"))
    url = parameters.get("filter_url")
    if not url:
        return filters
    page = Filter("page", Operator.IS, (_path_of_url(url),))
    return tuple(dict.fromkeys((*filters, parse_filter(page.to_text()))))


def _path_of_url(url: str) -> str:
    """Returns the path of `filter_url`, which is a path or a full URL, as the original app's script sent it."""
    try:
        url_parts = urlsplit(url)
        return url_parts.path or "/" if url_parts.scheme in {"http", "https"} else url
    except ValueError:
        return url


def _check_goal(name: str, goals: tuple[Goal, ...]) -> str:
    if name and name not in {goal.name for goal in goals}:
        goal_names = ", ".join(goal.name for goal in goals) or "none yet"
        raise BadQuery(f"There is no goal {_printable(name)}. The goals are: {goal_names}.")
    return name


def _parse_country(text: str) -> str | None:
    if not text:
        return None
    code = text.upper()
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise BadQuery(f"map={_printable(text)} is not a country code. Use its two letters, for example map=DE.")
    return code


def _printable(text: str) -> str:
    """Returns the repr of a bad value, at most 40 characters, safe to print."""
    shortened = text if len(text) <= 40 else text[:40] + "…"
    return repr(shortened if is_valid_text(shortened) else shortened.encode("ascii", "replace").decode())
