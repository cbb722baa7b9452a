"""The JSON that other programs get, as models that say what each field means. Times are RFC 3339 with an offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Numeric = int | float | None
"""Unrounded. None: a rate of nothing."""


class Property(BaseModel):
    """A tracked site or app."""

    id: UUID
    name: str = Field(examples=["example.com"])
    timezone: str = Field(description="Where its days begin, as an IANA name.", examples=["Europe/Berlin"])
    hostnames: list[str] = Field(description="Those that it takes events from; none: from all.", examples=[["a.com"]])
    created_at: datetime = Field(description="UTC.", examples=["2026-01-31T09:00:00Z"])


class Properties(BaseModel):
    """The properties that the key opens, by name."""

    properties: list[Property]


class Period(BaseModel):
    """Whole days of a time zone, or the last 24 hours."""

    key: str = Field(description="As it was asked for; custom for dates.", examples=["28d"])
    start: datetime = Field(description="Of its first moment.", examples=["2026-01-31T00:00:00+01:00"])
    end: datetime = Field(description="Of the first moment after it.", examples=["2026-02-28T00:00:00+01:00"])
    first_day: date
    last_day: date = Field(description="It belongs to the period.")


class Query(BaseModel):
    """What was asked, with everything that was not said filled in."""

    property: UUID
    period: Period
    compared: Period | None = Field(description="What the period is compared with; null: with nothing.")
    timezone: str = Field(description="In which days and hours were cut.", examples=["Europe/Berlin"])
    interval: str = Field(description="Of a timeline's buckets.", examples=["day"])
    audience: Literal["humans", "bots", "all"]
    filters: list[str] = Field(description="All of them hold.", examples=[["country:is:DE"]])
    asked_at: datetime = Field(description="UTC; what today and now mean.")


class QueryResponse(BaseModel):
    """What every answer carries."""

    query: Query
    rows_read: int = Field(description="How many events of the period fit the filters, bots included.")
    computed_s: float = Field(description="Seconds that the answer took.", examples=[0.04])


class Change(BaseModel):
    """Against the compared period. Under 30 a percentage would be noise: then it is the difference."""

    kind: Literal["none", "new", "difference", "percent"] = Field(description="new: there was nothing before.")
    value: float = Field(description="The difference (of rates: in percentage points), or percents.")
    text: str = Field(description="As the dashboard shows it.", examples=["+12.4%"])
    is_good: bool | None = Field(description="null: neither.")


class Number(BaseModel):
    """One metric of the period."""

    value: Numeric = Field(description="null: a rate of nothing.", examples=[1204])
    unit: Literal["count", "percent", "seconds", "ratio"]
    previous: Numeric = Field(description="Of the compared period.", examples=[1100])
    change: Change | None = Field(description="null without a compared period.")


class Totals(QueryResponse):
    """The headline numbers of a period, and of the one that it is compared with."""

    metrics: dict[str, Number] = Field(description="By the metric's name.")
    custom_events: dict[str, Number] = Field(description="Events that have a card of their own, by their name.")
    goals: dict[str, int] = Field(description="Sessions that reached each of the property's goals, by its name.")
    bots: int = Field(description="Hits by bots, which stand in no other number.")
    daily_visitors: bool = Field(
        description="True: some visitors are known for one day only, so visitors of several days are a sum of days."
    )


class Bucket(BaseModel):
    """One point of a chart. None is missing: an empty one has 0."""

    start: datetime = Field(examples=["2026-01-31T00:00:00+01:00"])
    values: dict[str, Numeric] = Field(description="By the metric's name.", examples=[{"visitors": 43}])


class Timeline(QueryResponse):
    """Numbers over time."""

    buckets: list[Bucket] = Field(description="From the period's start to now, or to its end.")
    is_running: bool = Field(description="True: the last bucket has not ended yet.")
    compared: list[Bucket] | None = Field(description="Of the compared period; null without one.")


class Row(BaseModel):
    """One value of a dimension."""

    value: str | None = Field(description="What a filter takes; null: not set.", examples=["DE"])
    label: str = Field(description="What a person reads.", examples=["Germany"])
    numbers: dict[str, Numeric] = Field(description="By the metric's name.", examples=[{"visitors": 120}])
    share_percent: float = Field(
        description="Of the total of the count that the dimension is listed for.", examples=[34.2]
    )


class Table(BaseModel):
    """The values of one dimension."""

    dimension: str = Field(examples=["country"])
    metrics: list[str] = Field(description="What the rows' numbers are.", examples=[["visitors"]])
    rows: list[Row]
    distinct: int = Field(description="How many rows there are in all, or that fit the search.")
    total: dict[str, Numeric] = Field(
        description="What shares are of: the sum of the count that the dimension is listed for."
    )


class Breakdown(QueryResponse, Table):
    """The values of one dimension, with what they were asked for."""


class Live(BaseModel):
    """Distinct visitors with any hit, whatever they did."""

    now: int = Field(description="In the last 5 minutes.")
    half_hour: int = Field(description="In the last 30 minutes.")
    asked_at: datetime = Field(description="UTC.")


class Report(QueryResponse):
    """A whole dashboard: report.json, and what the files of report.csv are made of."""

    property: Property
    totals: Totals
    timeline: Timeline
    tables: dict[str, Table] = Field(description="By their title. Each has its first 1,000 rows.")
    live: Live
