"""Observer that reports the outcome of each hit, for the install page and the log of rejected events."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from collector import rejections
from collector.errors import RequestRejected
from collector.event import Event, Hit, HitOutcome
from collector.ports import AcceptedHits, CollectorObserver, DroppedHits, PropertyDirectory, StoredFlags
from collector.request import Request
from collector.user_agent import classify, is_automated, is_library_page_view

OutcomeListener = Callable[[UUID, HitOutcome], None]


class OutcomeReporter(CollectorObserver):
    """Reports one HitOutcome per hit to a listener, with the property that it belongs to.

    Rejected requests are reported to the existing properties that they name. With `only_failures` nothing is reported
    of stored hits and duplicates.
    """

    def __init__(self, directory: PropertyDirectory, listener: OutcomeListener, *, only_failures: bool = False) -> None:
        self._directory = directory
        self._listener = listener
        self._only_failures = only_failures

    def on_stored(self, hits: AcceptedHits, flags: StoredFlags) -> None:
        if self._only_failures:
            return
        for (hit, event), is_new in zip(hits, flags, strict=True):
            self._report(hit, event, is_stored=is_new, is_duplicate=not is_new)

    def on_dropped(self, hits: DroppedHits) -> None:
        for hit, drop in hits:
            if drop.event:
                self._report(hit, drop.event, reason=drop.reason.value)

    def on_not_stored(self, hits: AcceptedHits, problem: RequestRejected) -> None:
        for hit, event in hits:
            self._report(hit, event, reason=rejections.rejection_reason(problem))

    def on_request_rejected(self, request: Request, problem: RequestRejected) -> None:
        for property_id, outcome in rejections.outcomes(request, problem):
            if self._directory.find(property_id) is not None:
                self._listener(property_id, outcome)

    def _report(
        self, hit: Hit, event: Event, *, is_stored: bool = False, is_duplicate: bool = False, reason: str | None = None
    ) -> None:
        agent = classify(hit.user_agent)
        is_bot = agent.is_bot or is_library_page_view(agent, hit.event, event.user_id)
        outcome = HitOutcome(
            hit.received_at, hit.event, event.page, is_stored, is_duplicate, reason,
            hit.address is not None, event.country, agent.browser, is_bot, event.hostname,
            is_automated(agent, event.automated),
        )  # fmt: skip
        self._listener(hit.property_id, outcome)
