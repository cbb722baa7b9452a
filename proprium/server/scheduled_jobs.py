"""Hourly and daily work, each job in a thread of its own: a slow or failing one never holds up the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from proprium.clock import Clock, utc_now
from proprium.config import Settings
from proprium.errors import OperatorError
from proprium.server import geoip_update
from proprium.storage.database import Database
from proprium.storage.erasure import finish_deletions
from proprium.storage.retention import delete_orphaned_events
from proprium.storage.user_agents import delete_unused_user_agents
from proprium.storage.visitor_keys import VisitorKeys

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ERASURE_INTERVAL = timedelta(seconds=10)
"""What was deleted is off the disk within a minute."""


@dataclass(frozen=True)
class Job:
    """Runs at the start, and then `every` so often."""

    name: str
    interval: timedelta
    run: Callable[[], object]


class JobScheduler:
    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = tuple(jobs)
        self._stop_event = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        for job in self._jobs:
            thread = Thread(target=self._run_repeatedly, args=(job,), name=f"job {job.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 2) -> None:
        """Starts nothing more, and waits a moment for what runs; the rest ends with the process, which is safe."""
        self._stop_event.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run_repeatedly(self, job: Job) -> None:
        while not self._stop_event.is_set():
            run_once(job)
            self._stop_event.wait(job.interval.total_seconds())


def run_once(job: Job) -> bool:
    """False when it failed, which is logged and nothing more: it comes round again."""
    try:
        job.run()
    except OperatorError as problem:
        log.warning("%s: %s", job.name, problem)
        return False
    except Exception:
        log.exception("%s failed", job.name)
        return False
    return True


def standard_jobs(
    settings: Settings,
    database: Database,
    visitor_keys: VisitorKeys,
    clock: Clock = utc_now,
    warehouse_erased_seq: Callable[[], int] = lambda: 0,
) -> tuple[Job, ...]:
    """What every `serve` does beside serving."""

    def finish_erasure() -> None:
        finish_deletions(database, settings.data_dir, warehouse_erased_seq(), clock=clock)

    return (
        Job("remove what deletions left behind", ERASURE_INTERVAL, finish_erasure),
        Job("destroy visitor keys", HOUR, lambda: visitor_keys.destroy_expired(clock())),
        Job("finish interrupted deletions", HOUR, lambda: delete_orphaned_events(database)),
        Job("sweep unused User-Agents", DAY, lambda: delete_unused_user_agents(database)),
        Job("shorten the log of storage", HOUR, database.truncate_wal),
        Job("refresh places", DAY, lambda: refresh_geoip(settings, clock)),
    )


def refresh_geoip(settings: Settings, clock: Clock = utc_now, base_url: str = geoip_update.BASE_URL) -> None:
    """Nothing to do where the operator keeps a file of their own. The collector notices a new file by itself."""
    if settings.geoip_path is None:
        geoip_update.refresh(settings, clock(), base_url=base_url)
