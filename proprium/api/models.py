"""What the API takes and gives, as OpenAPI tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """One event. Other keys are passed over."""

    model_config = ConfigDict(json_schema_extra={"description": "One event. Other keys beside these are passed over."})

    event: str = Field(
        min_length=1, max_length=255, description="page_view, or any name of your own.", examples=["order"]
    )
    collectorId: UUID | None = Field(
        None, description="The property. May be left out where the key belongs to one property."
    )
    data: dict[str, Any] | None = Field(
        None, description="Any keys; url, referrer, title and their like are known.", examples=[{"amount": 49}]
    )
    id: UUID | None = Field(None, description="The same id is stored once: send it, and a repeated request is safe.")
    user_id: str | int | None = Field(
        None, description="Whose event it is. Without it: a visitor of one day, or nobody."
    )
    timestamp: datetime | float | None = Field(
        None,
        description="When it happened: ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970. "
        "Without it: now.",
        examples=["2026-01-31T09:00:00Z"],
    )
    ip: str | None = Field(
        None, description="The visitor's address. A place is made of it; it is never stored.", examples=["192.0.2.7"]
    )
    user_agent: str | None = Field(
        None, description="The visitor's browser. Without it and without a user_id the event is nobody's."
    )


class Result(BaseModel):
    """What became of one event."""

    result: Literal["stored", "duplicate", "dropped", "rejected"]
    id: UUID | None = Field(None, description="Of a stored, duplicate or dropped event.")
    reason: str | None = Field(None, description="Why it was dropped: hostname, excluded_ip, spam_referrer, bot …")
    status: int | None = Field(None, description="Why it was rejected: 400, or 404 for an unknown property.")
    detail: str | None = Field(None, description="Which field was wrong, and what was expected.")


class Results(BaseModel):
    """What became of each event, in the order in which they were sent. What is stored is on disk."""

    stored: int
    duplicate: int
    dropped: int
    rejected: int
    results: list[Result]
