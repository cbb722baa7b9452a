"""From a request to its answer: at once, or after the commit of what it holds. No HTTP server is known here."""

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
    UNKNOWN_SENDERS_SHARE,
    Addresses,
    Network,
    RateLimit,
    has_privacy_signal,
    is_prefetch,
    origin_host,
    rate_limit_key,
)
from collector.counters import Counters
from collector.errors import Dropped, Reason, Rejected, StoreUnavailable, TooFast, UnknownProperty
from collector.event import Event, Hit, Outcome
from collector.group_commit import Flags, GroupCommit
from collector.parse import EVENTS_LIMIT, NotReadable, Sender
from collector.pipeline import Pipeline
from collector.ports import PropertyDirectory, PropertyRules
from collector.request import Request, hits_of
from collector.responses import Answer
from collector.user_agent import classify, is_automated

log = logging.getLogger(__name__)

Listener = Callable[[UUID, Outcome], None]
Done = Callable[[Answer], None]
Kept = Sequence[tuple[Hit, Event]]
AllDropped = Sequence[tuple[Hit, Dropped]]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Takes requests and events, and knows what became of each: see `counters`.

    `listener` is told of every hit whose property is known, `on_refused` of those that were turned away; both must be
    quick. Everything happens on the event loop, but for the commit.
    """

    def __init__(
        self,
        directory: PropertyDirectory,
        writer: GroupCommit,
        pipeline: Pipeline,
        *,
        trusted_proxies: Sequence[Network] = (),
        collect_rate: float = 100,
        listener: Listener | None = None,
        on_refused: Listener | None = None,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._pipeline = pipeline
        self._listener = listener
        self._on_refused = on_refused
        self._now = now
        self._limit = RateLimit(collect_rate, most_at_once=EVENTS_LIMIT, monotonic=monotonic)
        self._unknown_limit = RateLimit(
            collect_rate * UNKNOWN_SENDERS_SHARE, most_at_once=EVENTS_LIMIT, monotonic=monotonic
        )
        self._a_few = rejections.AFew()
        self.addresses = Addresses(trusted_proxies)
        self.counters = Counters()

    def take(self, request: Request, done: Done) -> None:
        """Answers a request whose body is complete through `done`, now or after its commit.

        Whatever goes wrong becomes an answer, never a 500, and is counted.
        """
        try:
            answer = self._take(request, done)
        except Exception as problem:
            answer = self.refuse(request, problem)
        if answer is not None:
            done(answer)

    def admit(self, request: Request) -> Sender:
        """Looks at who sends; before the body is there, if there may be much of it. Raises TooFast."""
        headers = request.headers
        sender = request.sender = Sender(
            self._now(),
            self.addresses.client(request.peer, headers, request.all_headers),
            headers.get(b"user-agent", b"").decode("latin-1"),
            origin_host(headers),
            is_prefetch(headers),
            has_privacy_signal(headers),
        )
        self._charge(request, sender)
        return sender

    def _charge(self, request: Request, sender: Sender, events: int = 1, *, after: int = 0) -> None:
        """Counts events against the rate limit of their sender. Raises TooFast.

        Behind a proxy that is not trusted all visitors look the same: their address is unknown, and they share a
        larger limit, which is that of the proxy. Its address is used for nothing else.
        """
        if sender.address is not None:
            is_within = self._limit.admits(rate_limit_key(sender.address), events, after=after)
        else:
            is_within = self._unknown_limit.admits(request.peer or "", events, after=after)
        if not is_within:
            raise TooFast("Too many events from this address. Try again in a second.")

    def tells_of(self, problem: Exception) -> bool:
        """Whether this refusal is one of the few a second of which its property is told."""
        return self._a_few.admits(problem.status) if isinstance(problem, Rejected) else False

    def refuse(self, request: Request, problem: Exception, tells: bool | None = None) -> Answer:
        """Counts it, and tells the properties that the request names."""
        if not isinstance(problem, Rejected):
            log.error("A request to the collector failed", exc_info=problem)
            problem = StoreUnavailable("Something went wrong here. Try again in a moment.")
        if isinstance(problem, NotReadable):
            request.events = problem.events
        self._count_received(request)
        self.counters.rejected[problem.status] += request.events
        if self.tells_of(problem) if tells is None else tells:
            self._tell_of_request(request, problem)
        return responses.problem(problem)

    def run(self, hit: Hit) -> Event:
        """The event to keep. Raises UnknownProperty, Dropped."""
        return self._pipeline.run(hit, self._rules(hit))

    async def store(self, kept: Kept) -> Flags:
        """Commits them and counts them. Raises StoreUnavailable: none was stored."""
        try:
            flags = await self._writer.append([event for _, event in kept])
        except StoreUnavailable as problem:
            self._tell_of_lost(kept, problem)
            raise
        self._count_stored(kept, flags)
        return flags

    def count_dropped(self, dropped: AllDropped) -> Counter[str]:
        """By reason, but for bots, who are not told that they are known: it would teach them."""
        reasons = Counter(reason.reason.value for _, reason in dropped)
        self.counters.dropped.update(reasons)
        for hit, reason in dropped:
            if reason.event:
                self._tell(hit, reason.event, reason=reason.reason.value)
        reasons.pop(Reason.BOT.value, None)
        return reasons

    def _take(self, request: Request, done: Done) -> Answer | None:
        """The answer; None when it will come after the commit."""
        sender = request.sender or self.admit(request)
        hits = hits_of(request, sender)
        request.events = len(hits)
        if len(hits) > 1:  # one was counted before the body was read
            self._charge(request, sender, len(hits) - 1, after=1)
        self._count_received(request)
        kept: list[tuple[Hit, Event]] = []
        dropped: list[tuple[Hit, Dropped]] = []
        for hit, rules in [(hit, self._rules(hit)) for hit in hits]:
            try:
                kept.append((hit, self._pipeline.run(hit, rules)))
            except Dropped as reason:
                dropped.append((hit, reason))
        if not kept:
            return self._accepted(request, dropped)
        try:
            self._writer.put([event for _, event in kept], partial(self._committed, request, kept, dropped, done))
        except StoreUnavailable as problem:
            self._tell_of_lost(kept, problem)
            raise
        return None

    def _committed(
        self, request: Request, kept: Kept, dropped: AllDropped, done: Done, result: Flags | StoreUnavailable
    ) -> None:
        if isinstance(result, StoreUnavailable):
            self._tell_of_lost(kept, result)
            answer = self.refuse(request, result)
        else:
            self._count_stored(kept, result)
            answer = self._accepted(request, dropped)
        done(answer)

    def _accepted(self, request: Request, dropped: AllDropped) -> Answer:
        if request.query is not None:
            return responses.pixel(self.count_dropped(dropped))
        return responses.kept(self.count_dropped(dropped), request.is_array) if dropped else responses.NO_CONTENT

    def _rules(self, hit: Hit) -> PropertyRules:
        rules = self._directory.find(hit.property_id)
        if rules is None:
            raise UnknownProperty(
                f"collectorId is {hit.property_id}; no such property is here. It may have been deleted."
            )
        return rules

    def _count_received(self, request: Request) -> None:
        """Once; one that cannot be read counts as one, an array as its length."""
        if not request.is_received:
            self.counters.received += request.events
            request.is_received = True

    def _count_stored(self, kept: Kept, flags: Flags) -> None:
        stored = sum(flags)
        self.counters.stored += stored
        self.counters.duplicate += len(kept) - stored
        if self._listener:
            for (hit, event), is_new in zip(kept, flags, strict=True):
                self._tell(hit, event, stored=is_new, duplicate=not is_new)

    def _tell_of_lost(self, kept: Kept, problem: StoreUnavailable) -> None:
        for hit, event in kept:
            self._tell(hit, event, reason=rejections.reason_of(problem))

    def _tell_of_request(self, request: Request, problem: Rejected) -> None:
        """To the properties whose events were refused with it."""
        try:
            sender = request.sender or Sender(self._now())
            for property_id, outcome in rejections.outcomes(request, sender, problem):
                if self._directory.find(property_id) is not None:
                    self._publish(property_id, outcome)
        except Exception:
            log.exception("A refused request could not be told of")

    def _tell(
        self, hit: Hit, event: Event, *, stored: bool = False, duplicate: bool = False, reason: str | None = None
    ) -> None:
        if not (self._listener or (reason and self._on_refused)):
            return
        agent = classify(hit.user_agent)
        outcome = Outcome(
            hit.received_at, hit.event, event.page, stored, duplicate, reason,
            hit.address is not None, event.country, agent.browser, agent.is_bot, event.hostname,
            is_automated(agent, event.automated),
        )  # fmt: skip
        self._publish(hit.property_id, outcome)

    def _publish(self, property_id: UUID, outcome: Outcome) -> None:
        try:
            if self._listener:
                self._listener(property_id, outcome)
            if self._on_refused and outcome.reason:
                self._on_refused(property_id, outcome)
        except Exception:
            log.exception("Whoever listens to hits failed; the hit itself is safe")
