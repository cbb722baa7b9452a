"""Hit monitor: feeds the install checklist of one open page with the hits that arrive."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import islice
from time import monotonic

from nicegui import ui

from collector.event import HitOutcome
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.events import StoredEvent, has_events, read_events
from proprium.storage.tables import Property
from proprium.ui.components.install_checklist import HitReport, InstallChecklist
from proprium.ui.components.proxy_watch import ProxyWatch
from proprium.ui.components.rejection_fixes import RejectionFixes
from proprium.ui.components.rejection_messages import advice_of
from proprium.ui.services import Services

OUTCOME_PRECEDENCE_S = 3
"""After a hit of this process's collector, stored events are ignored this long: they have less detail."""
READ_BATCH_SIZE = 200  # stored events read per update


class HitMonitor:
    """Feeds the checklist from two sources: this process's collector, and storage for hits of other processes."""

    def __init__(self, services: Services, property_: Property, *, is_on_dashboard: bool = False) -> None:
        """`is_on_dashboard`: leaves out the link to the dashboard, which is this page."""
        self._services, self._property = services, property_
        self._fixes = RejectionFixes(services, property_)
        self._client = ui.context.client
        with closing(ChangeFeed(services.database)) as change_feed:
            self._last_read_seq = change_feed.last_event_seq()
        self._opened_at = services.clock()
        self._last_outcome_s = float("-inf")
        has_stored_events = has_events(services.database, property_.number or 0)
        site_name = ", ".join(property_.hostnames) or property_.name
        self._checklist = InstallChecklist(
            site_name,
            "" if is_on_dashboard else f"/properties/{property_.id}",
            has_events=has_stored_events,
            country_name=services.atlas.name,
            advice_for=partial(advice_of, collect_rate=services.settings.collect_rate),
        )
        self._proxy_watch = ProxyWatch(services, self._fixes, self._checklist)

    def start(self) -> None:
        if self._client.is_deleted:  # closed before it connected: the subscriptions would never be closed
            return
        services, property_ = self._services, self._property

        def show_stored_event(event: StoredEvent | None) -> None:
            is_new = monotonic() - self._last_outcome_s > OUTCOME_PRECEDENCE_S
            if event is not None and is_new:
                self._show(HitReport.from_event(event, self._fixes.counts_automated))

        unsubscribe = services.hit_feed.subscribe(property_.id, self._on_outcome)
        subscription = services.live_queries.subscribe(
            property_.number or 0, ("arrived", self._last_read_seq), self.read_newest_event, show_stored_event
        )
        for outcome in services.hit_feed.recent(property_.id):
            if outcome.received_at >= self._opened_at:  # arrived while the browser was loading the page
                self._on_outcome(outcome)
        self._client.on_delete(unsubscribe)
        self._client.on_delete(subscription.close)

    def _on_outcome(self, outcome: HitOutcome) -> None:
        self._last_outcome_s = monotonic()
        self._show(HitReport.from_outcome(outcome, self._fixes.counts_automated))

    def read_newest_event(self) -> StoredEvent | None:
        """Reads the newest event since the page was opened, from any process. Runs in a thread."""
        events = read_events(self._services.database, self._property.number, after_seq=self._last_read_seq)
        newest_event = None
        for newest_event in islice(events, READ_BATCH_SIZE):
            self._last_read_seq = newest_event.seq
        return newest_event

    def _show(self, hit_report: HitReport) -> None:
        with self._client:
            self._checklist.show(hit_report, self._fixes.fix_for(hit_report.problem, hit_report.hostname))
            self._proxy_watch.on_hit(hit_report)
