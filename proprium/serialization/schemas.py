"""JSON schemas of API responses and report.json, with a description of each field. Times are RFC 3339 with offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Numeric = int | float | None
"""Not rounded. None: a rate or average without data."""


class Property(BaseModel):
    """A tracked site or app."""

    id: UUID
    name: str = Field(examples=["example.com"])
    timezone: str = Field(
        description="Time zone in which the property's days begin (IANA name).", examples=["Europe/Berlin"]
    )
    hostnames: list[str] = Field(
        description="Hostnames that events are accepted from; empty: all.", examples=[["a.com"]]
    )
    created_at: datetime = Field(description="Time of creation (UTC).", examples=["2026-01-31T09:00:00Z"])


class Properties(BaseModel):
    """The properties that the API key has access to, sorted by name."""

    properties: list[Property]


class Period(BaseModel):
    """A date range: whole days in a time zone, or the last 24 hours."""

    key: str = Field(description="The requested period; custom for a range of dates.", examples=["28d"])
    start: datetime = Field(description="Start of the period, inclusive.", examples=["2026-01-31T00:00:00+01:00"])
    end: datetime = Field(description="End of the period, exclusive.", examples=["2026-02-28T00:00:00+01:00"])
    first_day: date
    last_day: date = Field(description="Last day of the period, inclusive.")


class Limits(BaseModel):
    """The property's own limits, which sessions, bounces and current visitors depend on."""

    session_timeout_min: int = Field(description="Minutes of inactivity after which a session ends.", examples=[30])
    engagement_threshold_s: int = Field(
        description="Seconds of engagement from which a session with one page view is not a bounce.", examples=[10]
    )
    live_window_min: int = Field(description="Minutes after a hit for which a visitor is online.", examples=[5])


class Query(BaseModel):
    """The query as it was executed, with all defaults filled in."""

    property: UUID
    period: Period
    compared: Period | None = Field(
        description="The compared period, up to the same minute where the period still runs; null without comparison."
    )
    timezone: str = Field(description="Time zone of days and hours.", examples=["Europe/Berlin"])
    interval: str = Field(description="Width of a timeline's buckets.", examples=["day"])
    audience: Literal["humans", "bots", "all"]
    filters: list[str] = Field(
        description="Filters of the query; all of them must match.", examples=[["country:is:DE"]]
    )
    filters_not_for_bots: list[str] = Field(
        description="Those filters that bots cannot have, such as the source of a session: bots are counted regardless"
        " of them.",
        examples=[["source:is:Google"]],
    )
    limits: Limits
    asked_at: datetime = Field(description="Time of the query (UTC), to which today and now refer.")


class QueryResponse(BaseModel):
    """Fields of every stats response."""

    query: Query
    rows_read: int = Field(description="Number of events in the period that match the filters, including bots.")
    computed_s: float = Field(description="Duration of the query in seconds.", examples=[0.04])


class Change(BaseModel):
    """Change from the compared period: a percentage; for rates and for counts under 30, the difference."""

    kind: Literal["none", "new", "difference", "percent"] = Field(
        description="none: nothing to compare; new: the compared value is 0, or the compared period begins before the"
        " property's first event."
    )
    value: float = Field(description="Percentage, or difference (of rates: in percentage points).")
    text: str = Field(description="The change as the dashboard shows it.", examples=["+12.4%", ">999 %"])
    is_good: bool | None = Field(description="Whether the change is an improvement; null: neutral.")


class Number(BaseModel):
    """The value of one metric, with comparison."""

    value: Numeric = Field(description="null: a rate or average without data.", examples=[1204])
    unit: Literal["count", "percent", "seconds", "ratio"]
    previous: Numeric = Field(description="Value in the compared period.", examples=[1100])
    change: Change | None = Field(description="Change from the compared period; null without comparison.")


class Totals(QueryResponse):
    """Metrics of a whole period, compared to another period."""

    metrics: dict[str, Number] = Field(description="Numbers by metric.")
    definitions: dict[str, str] = Field(
        description="Definitions by metric, with the property's own limits.",
        examples=[{"sessions": "Visits. A visit ends after 30 minutes of inactivity, or after 24 hours."}],
    )
    custom_events: dict[str, Number] = Field(description="Custom events with a card of their own, by name.")
    goals: dict[str, int] = Field(description="Converted sessions by goal.")
    bots: int = Field(description="Bot hits, which are excluded from all other metrics.")
    bots_note: str | None = Field(
        description="Which filters the bot hits do not follow; null: they follow all.",
        examples=["Not filtered by Source."],
    )
    daily_visitors: bool = Field(
        description="True: visitors are the sum of daily visitors: several days of a cookieless property."
    )
    single_day_visitors: int = Field(
        description="Visitors without a cookie, who are recognised for one day only: one who returns on another day of "
        "the period is counted again."
    )


class Bucket(BaseModel):
    """One interval of a timeline. No bucket is missing: empty ones have 0."""

    start: datetime = Field(examples=["2026-01-31T00:00:00+01:00"])
    values: dict[str, Numeric] = Field(description="Values by metric.", examples=[{"visitors": 43}])
    is_partial: bool = Field(
        description="True: not a whole interval; it has not ended yet, or the period begins or ends within it."
    )


class Timeline(QueryResponse):
    """Metrics per interval of a period."""

    buckets: list[Bucket] = Field(description="Buckets from the period's start to its end, or to now.")
    is_running: bool = Field(description="True: the last bucket is not complete yet.")
    compared: list[Bucket] | None = Field(
        description="Buckets of the compared period, which are whole: the first and the last may reach beyond it. null"
        " without comparison."
    )


class Row(BaseModel):
    """One value of a dimension."""

    value: str | None = Field(description="The value for use in a filter; null: not set.", examples=["DE"])
    label: str = Field(description="Display name.", examples=["Germany"])
    numbers: dict[str, Numeric] = Field(description="Values by metric.", examples=[{"visitors": 120}])
    share_percent: float = Field(
        description="Share of `total`, in percent. Visitors may be in several rows, so that shares add up to over 100.",
        examples=[34.2],
    )


class Table(BaseModel):
    """The values of one dimension."""

    dimension: str = Field(examples=["country"])
    metrics: list[str] = Field(description="Metrics of the rows, the default metric first.", examples=[["visitors"]])
    rows: list[Row]
    distinct: int = Field(description="Total number of rows, or of rows that match the search.")
    total: dict[str, Numeric] = Field(
        description="The dimension's default metric under the same filters, as in `totals`: 100 % of the shares."
    )
    matching_total: dict[str, Numeric] = Field(
        description="The same metric of all rows, or of those that match the search; a visitor in several counts once."
    )
    note: str | None = Field(
        description="Of bots: which filters the numbers do not follow; null: they follow all.",
        examples=["Not filtered by Source."],
    )


class Breakdown(QueryResponse, Table):
    """The values of one dimension, with the query."""


class Live(BaseModel):
    """Current visitors: distinct visitors with at least one hit, not filtered."""

    now: int = Field(description="Visitors in the last `minutes`.")
    half_hour: int = Field(description="Visitors in the last 30 minutes.")
    minutes: int = Field(description="Minutes after a hit for which a visitor is online, as the property sets it.")
    asked_at: datetime = Field(description="Time of the query (UTC).")


class Report(QueryResponse):
    """A whole dashboard, as in report.json and in the files of report.csv."""

    property: Property
    totals: Totals
    timeline: Timeline
    tables: dict[str, Table] = Field(description="Tables by title, each with its first 1,000 rows.")
    live: Live
