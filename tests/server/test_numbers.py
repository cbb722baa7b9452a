"""What an operator watches: warehouse lag, sizes and jobs in /metrics and /readyz, for the operator only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proprium.server.health import JobStatus, ServerNumbers, file_bytes, health_routes
from proprium.server.scheduled_jobs import Job, JobScheduler
from tests.server.test_http_routes import client_of

JOBS = {"erase deleted data": JobStatus(datetime(2026, 11, 2, 9, tzinfo=UTC), 0.25, True, 2)}
NUMBERS = ServerNumbers(1.26, False, 4_096, 262_144, JOBS)


def routes(token: str = "") -> object:
    return health_routes({}, NUMBERS.as_prometheus, token, details=NUMBERS.as_details)


async def test_readyz_has_lag_sizes_and_jobs():
    assert (await client_of(routes()).get("/readyz")).json()["details"] == {
        "warehouse_lag_s": 1.3,
        "warehouse_rebuilding": False,
        "storage_bytes": 4_096,
        "warehouse_bytes": 262_144,
        "jobs": {
            "erase deleted data": {
                "ended_at": "2026-11-02T09:00:00+00:00", "duration_s": 0.25, "ok": False, "failures": 2,
            }
        },
    }  # fmt: skip


async def test_metrics_have_lag_sizes_and_jobs():
    text = (await client_of(routes()).get("/metrics")).text
    for line in (
        "proprium_warehouse_lag_seconds 1.26",
        "proprium_warehouse_rebuilding 0",
        "proprium_storage_bytes 4096",
        "proprium_warehouse_bytes 262144",
        'proprium_job_last_end_timestamp_seconds{job="erase deleted data"} 1793610000.0',
        'proprium_job_last_duration_seconds{job="erase deleted data"} 0.25',
        'proprium_job_failures_total{job="erase deleted data"} 2',
    ):
        assert f"\n{line}\n" in text
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) == 7


@pytest.mark.parametrize(
    ("peer", "token", "headers", "may_read"),
    [
        ("127.0.0.1", "", {}, True),
        ("8.8.8.8", "", {}, False),
        ("198.51.100.1", "", {}, False),
        ("127.0.0.1", "", {"X-Forwarded-For": "198.51.100.1"}, False),
        ("127.0.0.1", "", {"CF-Connecting-IP": "198.51.100.1"}, False),
        ("127.0.0.1", "secret", {}, False),
        ("198.51.100.1", "secret", {"Authorization": "Bearer secret"}, True),
    ],
)
async def test_the_world_reads_neither(peer: str, token: str, headers: Mapping[str, str], may_read: bool):
    client = client_of(routes(token), peer=peer)
    readiness = await client.get("/readyz", headers=headers)
    assert readiness.status_code == 200
    assert ("details" in readiness.json()) == may_read
    assert ((await client.get("/metrics", headers=headers)).status_code == 200) == may_read


def test_the_size_of_storage_includes_its_log(tmp_path: Path):
    path = tmp_path / "proprium.sqlite3"
    assert file_bytes(path) == 0
    path.write_bytes(b"x" * 100)
    Path(f"{path}-wal").write_bytes(b"x" * 11)
    assert file_bytes(path) == 111


def test_a_job_tells_of_its_last_run():
    now = datetime(2026, 11, 2, 9, tzinfo=UTC)
    runs: list[bool] = []

    def run() -> None:
        nonlocal now
        now += timedelta(seconds=3)
        runs.append(len(runs) < 2)
        if len(runs) == 3:
            scheduler._stop_event.set()
        if runs[-1]:
            raise ValueError("out of luck")

    scheduler = JobScheduler([Job("try", timedelta(seconds=0), run)], clock=lambda: now)
    scheduler.start()
    for thread in scheduler._threads:
        thread.join(10)
    assert scheduler.status_by_name["try"] == JobStatus(now, 3.0, False, 2)
