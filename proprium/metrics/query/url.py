"""Query serialization to and from URL parameters, so that a shared link shows the same page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from collector.url_normalisation import DEFAULT_PAGE_RULES, PageRules
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
    hours_period,
    preset_period,
)
from proprium.metrics.query.query import DEFAULT_LIMITS, Audience, Goal, Limits, Query

Params = Mapping[str, Any] | Iterable[tuple[str, str]]
"""A framework's multi-dict, a dict of strings or lists of strings, or pairs."""

_TIME_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
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
    merges_trailing_slashes: bool
    merges_index_pages: bool
    discards_bots: bool
    is_cookieless: bool


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
    page_rules: PageRules = DEFAULT_PAGE_RULES
    discards_bots: bool = False
    is_cookieless: bool = False


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
        page_rules=PageRules(property_.merges_trailing_slashes, property_.merges_index_pages),
        discards_bots=property_.discards_bots,
        is_cookieless=property_.is_cookieless,
    )


def query_from(params: Params, property_facts: PropertyFacts, now: datetime) -> Query:
    """Builds a Query of URL parameters. Ignores unknown names; raises BadQuery for bad values, with the valid ones."""
    parameters = _UrlParameters(params)
    chosen_timezone = parameters.get("timezone")
    zone = parameters.timezone(property_facts.timezone)
    period = parameters.period(zone, now, property_facts.first_event)
    interval = parameters.choice("interval", Interval, default_interval(period))
    check_interval(interval, period)
    return Query(
        property_id=property_facts.id,
        property_number=property_facts.number,
        timezone=zone,
        period=period,
        now=now,
        compare=parameters.choice("compare", Compare, Compare.PREVIOUS),
        filters=parameters.filters(),
        interval=interval,
        audience=parameters.choice("audience", Audience, Audience.HUMANS),
        open_country=parameters.country(),
        custom_cards=tuple(property_facts.custom_cards),
        goals=property_facts.goals,
        limits=property_facts.limits,
        page_rules=property_facts.page_rules,
        goal=parameters.goal(property_facts.goals),
        has_chosen_timezone=bool(chosen_timezone) and chosen_timezone != property_facts.timezone,
        data_access=property_facts.data_access,
        is_cookieless=property_facts.is_cookieless,
    )


def query_to_params(query: Query) -> list[tuple[str, str]]:
    """Returns the shortest URL parameters of a query; defaults are left out."""
    pairs: list[tuple[str, str]] = []
    if query.period.key == "custom":
        pairs += list(zip(("from", "to"), _period_edges(query.period), strict=True))
    elif query.period.key != DEFAULT_KEY:
        pairs.append(("period", query.period.key))
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


def _period_edges(period: Period) -> tuple[str, str]:
    """Returns first and last day, or start and end of a period that was chosen to the minute."""
    if period.has_hours:
        return f"{period.start:%Y-%m-%dT%H:%M}", f"{period.end:%Y-%m-%dT%H:%M}"
    return period.first_day.isoformat(), period.last_day.isoformat()


