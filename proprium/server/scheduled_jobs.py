"""Scheduled jobs (periodic background work), each in its own thread: a slow or failing job never delays the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from proprium.accounts import audit, invitations
from proprium.clock import Clock, utc_now
from proprium.config import Settings
from proprium.errors import OperatorError
from proprium.server import geoip_update
from proprium.server.health import JobStatus
from proprium.storage.database import Database
from proprium.storage.erasure import finish_deletions
from proprium.storage.retention import delete_orphaned_events
from proprium.storage.user_agents import delete_unused_user_agents
from proprium.storage.visitor_keys import VisitorKeys

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ERASURE_INTERVAL = timedelta(seconds=10)
"""Short enough that deleted data is erased from disk within a minute."""


@dataclass(frozen=True)
class Job:
    """Periodic job: runs at the start, and then once per `interval`."""

    name: str
    interval: timedelta
    run: Callable[[], object]


class JobScheduler:
    """Runs jobs in daemon threads until it is stopped."""

    def __init__(self, jobs: Iterable[Job], clock: Clock = utc_now) -> None:
        self._jobs = tuple(jobs)
        self._clock = clock
        self.status_by_name: dict[str, JobStatus] = {}
        """Of the jobs that have ended at least once."""
        self._stop_event = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        for job in self._jobs:
            thread = Thread(target=self._run_repeatedly, args=(job,), name=f"job {job.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 2) -> None:
        """Starts no more jobs, and waits `timeout_s` per running job.

        The rest ends with the process, which is safe.
        """
        self._stop_event.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run_repeatedly(self, job: Job) -> None:
        while not self._stop_event.is_set():
            started_at = self._clock()
            has_failed = not run_once(job)
            ended_at, previous = self._clock(), self.status_by_name.get(job.name)
            failure_count = (previous.failure_count if previous else 0) + has_failed
            duration_s = (ended_at - started_at).total_seconds()
            self.status_by_name[job.name] = JobStatus(ended_at, duration_s, has_failed, failure_count)
            self._stop_event.wait(job.interval.total_seconds())


def run_once(job: Job) -> bool:
    """Runs a job once.

    Returns False when it failed: failures are logged only, as the job runs again later.
    """
    try:
        job.run()
    except OperatorError as problem:
        log.warning("scheduled job failed", extra={"job": job.name, "error": str(problem)})
        return False
    except Exception:
        log.exception("scheduled job failed", extra={"job": job.name})
        return False
    return True


def standard_jobs(
    settings: Settings,
    database: Database,
    visitor_keys: VisitorKeys,
    clock: Clock = utc_now,
    warehouse_erased_seq: Callable[[], int] = lambda: 0,
) -> tuple[Job, ...]:
    """Returns the jobs that every `serve` runs."""

    def finish_erasure() -> None:
        finish_deletions(database, settings.data_dir, warehouse_erased_seq(), clock=clock)

    return (
        Job("erase deleted data", ERASURE_INTERVAL, finish_erasure),
        Job("delete expired visitor keys", HOUR, lambda: visitor_keys.destroy_expired(clock())),
        Job("finish interrupted deletions", HOUR, lambda: delete_orphaned_events(database)),
        Job("delete unused User-Agents", DAY, lambda: delete_unused_user_agents(database)),
        Job("delete expired audit log", DAY, lambda: audit.delete_expired(database, clock())),
        Job("delete expired invitations", DAY, lambda: invitations.delete_expired(database, clock())),
        Job("truncate write-ahead log", HOUR, database.truncate_wal),
        Job("update GeoIP database", DAY, lambda: refresh_geoip(settings, clock)),
    )


def refresh_geoip(settings: Settings, clock: Clock = utc_now, base_url: str = geoip_update.BASE_URL) -> None:
    """Updates the GeoIP database, unless PROPRIUM_GEOIP_UPDATE is off or PROPRIUM_GEOIP_PATH names another file.

    The collector notices a new file by itself.
    """
    if settings.geoip_update and settings.geoip_path is None:
        geoip_update.refresh(settings, clock(), base_url=base_url)
