"""The collector's door: POST /collect, the pixel and the script, as one ASGI app in front of everything else."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from collector import answers, turned_away
from collector.answers import Answer
from collector.counters import Counters
from collector.errors import Dropped, Reason, Rejected, StoreUnavailable, TooFast, UnknownProperty
from collector.event import Event, Hit, Outcome
from collector.parse import NotReadable, Sender
from collector.pipeline import Pipeline
from collector.ports import PropertyDirectory, PropertyRules
from collector.request import HungUp, Read, Receive, Request, Scope, hit_of_query, hits_of_body
from collector.script_file import ScriptFile
from collector.sender import Addresses, Network, RateLimit, is_prefetch, origin_host
from collector.user_agent import classify, is_automated
from collector.writer import GroupCommit

log = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Listener = Callable[[UUID, Outcome], None]

_SCRIPT = re.compile(r"/(?:static/)?collector\.(?:[0-9a-f]{12}\.)?js")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Answers the collector's paths itself and hands every other request on to the wrapped app.

    `listener` is told of every hit whose property is known, `on_refused` of those that were turned away; both must be
    quick. `counters` have what became of all.
    """

    def __init__(
        self,
        directory: PropertyDirectory,
        writer: GroupCommit,
        pipeline: Pipeline,
        *,
        trusted_proxies: Sequence[Network] = (),
        collect_rate: float = 100,
        script_dir: Path | None = None,
        listener: Listener | None = None,
        on_refused: Listener | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._pipeline = pipeline
        self._listener = listener
        self._on_refused = on_refused
        self._now = now
        self._limit = RateLimit(collect_rate)
        self.addresses = Addresses(trusted_proxies)
        self.script = ScriptFile(script_dir)
        self.counters = Counters()
        self._a_few = turned_away.AFew()

    def wrap(self, app: App) -> App:
        async def collector_first(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await self._answer(scope, receive) if scope["type"] == "http" else _NOT_OURS
            if answer is _NOT_OURS:
                await app(scope, receive, send)
            elif answer is not None:
                await answers.give(send, answer)

        return collector_first

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """_NOT_OURS for a path that is not the collector's; None when there is nobody left to answer."""
        path, method = scope["path"], scope["method"]
        if path in ("/collect", "/collect/"):
            if method == "POST":
                return await self._guarded(self._take, scope, receive)
            return _without_body(scope, "POST, OPTIONS")
        if path == "/collect/pixel.gif":
            if method == "GET":
                return await self._guarded(self._take_pixel, scope, receive)
            return _HEAD_OF_PIXEL if method == "HEAD" else _without_body(scope, "GET, HEAD, OPTIONS")
        if _SCRIPT.fullmatch(path):
            return self._script(scope, path, method)
        return _NOT_OURS

    def _script(self, scope: Scope, path: str, method: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            return _without_body(scope, "GET, HEAD, OPTIONS")
        answer = answers.script(self.script, path, dict(scope["headers"]))
        return answer._replace(body=b"") if method == "HEAD" else answer

    async def _guarded(
        self, take: Callable[[Request], Awaitable[Answer]], scope: Scope, receive: Receive
    ) -> Answer | None:
        """Whatever goes wrong becomes an answer, never a 500, and is counted."""
        request = Request(scope, receive)
        try:
            return await take(request)
        except HungUp:
            return None
        except Rejected as refusal:
            problem = refusal
        except Exception:
            log.exception("A request to the collector failed")
            problem = StoreUnavailable("Something went wrong here. Try again in a moment.")
        self.counters.rejected[problem.status] += request.events
        if self._a_few.admits(problem.status):
            await self._tell_of_request(request, problem)
        return answers.problem(problem)

    async def _tell_of_request(self, request: Request, problem: Rejected) -> None:
        """To the properties whose events were refused with it."""
        try:
            for property_id, outcome in await turned_away.outcomes(request, self._sender(request), problem):
                if self._directory.find(property_id) is not None:
                    self._publish(property_id, outcome)
        except Exception:
            log.exception("A refused request could not be told of")

    def _sender(self, request: Request) -> Sender:
        client, headers = request.scope.get("client"), request.headers
        return Sender(
            self._now(),
            self.addresses.client(client[0] if client else None, headers, request.scope["headers"]),
            headers.get(b"user-agent", b"").decode("latin-1"),
            origin_host(headers),
            is_prefetch(headers),
        )

    async def _take(self, request: Request) -> Answer:
        hits = await self._receive(request, hits_of_body)
        dropped = await self._keep(hits)
        return answers.kept(dropped, request.is_array)

    async def _take_pixel(self, request: Request) -> Answer:
        hits = await self._receive(request, hit_of_query)
        return answers.pixel(await self._keep(hits))

    async def _receive(self, request: Request, read: Read) -> list[Hit]:
        """The hits of a request, counted as received; one that cannot be read counts as one, an array as its length."""
        try:
            sender = self._sender(request)
            if not self._limit.admits(sender.address):
                raise TooFast("Too many requests from this address. Try again in a second.")
            hits = await read(request, sender)
            request.events = len(hits)
        except NotReadable as problem:
            request.events = problem.events
            raise
        except HungUp:
            request.events = 0
            raise
        finally:
            self.counters.received += request.events
        return hits

    async def _keep(self, hits: list[Hit]) -> Mapping[str, int]:
        """Commits what the pipeline keeps; returns how many were dropped, by the reasons that a sender may know."""
        kept: list[tuple[Hit, Event]] = []
        dropped: list[tuple[Hit, Dropped]] = []
        for hit, rules in [(hit, self._rules(hit)) for hit in hits]:
            try:
                kept.append((hit, self._pipeline.run(hit, rules)))
            except Dropped as reason:
                dropped.append((hit, reason))
        if kept:
            await self.store(kept)
        return self.count_dropped(dropped) if dropped else _NOTHING

    def run(self, hit: Hit) -> Event:
        """The event to keep. Raises UnknownProperty, Dropped."""
        return self._pipeline.run(hit, self._rules(hit))

    def _rules(self, hit: Hit) -> PropertyRules:
        rules = self._directory.find(hit.property_id)
        if rules is None:
            raise UnknownProperty(
                f"collectorId is {hit.property_id}; no such property is here. It may have been deleted."
            )
        return rules

    async def store(self, kept: Sequence[tuple[Hit, Event]]) -> Sequence[bool]:
        """Commits them and counts them: True for each new one. Raises StoreUnavailable: none was stored."""
        try:
            flags = await self._writer.append([event for _, event in kept])
        except StoreUnavailable as problem:
            for hit, event in kept:
                self._tell(hit, event, reason=turned_away.reason_of(problem))
            raise
        stored = sum(flags)
        self.counters.stored += stored
        self.counters.duplicate += len(kept) - stored
        if self._listener:
            for (hit, event), is_new in zip(kept, flags, strict=True):
                self._tell(hit, event, stored=is_new, duplicate=not is_new)
        return flags

    def count_dropped(self, dropped: Sequence[tuple[Hit, Dropped]]) -> Counter[str]:
        """By reason, but for bots, who are not told that they are known: it would teach them."""
        reasons = Counter(reason.reason.value for _, reason in dropped)
        self.counters.dropped.update(reasons)
        for hit, reason in dropped:
            if reason.event:
                self._tell(hit, reason.event, reason=reason.reason.value)
        reasons.pop(Reason.BOT.value, None)
        return reasons

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


_NOT_OURS = Answer(0, [])
_NOTHING: Mapping[str, int] = {}
_HEAD_OF_PIXEL = answers.pixel({})._replace(body=b"")


def _without_body(scope: Scope, allowed: str) -> Answer:
    if scope["method"] == "OPTIONS":
        return answers.preflight(dict(scope["headers"]), allowed)
    return answers.not_allowed(scope["method"], allowed)
