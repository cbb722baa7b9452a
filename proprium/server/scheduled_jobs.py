"""Hourly and daily work, each job in a thread of its own: a slow or failing one never holds up the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from proprium.clock import Clock, utc_now
from proprium.config import Settings
from proprium.errors import ProblemForOperator
from proprium.server import geoip_update
from proprium.storage.database import Database
from proprium.storage.erasure import finish_deletions
from proprium.storage.retention import delete_orphans
from proprium.storage.user_agents import sweep_user_agents
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
    every: timedelta
    run: Callable[[], object]


class Jobs:
    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = tuple(jobs)
        self._stopped = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        for job in self._jobs:
            thread = Thread(target=self._repeat, args=(job,), name=f"job {job.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 2) -> None:
        """Starts nothing more, and waits a moment for what runs; the rest ends with the process, which is safe."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _repeat(self, job: Job) -> None:
        while not self._stopped.is_set():
            run_once(job)
            self._stopped.wait(job.every.total_seconds())


def run_once(job: Job) -> bool:
    """False when it failed, which is logged and nothing more: it comes round again."""
    try:
        job.run()
    except ProblemForOperator as problem:
        log.warning("%s: %s", job.name, problem)
        return False
    except Exception:
        log.exception("%s failed", job.name)
        return False
    return True


def standard_jobs(
    settings: Settings,
    database: Database,
    keys: VisitorKeys,
    clock: Clock = utc_now,
    warehouse_erased_to: Callable[[], int] = lambda: 0,
) -> tuple[Job, ...]:
    """What every `serve` does beside serving."""

    def finish() -> None:
        finish_deletions(database, settings.data_dir, warehouse_erased_to(), clock=clock)

    return (
        Job("remove what deletions left behind", ERASURE_INTERVAL, finish),
        Job("destroy visitor keys", HOUR, lambda: keys.destroy_old(clock())),
        Job("finish interrupted deletions", HOUR, lambda: delete_orphans(database)),
        Job("sweep unused User-Agents", DAY, lambda: sweep_user_agents(database)),
        Job("shorten the log of storage", HOUR, database.forget_log),
        Job("refresh places", DAY, lambda: refresh_places(settings, clock)),
    )


def refresh_places(settings: Settings, clock: Clock = utc_now, base_url: str = geoip_update.BASE_URL) -> None:
    """Nothing to do where the operator keeps a file of their own. The collector notices a new file by itself."""
    if settings.geoip_path is None:
        geoip_update.refresh(settings, clock(), base_url=base_url)
