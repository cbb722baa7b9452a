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

from collector import responses
from collector.client_address import (
    ClientAddressResolver,
    Network,
    has_privacy_signal,
    is_prefetch,
    origin_host,
)
from collector.client_hints import user_agent_with_hints
from collector.errors import DropReason, EventDropped, RateLimited, RequestRejected, StoreUnavailable, UnknownProperty
from collector.event import Event, Hit
from collector.group_commit import GroupCommit
from collector.observers import ObserverGroup
from collector.parse import MAX_EVENTS, InvalidPayload, RequestContext
from collector.pipeline import Pipeline
from collector.ports import (
    AcceptedHits,
    CollectorObserver,
    DroppedHits,
    PropertyDirectory,
    PropertyRules,
    StoredFlags,
)
from collector.rate_limit import UNKNOWN_CLIENTS_RATE_FACTOR, RateLimit, rate_limit_key
from collector.rejections import RejectionSampler
from collector.request import Request, parse_hits
from collector.responses import Response

log = logging.getLogger(__name__)

ResponseCallback = Callable[[Response], None]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Handles collect requests and notifies its observers of the outcome of every event.

    Everything runs on the event loop except the commit.
    """

    def __init__(
        self,
        directory: PropertyDirectory,
        writer: GroupCommit,
        pipeline: Pipeline,
        *,
        observers: Sequence[CollectorObserver] = (),
        trusted_proxies: Sequence[Network] = (),
        client_ip_header: str = "",
        collect_rate: float = 100,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._pipeline = pipeline
        self._now = now
        self._rate_limit = RateLimit(collect_rate, max_events_per_call=MAX_EVENTS, monotonic=monotonic)
        self._unknown_limit = RateLimit(
            collect_rate * UNKNOWN_CLIENTS_RATE_FACTOR, max_events_per_call=MAX_EVENTS, monotonic=monotonic
        )
        self._rejection_sampler = RejectionSampler()
        self.client_addresses = ClientAddressResolver(trusted_proxies, client_ip_header)
        self.observers = ObserverGroup(observers)

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

    def sample(self, problem: Exception) -> bool:
        """Returns True for the few rejections per second whose request the observers see."""
        return isinstance(problem, RequestRejected) and self._rejection_sampler.admits(problem.status)

    def reject(self, request: Request, problem: Exception, is_sampled: bool | None = None) -> Response:
        """Notifies the observers of a rejected request and returns the error response.

        `is_sampled` is the result of `sample`, for callers that needed it earlier.
        """
        if not isinstance(problem, RequestRejected):
            log.error("collect request failed", exc_info=problem)
            problem = StoreUnavailable("Something went wrong here. Try again in a moment.")
        if isinstance(problem, InvalidPayload):
            request.event_count = problem.event_count
        self._count_received(request)
        self.observers.on_rejected(problem.status, request.event_count)
        if self.sample(problem) if is_sampled is None else is_sampled:
            self.observers.on_request_rejected(request, problem)
        return responses.problem(problem)

    def run_pipeline(self, hit: Hit) -> Event:
        """Runs the pipeline on a hit and returns the event. Raises UnknownProperty, EventDropped."""
        return self._pipeline.run(hit, self._rules_for(hit))

    async def store(self, accepted_hits: AcceptedHits) -> StoredFlags:
        """Commits events. Raises StoreUnavailable when none was stored."""
        try:
            flags = await self._writer.append([event for _, event in accepted_hits])
        except StoreUnavailable as problem:
            self.observers.on_not_stored(accepted_hits, problem)
            raise
        self.observers.on_stored(accepted_hits, flags)
        return flags

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
            self.observers.on_not_stored(accepted_hits, problem)
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
            self.observers.on_not_stored(accepted_hits, result)
            response = self.reject(request, result)
        else:
            self.observers.on_stored(accepted_hits, result)
            response = self._success_response(request, dropped_hits)
        on_response(response)

    def _success_response(self, request: Request, dropped_hits: DroppedHits) -> Response:
        if not dropped_hits:
            return responses.NO_CONTENT if request.query is None else responses.pixel({})
        self.observers.on_dropped(dropped_hits)
        # Bots are left out: `X-Dropped` must not let them probe detection.
        drop_counts = Counter(drop.reason.value for _, drop in dropped_hits if drop.reason is not DropReason.BOT)
        if request.query is not None:
            return responses.pixel(drop_counts)
        return responses.success(drop_counts, request.is_array)

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
            self.observers.on_received(request.event_count)
            request.is_counted = True