class _UrlParameters:
    """URL parameters by name, from any of the types of Params, and their values. Bad ones raise BadQuery."""

    def __init__(self, params: Params) -> None:
        multi_items = getattr(params, "multi_items", None)
        pairs: Any = params
        if multi_items:
            pairs = multi_items()
        elif isinstance(params, Mapping):
            pairs = (
                (name, value)
                for name, values in params.items()
                for value in (values if isinstance(values, list | tuple) else [values])
            )
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(str(name), []).append(str(value))

    def get(self, name: str) -> str:
        """Returns the last value, stripped; "" without one."""
        return self._values.get(name, [""])[-1].strip()

    def choice(self, name: str, choices: type[Choice], default: Choice) -> Choice:
        """Returns the value as one of `choices`, or the default."""
        text = self.get(name)
        try:
            return choices(text) if text else default
        except ValueError:
            choice_names = ", ".join(choices)
            raise BadQuery(f"{name}={_printable(text)} is not known. Choose one of {choice_names}.") from None

    def timezone(self, default: str) -> ZoneInfo:
        name = self.get("timezone") or default
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
            raise BadQuery(
                f"The time zone {_printable(name)} is not known. Use an IANA name such as Europe/Berlin."
            ) from None

    def period(self, zone: ZoneInfo, now: datetime, first_event: datetime | None) -> Period:
        """Returns the period of two dates or times, a preset, or `date_range` (days up to today) of the original app.

        A time in `to` is the end, which is excluded; a date there is the last day.
        """
        from_text, to_text = self.get("from") or self.get("date_start"), self.get("to") or self.get("date_end")
        today = now.astimezone(zone).date()
        if _TIME_PATTERN.fullmatch(from_text) or _TIME_PATTERN.fullmatch(to_text):
            return hours_period(_parse_time(from_text), _parse_time(to_text, is_end=True), zone)
        if from_text:
            return custom_period(_parse_date(from_text), _parse_date(to_text) if to_text else today, zone)
        if to_text:
            raise BadQuery(f"The period ends on {_printable(to_text)} but has no start. Add from=… with the first day.")
        if self.get("period"):
            return preset_period(self.get("period"), now, zone, first_event)
        day_count_text = self.get("date_range")
        if not day_count_text or day_count_text == "custom":
            return preset_period(DEFAULT_KEY, now, zone)
        if day_count_text in LEGACY_RANGES:
            return preset_period(LEGACY_RANGES[day_count_text], now, zone)
        if not (day_count_text.isascii() and day_count_text.isdigit() and 0 < int(day_count_text[:6]) <= 3660):
            raise BadQuery(
                f"date_range={_printable(day_count_text)} is not a number of days. Use 1 to 3660, or period=28d."
            )
        return custom_period(today - timedelta(days=int(day_count_text) - 1), today, zone)

    def filters(self) -> tuple[Filter, ...]:
        """Returns the filters, and that of `filter_url` of the original app's script: a path or a full URL."""
        filters = parse_filters(self._values.get("filter", []))
        url = self.get("filter_url")
        if not url:
            return filters
        try:
            url_parts = urlsplit(url)
            path = url_parts.path or "/" if url_parts.scheme in {"http", "https"} else url
        except ValueError:
            path = url
        page_filter = parse_filter(Filter("page", Operator.IS, (path,)).to_text())
        return tuple(dict.fromkeys((*filters, page_filter)))

    def goal(self, goals: tuple[Goal, ...]) -> str:
        """Returns the name of one of `goals`, or ""."""
        name = self.get("goal")
        if name and name not in {goal.name for goal in goals}:
            goal_names = ", ".join(goal.name for goal in goals) or "none yet"
            raise BadQuery(f"There is no goal {_printable(name)}. The goals are: {goal_names}.")
        return name

    def country(self) -> str | None:
        """Returns the code of the country that is open on the map."""
        code = self.get("map").upper()
        if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
            text = _printable(self.get("map"))
            raise BadQuery(f"map={text} is not a country code. Use its two letters, for example map=DE.")
        return code or None


def _parse_time(text: str, *, is_end: bool = False) -> datetime:
    """Parses a local time, or a date: its start, or as an end the start of the next day."""
    if not _TIME_PATTERN.fullmatch(text):
        return datetime.combine(_parse_date(text) + timedelta(days=is_end), time())
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{_printable(text)} is not a time. Write it as 2026-01-31T14:00.") from None


def _parse_date(text: str) -> date:
    try:
        if not _DATE_PATTERN.fullmatch(text):  # 20260131 and 2026-W05-6 are ISO dates too, but likely typos
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{_printable(text)} is not a date. Write it as 2026-01-31.") from None


def _printable(text: str) -> str:
    """Returns the repr of a bad value, at most 40 characters, safe to print."""
    shortened = text if len(text) <= 40 else text[:40] + "…"
    return repr(shortened if is_valid_text(shortened) else shortened.encode("ascii", "replace").decode())
