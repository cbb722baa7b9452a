"""Batch import of server-side events (POST /api/v1/events).

Each event has its own timestamp, IP address and result.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from collector.client_address import canonical_ip
from collector.errors import EventDropped, PayloadTooLarge, RequestRejected, StoreUnavailable, UnknownProperty
from collector.event import Event, Hit
from collector.parse import InvalidPayload, RequestContext, parse_hit, read_json
from collector.service import Collector

log = logging.getLogger(__name__)

MAX_BATCH_BODY_BYTES = 4 * 1024 * 1024
MAX_BATCH_EVENTS = 1_000  # in one request
MAX_CLOCK_SKEW = timedelta(minutes=1)  # how far ahead a sender's clock may be
_YIELD_INTERVAL_EVENTS = 50  # events between two yields to the event loop
_MIN_MILLISECONDS = 100_000_000_000  # epoch seconds reach this in the year 5138

ParsedEvent = Hit | RequestRejected
"""A parsed event, or the reason why it is invalid."""


class EventResult(NamedTuple):
    """The result of one event. `status` is stored, duplicate, dropped or rejected."""

    status: str
    id: UUID | None = None
    reason: str | None = None  # of a dropped event
    problem: RequestRejected | None = None  # of a rejected event


@dataclass(frozen=True)
class BatchReader:
    """Parses the events of one request, each independently of the others."""

    now: datetime  # UTC, aware
    oldest_allowed: datetime  # start of the retention period: older events would be deleted at once
    property_id: UUID | None = None  # for events without collectorId

    def read(self, body: bytes) -> list[ParsedEvent]:
        """Parses each event by itself. Raises PayloadTooLarge, or InvalidPayload when the body holds no events."""
        if len(body) > MAX_BATCH_BODY_BYTES:
            raise PayloadTooLarge(f"The body has {len(body)} bytes; expected at most {MAX_BATCH_BODY_BYTES}.")
        payload = read_json(body)
        events = [payload] if isinstance(payload, dict) else payload
        if not isinstance(events, list):
            raise InvalidPayload(
                "The body is neither an object nor an array; expected an event, or an array of events."
            )
        if not 1 <= len(events) <= MAX_BATCH_EVENTS:
            raise InvalidPayload(
                f"The array has {len(events)} events; expected 1 to {MAX_BATCH_EVENTS}.", max(1, len(events))
            )
        is_nul_free = b"\\u0000" not in body
        return [self._parse_event(raw_event, is_nul_free) for raw_event in events]

    def _parse_event(self, raw_event: Any, is_nul_free: bool) -> ParsedEvent:
        try:
            if not isinstance(raw_event, dict):
                return parse_hit(raw_event, RequestContext(self.now))
            if self.property_id and raw_event.get("collectorId") is None and raw_event.get("collector_id") is None:
                raw_event = {**raw_event, "collectorId": str(self.property_id)}
            agent, data = raw_event.get("user_agent"), raw_event.get("data")
            if agent not in (None, "") and (data is None or isinstance(data, dict)):
                if not isinstance(agent, str):
                    raise InvalidPayload("user_agent is not a string; expected the browser's User-Agent, or null.")
                raw_event = {**raw_event, "data": {"user_agent": agent, **(data or {})}}
            raw_address = raw_event.get("ip")
            address = canonical_ip(raw_address) if isinstance(raw_address, str) else None
            if raw_address is not None and address is None:  # the value is not quoted: it may identify a visitor
                raise InvalidPayload("ip is not an IP address; expected one like 192.0.2.7 or 2001:db8::7, or null.")
            # The caller is a server: neither its own address nor its own User-Agent says anything about a visitor.
            hit = parse_hit(raw_event, RequestContext(self.now, address), is_nul_free)
            return hit._replace(happened_at=self._parse_timestamp(raw_event.get("timestamp")))
        except RequestRejected as problem:
            return problem

    def _parse_timestamp(self, raw_timestamp: Any) -> datetime | None:
        if raw_timestamp is None:
            return None
        moment = parse_time(raw_timestamp)
        if moment is None:
            raise InvalidPayload(
                f"timestamp is {str(raw_timestamp)[:40]!r}; expected ISO 8601 like 2026-01-31T09:00:00Z,"
                " or seconds since 1970."
            )
        if moment > self.now + MAX_CLOCK_SKEW:
            raise InvalidPayload(
                f"timestamp is {moment.isoformat()}, in the future; the server's time is {self.now.isoformat()}."
            )
        if moment < self.oldest_allowed:
            raise InvalidPayload(
                f"timestamp is {moment.isoformat()}; the retention period starts at {self.oldest_allowed.isoformat()}."
            )
        return min(moment, self.now)


def parse_time(raw_time: Any) -> datetime | None:
    """Parses ISO 8601 or epoch seconds or milliseconds; None when it is neither.

    ISO 8601 without a zone is UTC.
    """
    try:
        if isinstance(raw_time, str):
            moment = datetime.fromisoformat(raw_time.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(raw_time, int | float) and not isinstance(raw_time, bool):
            return datetime.fromtimestamp(raw_time / 1000 if abs(raw_time) >= _MIN_MILLISECONDS else raw_time, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


async def store_events(collector: Collector, parsed_events: Sequence[ParsedEvent]) -> list[EventResult]:
    """Stores the accepted events in one commit and returns every event's result.

    Results are in the order of the events. Observers are notified of every event, also when the commit fails.
    Raises StoreUnavailable when nothing was stored; the sender may retry.
    """
    event_count = len(parsed_events)
    collector.observers.on_received(event_count)
    try:
        return await _process_and_store(collector, parsed_events)
    except StoreUnavailable:
        collector.observers.on_rejected(StoreUnavailable.status, event_count)
        raise
    except Exception as problem:
        log.exception("batch import failed", extra={"events": event_count})
        collector.observers.on_rejected(StoreUnavailable.status, event_count)
        raise StoreUnavailable("Something went wrong here. Try again in a moment.") from problem


async def _process_and_store(collector: Collector, parsed_events: Sequence[ParsedEvent]) -> list[EventResult]:
    results: dict[int, EventResult] = {}
    accepted_hits: dict[int, tuple[Hit, Event]] = {}
    dropped_hits: list[tuple[Hit, EventDropped]] = []
    for index, hit in enumerate(parsed_events):
        if index % _YIELD_INTERVAL_EVENTS == _YIELD_INTERVAL_EVENTS - 1:
            await asyncio.sleep(0)  # lets hits of browsers in between
        if isinstance(hit, RequestRejected):
            results[index] = EventResult("rejected", problem=hit)
            continue
        try:
            accepted_hits[index] = hit, collector.run_pipeline(hit)
        except UnknownProperty as problem:
            results[index] = EventResult("rejected", problem=problem)
        except EventDropped as drop:
            dropped_hits.append((hit, drop))
            results[index] = EventResult("dropped", hit.id, reason=drop.reason.value)
    flags = await collector.store(list(accepted_hits.values())) if accepted_hits else ()
    for (index, (hit, _)), is_new in zip(accepted_hits.items(), flags, strict=True):
        results[index] = EventResult("stored" if is_new else "duplicate", hit.id)
    if dropped_hits:
        collector.observers.on_dropped(dropped_hits)
    problems = [result.problem for result in results.values() if result.problem]
    for status, event_count in Counter(problem.status for problem in problems).items():
        collector.observers.on_rejected(status, event_count)
    return [results[index] for index in range(len(parsed_events))]
