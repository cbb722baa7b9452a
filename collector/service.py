"""Ingestion service: handles collect requests, and responds after the commit of their events.

Independent of the HTTP server: `collector.asgi` and uvicorn's protocol call it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from collector import rejections, responses
from collector.client_address import (
    ClientAddressResolver,
    Network,
    has_privacy_signal,
    is_prefetch,
    origin_host,
)
from collector.client_hints import user_agent_with_hints
from collector.counters import Counters
from collector.errors import DropReason, EventDropped, RateLimited, RequestRejected, StoreUnavailable, UnknownProperty
from collector.event import Event, Hit, HitOutcome
from collector.group_commit import GroupCommit, StoredFlags
from collector.parse import MAX_EVENTS, InvalidPayload, RequestContext
from collector.pipeline import Pipeline
from collector.ports import PropertyDirectory, PropertyRules
from collector.rate_limit import UNKNOWN_CLIENTS_RATE_FACTOR, RateLimit, rate_limit_key
from collector.request import Request, parse_hits
from collector.responses import Response
from collector.user_agent import classify, is_automated, is_library_page_view

log = logging.getLogger(__name__)

OutcomeListener = Callable[[UUID, HitOutcome], None]
ResponseCallback = Callable[[Response], None]
AcceptedHits = Sequence[tuple[Hit, Event]]
DroppedHits = Sequence[tuple[Hit, EventDropped]]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Handles collect requests and counts the outcome of every event in `counters`.

    Calls `listener` with the outcome of every hit of a known property, and `on_rejected` with those that were dropped
    or rejected; both must be quick. Everything runs on the event loop except the commit.
    """

    def __init__(
        self,
        directory: PropertyDirectory,
        writer: GroupCommit,
        pipeline: Pipeline,
        *,
        trusted_proxies: Sequence[Network] = (),
        collect_rate: float = 100,
        listener: OutcomeListener | None = None,
        on_rejected: OutcomeListener | None = None,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._pipeline = pipeline
        self._listener = listener
        self._on_rejected = on_rejected
        self._now = now
        self._rate_limit = RateLimit(collect_rate, max_events_per_call=MAX_EVENTS, monotonic=monotonic)
        self._unknown_limit = RateLimit(
            collect_rate * UNKNOWN_CLIENTS_RATE_FACTOR, max_events_per_call=MAX_EVENTS, monotonic=monotonic
        )
        self._rejection_sampler = rejections.RejectionSampler()
        self.client_addresses = ClientAddressResolver(trusted_proxies)
        self.counters = Counters()

    def handle(self, request: Request, on_response: ResponseCallback) -> None:
        """Passes the response of a complete request to `on_response`, now or after the commit.

        Every exception becomes a response, never a 500, and is counted.
        """
        try:
            response = self._handle(request, on_response)
        except Exception as problem:
            response = self.reject(request, problem)
        if response is not None:
            on_response(response)

    def check_client(self, request: Request) -> RequestContext:
        """Resolves the client and charges its rate limit. Raises RateLimited.

        Called before the body is read where the body may be large.
        """
        headers = request.headers
        context = request.context = RequestContext(
            self._now(),
            self.client_addresses.resolve(request.peer, headers, request.all_headers),
            user_agent_with_hints(headers),
            origin_host(headers),
            is_prefetch(headers),
            has_privacy_signal(headers),
        )
        self._charge(request, context)
        return context

    def _charge(self, request: Request, context: RequestContext, events: int = 1, *, after: int = 0) -> None:
        """Charges events to the client's rate limit. Raises RateLimited.

        Behind an untrusted proxy all visitors look the same: their address is unknown, and they share a larger limit,
        keyed by the proxy. The proxy's address is used for nothing else.
        """
        if context.address is not None:
            is_within = self._rate_limit.admits(rate_limit_key(context.address), events, after=after)
        else:
            is_within = self._unknown_limit.admits(request.peer or "", events, after=after)
        if not is_within:
            raise RateLimited("Too many events from this address. Try again in a second.")

    def should_notify(self, problem: Exception) -> bool:
        """Returns True for the few rejections per second that are reported to properties."""
        return self._rejection_sampler.admits(problem.status) if isinstance(problem, RequestRejected) else False

    def reject(self, request: Request, problem: Exception, should_notify: bool | None = None) -> Response:
        """Counts a rejected request, notifies the properties that it names and returns the error response."""
        if not isinstance(problem, RequestRejected):
            log.error("collect request failed", exc_info=problem)
            problem = StoreUnavailable("Something went wrong here. Try again in a moment.")
        if isinstance(problem, InvalidPayload):
            request.event_count = problem.event_count
        self._count_received(request)
        self.counters.rejected[problem.status] += request.event_count
        if self.should_notify(problem) if should_notify is None else should_notify:
            self._notify_rejected_request(request, problem)
        return responses.problem(problem)

    def run_pipeline(self, hit: Hit) -> Event:
        """Runs the pipeline on a hit and returns the event. Raises UnknownProperty, EventDropped."""
        return self._pipeline.run(hit, self._rules_for(hit))

    async def store(self, accepted_hits: AcceptedHits) -> StoredFlags:
        """Commits events and counts them. Raises StoreUnavailable when none was stored."""
        try:
            flags = await self._writer.append([event for _, event in accepted_hits])
        except StoreUnavailable as problem:
            self._notify_not_stored(accepted_hits, problem)
            raise
        self._count_stored(accepted_hits, flags)
        return flags

    def count_dropped(self, dropped_hits: DroppedHits) -> Counter[str]:
        """Counts dropped events and returns their number by reason.

        Bots are left out of the result: `X-Dropped` must not let them probe detection.
        """
        reasons = Counter(drop.reason.value for _, drop in dropped_hits)
        self.counters.dropped.update(reasons)
        for hit, drop in dropped_hits:
            if drop.event:
                self._notify_outcome(hit, drop.event, reason=drop.reason.value)
        reasons.pop(DropReason.BOT.value, None)
        return reasons

    def _handle(self, request: Request, on_response: ResponseCallback) -> Response | None:
        """Returns the response, or None when it follows after the commit."""
        context = request.context or self.check_client(request)
        hits = parse_hits(request, context)
        request.event_count = len(hits)
        if len(hits) > 1:  # check_client charged one event before the body was read
            self._charge(request, context, len(hits) - 1, after=1)
        self._count_received(request)
        accepted_hits: list[tuple[Hit, Event]] = []
        dropped_hits: list[tuple[Hit, EventDropped]] = []
        for hit, rules in [(hit, self._rules_for(hit)) for hit in hits]:
            try:
                accepted_hits.append((hit, self._pipeline.run(hit, rules)))
            except EventDropped as drop:
                dropped_hits.append((hit, drop))
        if not accepted_hits:
            return self._success_response(request, dropped_hits)
        try:
            self._writer.enqueue(
                [event for _, event in accepted_hits],
                partial(self._on_committed, request, accepted_hits, dropped_hits, on_response),
            )
        except StoreUnavailable as problem:
            self._notify_not_stored(accepted_hits, problem)
            raise
        return None

    def _on_committed(
        self,
        request: Request,
        accepted_hits: AcceptedHits,
        dropped_hits: DroppedHits,
        on_response: ResponseCallback,
        result: StoredFlags | StoreUnavailable,
    ) -> None:
        if isinstance(result, StoreUnavailable):
            self._notify_not_stored(accepted_hits, result)
            response = self.reject(request, result)
        else:
            self._count_stored(accepted_hits, result)
            response = self._success_response(request, dropped_hits)
        on_response(response)

    def _success_response(self, request: Request, dropped_hits: DroppedHits) -> Response:
        if request.query is not None:
            return responses.pixel(self.count_dropped(dropped_hits))
        return (
            responses.success(self.count_dropped(dropped_hits), request.is_array)
            if dropped_hits
            else responses.NO_CONTENT
        )

    def _rules_for(self, hit: Hit) -> PropertyRules:
        rules = self._directory.find(hit.property_id)
        if rules is None:
            raise UnknownProperty(
                f"collectorId is {hit.property_id}; no property has this id. It may have been deleted."
            )
        return rules

    def _count_received(self, request: Request) -> None:
        """Counts the events of a request, once.

        An unreadable body counts as one event, an array as its length.
        """
        if not request.is_counted:
            self.counters.received += request.event_count
            request.is_counted = True

    def _count_stored(self, accepted_hits: AcceptedHits, flags: StoredFlags) -> None:
        stored_count = sum(flags)
        self.counters.stored += stored_count
        self.counters.duplicate += len(accepted_hits) - stored_count
        if self._listener:
            for (hit, event), is_new in zip(accepted_hits, flags, strict=True):
                self._notify_outcome(hit, event, is_stored=is_new, is_duplicate=not is_new)

    def _notify_not_stored(self, accepted_hits: AcceptedHits, problem: StoreUnavailable) -> None:
        for hit, event in accepted_hits:
            self._notify_outcome(hit, event, reason=rejections.rejection_reason(problem))

    def _notify_rejected_request(self, request: Request, problem: RequestRejected) -> None:
        """Publishes a rejection to every existing property that the request names."""
        try:
            context = request.context or RequestContext(self._now())
            for property_id, outcome in rejections.outcomes(request, context, problem):
                if self._directory.find(property_id) is not None:
                    self._publish(property_id, outcome)
        except Exception:
            log.exception("rejection listener could not be notified")

    def _notify_outcome(
        self, hit: Hit, event: Event, *, is_stored: bool = False, is_duplicate: bool = False, reason: str | None = None
    ) -> None:
        if not (self._listener or (reason and self._on_rejected)):
            return
        agent = classify(hit.user_agent)
        is_bot = agent.is_bot or is_library_page_view(agent, hit.event, event.user_id)
        outcome = HitOutcome(
            hit.received_at, hit.event, event.page, is_stored, is_duplicate, reason,
            hit.address is not None, event.country, agent.browser, is_bot, event.hostname,
            is_automated(agent, event.automated),
        )  # fmt: skip
        self._publish(hit.property_id, outcome)

    def _publish(self, property_id: UUID, outcome: HitOutcome) -> None:
        try:
            if self._listener:
                self._listener(property_id, outcome)
            if self._on_rejected and outcome.reason:
                self._on_rejected(property_id, outcome)
        except Exception:
            log.exception("hit listener failed (event is stored)")
