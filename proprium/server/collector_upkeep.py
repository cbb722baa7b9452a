"""Background maintenance of a collector, once a second: flushes rejected events and reloads trusted proxies."""

from __future__ import annotations

import logging
import threading

from collector.client_address import ClientAddressResolver
from proprium.storage import trusted_proxies
from proprium.storage.database import Database
from proprium.storage.rejected_events import RejectedEventBuffer

log = logging.getLogger(__name__)

INTERVAL_S = 1.0


class CollectorUpkeep:
    """Maintenance thread of one collector.

    It never delays an event; failures are retried a second later.
    """

    def __init__(
        self, database: Database, client_addresses: ClientAddressResolver, rejected_events: RejectedEventBuffer
    ) -> None:
        self._database = database
        self._client_addresses = client_addresses
        self._rejected_events = rejected_events
        self._commit_watcher = database.watch_commits()
        self._reported_proxy: str | None = None
        self._reported_header: str | None = None
        self._stop_event = threading.Event()
        self._thread: threading.Thread | None = None
        self._load_trusted_proxies()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="collector-upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop_event.set()
        if self._thread is not None:
            self._thread.join()
        self._run_once()
        self._commit_watcher.close()

    def _run(self) -> None:
        while not self._stop_event.wait(INTERVAL_S):
            self._run_once()

    def _run_once(self) -> None:
        try:
            self._rejected_events.flush()
            address = self._client_addresses.untrusted_proxy
            if address is not None and address != self._reported_proxy:
                trusted_proxies.report_untrusted(self._database, address)
                self._reported_proxy = address
            header = self._client_addresses.unread_header
            if header is not None and header != self._reported_header:
                trusted_proxies.report_unread_header(self._database, header)
            self._reported_header = header
            if self._commit_watcher.has_new_commits():
                self._load_trusted_proxies()
        except Exception as problem:
            log.warning("collector upkeep failed, will retry", extra={"error": str(problem)})

    def _load_trusted_proxies(self) -> None:
        self._client_addresses.trust(trusted_proxies.trusted_networks(self._database))
        self._client_addresses.use_header(trusted_proxies.client_ip_header(self._database))
