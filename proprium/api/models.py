"""Request and response models of POST /events, as described in the OpenAPI schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """One event. Unknown keys are ignored."""

    model_config = ConfigDict(json_schema_extra={"description": "One event. Unknown keys are ignored."})

    event: str = Field(
        min_length=1, max_length=255, description="page_view, or the name of a custom event.", examples=["order"]
    )
    collectorId: UUID | None = Field(
        None, description="The property's id. Optional if the API key belongs to a single property."
    )
    data: dict[str, Any] | None = Field(
        None,
        description="Event data with any keys; url, referrer, title and other known keys feed the reports.",
        examples=[{"amount": 49}],
    )
    id: UUID | None = Field(
        None, description="Deduplication id: an id is stored once, so sending the same request again is safe."
    )
    user_id: str | int | None = Field(
        None,
        description="Identifies the visitor. Without it, the visitor is derived from ip and user_agent for one day: "
        "that of the timestamp if it is today or yesterday, else today. Visitors with the same user_agent in the same "
        "network (/24 of IPv4, /48 of IPv6) are one. Without user_agent, the event has no visitor.",
    )
    timestamp: datetime | float | None = Field(
        None,
        description="When the event happened: ISO 8601 (UTC if it has no offset), or seconds or milliseconds since "
        "1970. Defaults to now.",
        examples=["2026-01-31T09:00:00Z"],
    )
    ip: str | None = Field(
        None,
        description="The visitor's IP address. Used for geolocation and, cut to /24 (IPv4) or /48 (IPv6), to identify "
        "visitors without user_id for a day; never stored.",
        examples=["192.0.2.7"],
    )
    user_agent: str | None = Field(
        None, description="The visitor's browser. Without it and without user_id, the event has no visitor."
    )


class Result(BaseModel):
    """The result for one event."""

    result: Literal["stored", "duplicate", "dropped", "rejected"]
    id: UUID | None = Field(None, description="The event's id, unless it was rejected.")
    reason: str | None = Field(
        None, description="Why the event was dropped: hostname, excluded_ip, spam_referrer, bot …"
    )
    status: int | None = Field(None, description="Status of a rejected event: 400, or 404 for an unknown property.")
    detail: str | None = Field(None, description="Which field is invalid and what was expected.")


class Results(BaseModel):
    """The result for each event, in the order sent. Stored events are durable on disk."""

    stored: int
    duplicate: int
    dropped: int
    rejected: int
    results: list[Result]
