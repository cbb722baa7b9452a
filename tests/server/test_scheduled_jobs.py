"""Scheduled jobs of the server."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from proprium.config import Settings
from proprium.errors import OperatorError
from proprium.server.scheduled_jobs import DAY, Job, JobScheduler, refresh_geoip, run_once, standard_jobs
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import a_property, an_event


def test_a_job_runs_at_the_start_and_then_periodically():
    times: list[int] = []
    enough = Event()

    def count() -> None:
        times.append(len(times))
        if len(times) == 3:
            enough.set()

    jobs = JobScheduler([Job("count", timedelta(milliseconds=5), count)])
    jobs.start()
    assert enough.wait(10)
    jobs.stop()
    after = len(times)
    assert not any(thread.is_alive() for thread in jobs._threads)
    assert len(times) == after


def test_a_failing_job_is_logged_and_stops_neither_itself_nor_the_others(caplog):
    tries: list[int] = []
    good, tried_twice = Event(), Event()

    def fail() -> None:
        tries.append(1)
        if len(tries) == 2:
            tried_twice.set()
        raise ValueError("out of paper")

    jobs = JobScheduler([Job("bad", timedelta(milliseconds=5), fail), Job("good", DAY, good.set)])
    jobs.start()
    assert good.wait(10)
    assert tried_twice.wait(10)
    jobs.stop()
    assert {vars(record)["job"] for record in caplog.records} == {"bad"}
    assert "out of paper" in caplog.text


def test_a_job_that_hangs_delays_neither_the_others_nor_the_stop():
    never, good = Event(), Event()
    jobs = JobScheduler([Job("hang", DAY, never.wait), Job("good", DAY, good.set)])
    jobs.start()
    assert good.wait(10)
    jobs.stop(timeout_s=0.01)
    never.set()


def test_an_operator_error_is_logged_without_traceback(caplog):
    def refuse() -> None:
        raise OperatorError("The disk is full.")

    with caplog.at_level(logging.WARNING):
        assert not run_once(Job("copy", DAY, refuse))
    [record] = caplog.records
    assert record.exc_info is None
    assert (vars(record)["job"], vars(record)["error"]) == ("copy", "The disk is full.")


def test_old_visitor_keys_are_destroyed(database: Database, tmp_path: Path):
    number = a_property(database).number or 0
    keys = VisitorKeys(database)
    old = keys.key(number, date(2026, 11, 2))
    run_all(database, tmp_path, keys, lambda: datetime(2026, 11, 5, tzinfo=UTC))
    assert VisitorKeys(database).key(number, date(2026, 11, 2)) != old


def test_events_of_deleted_properties_are_deleted(database: Database, tmp_path: Path):
    store = EventStore(database)
    store.append([an_event(property=77)])
    store.close()
    run_all(database, tmp_path, VisitorKeys(database), lambda: datetime(2026, 11, 5, tzinfo=UTC))
    assert count_events(database) == 0


def test_the_write_ahead_log_is_truncated(database: Database, tmp_path: Path):
    a_property(database)
    log = database.path.with_name(database.path.name + "-wal")
    assert log.stat().st_size > 0
    run_all(database, tmp_path, VisitorKeys(database), lambda: datetime(2026, 11, 5, tzinfo=UTC))
    assert log.stat().st_size == 0


def test_the_operators_own_geoip_database_is_not_updated(tmp_path: Path):
    own = tmp_path / "own.mmdb"
    refresh_geoip(Settings(geoip_path=own, data_dir=tmp_path), base_url="http://127.0.0.1:9")
    assert not own.exists()


def test_no_geoip_database_is_downloaded_where_the_operator_turned_it_off(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as download_server:
        download_server.settimeout(0.2)
        base_url = f"http://127.0.0.1:{download_server.getsockname()[1]}"
        refresh_geoip(Settings(geoip_update=False, data_dir=tmp_path), base_url=base_url)
        with pytest.raises(TimeoutError):  # no connection came in
            download_server.accept()


def test_the_geoip_database_is_downloaded_otherwise(tmp_path: Path):
    with pytest.raises(OperatorError, match="could not be downloaded"):
        refresh_geoip(Settings(data_dir=tmp_path), base_url="http://127.0.0.1:9")


def run_all(database: Database, tmp_path: Path, keys: VisitorKeys, clock: Callable[[], datetime]) -> None:
    """Every standard job once, in order; places are the operator's own, so that nothing is fetched."""
    settings = Settings(data_dir=tmp_path, geoip_path=tmp_path / "own.mmdb")
    assert all(run_once(job) for job in standard_jobs(settings, database, keys, clock))
