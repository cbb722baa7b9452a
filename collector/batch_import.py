"""Many events of one server, each with its own time, sender and answer: what POST /api/v1/events is made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from collector.client_address import normal
from collector.errors import Dropped, Rejected, StoreUnavailable, TooLarge, UnknownProperty
from collector.event import Event, Hit
from collector.parse import NotReadable, Sender, hit_of, read_json
from collector.service import Collector

log = logging.getLogger(__name__)

BODY_LIMIT = 4 * 1024 * 1024  # bytes
EVENTS_LIMIT = 1_000  # in one request
FUTURE_LIMIT = timedelta(minutes=1)  # what clocks may differ
_AT_ONCE = 50  # events between two looks at other requests
_MILLISECONDS_FROM = 100_000_000_000  # epoch seconds reach this in the year 5138

Received = Hit | Rejected
"""An event as it was sent, or why it could not be read."""


class Result(NamedTuple):
    """What became of one event. `word` is stored, duplicate, dropped or rejected."""

    word: str
    id: UUID | None = None
    reason: str | None = None  # of a dropped one
    problem: Rejected | None = None  # of a rejected one


@dataclass(frozen=True)
class Reader:
    """How the events of one request are read."""

    now: datetime  # UTC, aware
    oldest: datetime  # what happened before would be deleted at once
    property_id: UUID | None = None  # of events that name none

    def read(self, body: bytes) -> list[Received]:
        """Each event by itself. Raises TooLarge or NotReadable when there are no events to look at."""
        if len(body) > BODY_LIMIT:
            raise TooLarge(f"The body has {len(body)} bytes; expected at most {BODY_LIMIT}.")
        sent = read_json(body)
        events = [sent] if isinstance(sent, dict) else sent
        if not isinstance(events, list):
            raise NotReadable("The body is neither an object nor an array; expected an event, or an array of events.")
        if not 1 <= len(events) <= EVENTS_LIMIT:
            raise NotReadable(f"The array has {len(events)} events; expected 1 to {EVENTS_LIMIT}.", max(1, len(events)))
        is_clean = b"\\u0000" not in body
        return [self._received(one, is_clean) for one in events]

    def _received(self, sent: Any, is_clean: bool) -> Received:
        try:
            return self._hit(sent, is_clean) if isinstance(sent, dict) else hit_of(sent, Sender(self.now))
        except Rejected as problem:
            return problem

    def _hit(self, sent: dict[str, Any], is_clean: bool) -> Hit:
        if self.property_id and sent.get("collectorId") is None and sent.get("collector_id") is None:
            sent = {**sent, "collectorId": str(self.property_id)}
        sent = _with_user_agent(sent)
        # The caller is a server: neither its own address nor its own User-Agent says anything about a visitor.
        hit = hit_of(sent, Sender(self.now, _address(sent.get("ip"))), is_clean)
        return hit._replace(happened_at=self._moment(sent.get("timestamp")))

    def _moment(self, sent: Any) -> datetime | None:
        if sent is None:
            return None
        moment = _time_of(sent)
        if moment is None:
            raise NotReadable(
                f"timestamp is {str(sent)[:40]!r}; expected ISO 8601 like 2026-01-31T09:00:00Z, or seconds since 1970."
            )
        if moment > self.now + FUTURE_LIMIT:
            raise NotReadable(f"timestamp is {moment.isoformat()}, in the future; it is {self.now.isoformat()} here.")
        if moment < self.oldest:
            raise NotReadable(f"timestamp is {moment.isoformat()}; events are kept since {self.oldest.isoformat()}.")
        return min(moment, self.now)


def _with_user_agent(sent: dict[str, Any]) -> dict[str, Any]:
    """`user_agent` beside the data is meant for it, as `user_id` is."""
    agent, data = sent.get("user_agent"), sent.get("data")
    if agent in (None, "") or not (data is None or isinstance(data, dict)):
        return sent
    if not isinstance(agent, str):
        raise NotReadable("user_agent is no text; expected the browser's User-Agent, or none.")
    return {**sent, "data": {"user_agent": agent, **(data or {})}}


def _address(sent: Any) -> str | None:
    if sent is None:
        return None
    address = normal(sent) if isinstance(sent, str) else None
    if address is None:  # it is not repeated: what is in it may be an address for somebody
        raise NotReadable("ip is no address; expected one like 192.0.2.7 or 2001:db8::7, or none.")
    return address


def _time_of(sent: Any) -> datetime | None:
    """From ISO 8601 (UTC where it names no zone), or from seconds or milliseconds since 1970."""
    try:
        if isinstance(sent, str):
            moment = datetime.fromisoformat(sent.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(sent, int | float) and not isinstance(sent, bool):
            return datetime.fromtimestamp(sent / 1000 if abs(sent) >= _MILLISECONDS_FROM else sent, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


async def keep_each(collector: Collector, received: Sequence[Received]) -> list[Result]:
    """What became of each, in order; all that is kept is committed together.

    Raises StoreUnavailable: nothing was stored, and the sender may retry. Counts every event, whatever happens.
    """
    counters = collector.counters
    counters.received += len(received)
    try:
        return await _keep_each(collector, received)
    except StoreUnavailable:
        counters.rejected[StoreUnavailable.status] += len(received)
        raise
    except Exception as problem:
        log.exception("Events of a server failed")
        counters.rejected[StoreUnavailable.status] += len(received)
        raise StoreUnavailable("Something went wrong here. Try again in a moment.") from problem


async def _keep_each(collector: Collector, received: Sequence[Received]) -> list[Result]:
    results: dict[int, Result] = {}
    kept: dict[int, tuple[Hit, Event]] = {}
    dropped: list[tuple[Hit, Dropped]] = []
    for place, hit in enumerate(received):
        if place % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)  # browsers' hits go between them
        if isinstance(hit, Rejected):
            results[place] = Result("rejected", problem=hit)
            continue
        try:
            kept[place] = hit, collector.run(hit)
        except UnknownProperty as problem:
            results[place] = Result("rejected", problem=problem)
        except Dropped as why:
            dropped.append((hit, why))
            results[place] = Result("dropped", hit.id, reason=why.reason.value)
    flags = await collector.store(list(kept.values())) if kept else ()
    for (place, (hit, _)), is_new in zip(kept.items(), flags, strict=True):
        results[place] = Result("stored" if is_new else "duplicate", hit.id)
    collector.count_dropped(dropped)
    collector.counters.rejected.update(one.problem.status for one in results.values() if one.problem)
    return [results[place] for place in range(len(received))]
