"""Once a second, beside every collector: writes down what was refused, and learns which proxies are trusted now."""

from __future__ import annotations

import logging
import threading

from collector.client_address import Addresses
from proprium.storage import trusted_proxies
from proprium.storage.database import Database
from proprium.storage.rejected_events import Refusals

log = logging.getLogger(__name__)

EVERY_S = 1.0


class Porter:
    """Nothing of it stands in the way of an event; what fails is tried again a second later."""

    def __init__(self, database: Database, addresses: Addresses, refusals: Refusals) -> None:
        self._database = database
        self._addresses = addresses
        self._refusals = refusals
        self._watch = database.watch()
        self._reported: str | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._learn()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="porter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._round()
        self._watch.close()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            self._round()

    def _round(self) -> None:
        try:
            self._refusals.write()
            self._report()
            if self._watch.has_moved():
                self._learn()
        except Exception as problem:
            log.warning("refused events could not be written down: %s", problem)

    def _report(self) -> None:
        found = self._addresses.untrusted_proxy
        if found is not None and found != self._reported:
            trusted_proxies.report(self._database, found)
            self._reported = found

    def _learn(self) -> None:
        self._addresses.trust(trusted_proxies.trusted(self._database))
