"""The query in an address, and back: a pasted link shows the same page."""

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
from proprium.metrics.query.filters import Filter, Operator, is_plain, parse_filter, parse_filters
from proprium.metrics.query.goals import goals_of
from proprium.metrics.query.period import (
    DEFAULT_KEY,
    Compare,
    Interval,
    Period,
    check_interval,
    custom,
    default_interval,
    period,
)
from proprium.metrics.query.query import Audience, Goal, Query

Params = Mapping[str, Any] | Iterable[tuple[str, str]]
"""A framework's multi-dict, a plain dict of texts or lists of texts, or pairs."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Choice = TypeVar("Choice", bound=StrEnum)

SEED_RANGES = {"7": "7d", "14": "14d", "28": "28d", "30": "30d", "90": "90d", "365": "12mo"}


class Asked(Protocol):
    """Of a property's settings, what its questions depend on: storage's Property has them."""

    id: UUID
    number: int | None
    timezone: str
    custom_cards: list[str]
    goals: list[dict[str, Any]]
    live_min: int


@dataclass(frozen=True)
class PropertyFacts:
    """What a query needs to know of its property."""

    id: UUID
    number: int
    timezone: str = "UTC"
    custom_cards: tuple[str, ...] = ()
    first_event: datetime | None = None  # where "all time" begins
    goals: tuple[Goal, ...] = ()
    live_min: int = 5
    data_access: DataAccess = NO_KEY


def facts_of(property: Asked, first_event: datetime | None, data_access: DataAccess) -> PropertyFacts:
    """Builds the facts for one principal: `data_access` goes into every query."""
    return PropertyFacts(
        id=property.id,
        number=property.number or 0,
        timezone=property.timezone,
        custom_cards=tuple(property.custom_cards),
        first_event=first_event,
        goals=tuple(each for each in goals_of(property.goals) if data_access.counts_goal(each.filters)),
        live_min=property.live_min,
        data_access=data_access,
    )


def query_from(params: Params, property: PropertyFacts, now: datetime) -> Query:
    """The query that an address asks. Unknown names are left alone; a bad value raises BadQuery with the way out."""
    asked = _Asked(params)
    chosen_zone = asked.one("timezone")
    zone = _zone(chosen_zone or property.timezone)
    span = _period(asked, zone, now, property.first_event)
    return Query(
        property_id=property.id,
        property=property.number,
        timezone=zone,
        period=span,
        now=now,
        compare=asked.choice("compare", Compare, Compare.PREVIOUS),
        filters=_filters(asked),
        interval=_interval(asked, span),
        audience=asked.choice("audience", Audience, Audience.HUMANS),
        open_country=_country(asked.one("map")),
        custom_cards=tuple(property.custom_cards),
        goals=property.goals,
        live_min=property.live_min,
        goal=_goal(asked.one("goal"), property.goals),
        timezone_is_chosen=bool(chosen_zone) and chosen_zone != property.timezone,
        data_access=property.data_access,
    )


def query_to_params(query: Query) -> list[tuple[str, str]]:
    """The shortest address that asks `query` again; what is the default is left out."""
    pairs = _period_params(query.period)
    if query.interval is not default_interval(query.period):
        pairs.append(("interval", query.interval))
    if query.compare is not Compare.PREVIOUS:
        pairs.append(("compare", query.compare))
    pairs += [("filter", wanted.to_text()) for wanted in query.filters]
    if query.open_country:
        pairs.append(("map", query.open_country))
    if query.goal:
        pairs.append(("goal", query.goal))
    if query.audience is not Audience.HUMANS:
        pairs.append(("audience", query.audience))
    if query.timezone_is_chosen:
        pairs.append(("timezone", query.timezone.key))
    return [(name, str(value)) for name, value in pairs]


class _Asked:
    """The address's values by name, whatever kind of dict they came in."""

    def __init__(self, params: Params) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in _pairs(params):
            self._values.setdefault(name, []).append(value)

    def one(self, name: str) -> str:
        """The last value given; "" when there is none."""
        return self._values.get(name, [""])[-1].strip()

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def choice(self, name: str, choices: type[Choice], default: Choice) -> Choice:
        text = self.one(name)
        try:
            return choices(text) if text else default
        except ValueError:
            known = ", ".join(choices)
            raise BadQuery(f"{name}={_shown(text)} is not known. Choose one of {known}.") from None


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


def _period(asked: _Asked, zone: ZoneInfo, now: datetime, first_event: datetime | None) -> Period:
    first, last = asked.one("from") or asked.one("date_start"), asked.one("to") or asked.one("date_end")
    today = now.astimezone(zone).date()
    if first:
        return custom(_date(first), _date(last) if last else today, zone)
    if last:
        raise BadQuery(f"The period ends on {_shown(last)} but has no start. Add from=… with the first day.")
    if asked.one("period"):
        return period(asked.one("period"), now, zone, first_event)
    return _seed_period(asked.one("date_range"), zone, now)


def _seed_period(days: str, zone: ZoneInfo, now: datetime) -> Period:
    """`date_range` of the seed's addresses: a number of days up to today."""
    if not days or days == "custom":
        return period(DEFAULT_KEY, now, zone)
    if days in SEED_RANGES:
        return period(SEED_RANGES[days], now, zone)
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 3660):
        raise BadQuery(f"date_range={_shown(days)} is not a number of days. Write one from 1 to 3660, or period=28d.")
    today = now.astimezone(zone).date()
    return custom(today - timedelta(days=int(days) - 1), today, zone)


def _period_params(span: Period) -> list[tuple[str, str]]:
    if span.key == "custom":
        return [("from", span.first_day.isoformat()), ("to", span.last_day.isoformat())]
    return [] if span.key == DEFAULT_KEY else [("period", span.key)]


def _date(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):  # 20260131 and 2026-W05-6 are ISO dates too, and nobody means them
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{_shown(text)} is not a date. Write it as 2026-01-31.") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, as "Europe"
        raise BadQuery(f"The time zone {_shown(name)} is not known. Write it as Europe/Berlin.") from None


def _interval(asked: _Asked, span: Period) -> Interval:
    interval = asked.choice("interval", Interval, default_interval(span))
    check_interval(interval, span)
    return interval


def _filters(asked: _Asked) -> tuple[Filter, ...]:
    filters = parse_filters(asked.all("filter"))
    url = asked.one("filter_url")
    if not url:
        return filters
    page = Filter("page", Operator.IS, (_path(url),))
    return tuple(dict.fromkeys((*filters, parse_filter(page.to_text()))))


def _path(url: str) -> str:
    """The seed filters by what its script sent: a path, or a full address."""
    try:
        parts = urlsplit(url)
        return parts.path or "/" if parts.scheme in {"http", "https"} else url
    except ValueError:
        return url


def _goal(name: str, goals: tuple[Goal, ...]) -> str:
    if name and name not in {goal.name for goal in goals}:
        known = ", ".join(goal.name for goal in goals) or "none yet"
        raise BadQuery(f"There is no goal {_shown(name)}. The goals are: {known}.")
    return name


def _country(text: str) -> str | None:
    if not text:
        return None
    code = text.upper()
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise BadQuery(f"map={_shown(text)} is not a country. Write its two letters, as map=DE.")
    return code


def _shown(text: str) -> str:
    """The value at fault, cut, and safe to print."""
    cut = text if len(text) <= 40 else text[:40] + "…"
    return repr(cut if is_plain(cut) else cut.encode("ascii", "replace").decode())
