"""Kill -9 under load: every event answered with 204 is in storage and in the warehouse afterwards."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from uuid import UUID

from tests.support.servers import Load, Running, running

ROUNDS, MANY_ROUNDS = 3, 20


def test_kill_nine_under_load_of_serve_and_collect_loses_no_acknowledged_event(tmp_path: Path, fuzz: bool) -> None:
    rounds = MANY_ROUNDS if fuzz else ROUNDS
    first = Running(tmp_path).start()
    property_id = first.add_property("Blog")
    first.stop()

    acknowledged: set[UUID] = set()
    for _ in range(rounds):
        acknowledged |= killed_under_load(tmp_path, property_id)
        assert missing(tmp_path, acknowledged) == set()

    assert len(acknowledged) > rounds * 50  # the load was a load
    assert rows_in_storage(tmp_path) == rows_in_warehouse_after_a_restart(tmp_path)


def killed_under_load(data_dir: Path, property_id: str) -> set[UUID]:
    """One round: both programs take events, both are killed in the middle. Returns what they had acknowledged."""
    serve, collect = Running(data_dir, "serve").begin(), Running(data_dir, "collect").begin()
    serve.wait()
    collect.wait()
    loads = [Load(server.port, property_id, connections=8) for server in (serve, collect)]
    threads = [threading.Thread(target=load.run, kwargs={"seconds": 20}) for load in loads]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 15
    while any(len(load.acknowledged) < 50 for load in loads) and time.monotonic() < deadline:
        time.sleep(0.02)
    serve.kill()
    collect.kill()
    for thread in threads:
        thread.join()
    assert all(load.acknowledged for load in loads), serve.output() + collect.output()
    return {event_id for load in loads for event_id in load.acknowledged}


def missing(data_dir: Path, acknowledged: set[UUID]) -> set[UUID]:
    with sqlite3.connect(data_dir / "proprium.sqlite3") as storage:
        assert storage.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = {UUID(bytes=row[0]) for row in storage.execute("SELECT id FROM event")}
    return acknowledged - stored


def rows_in_storage(data_dir: Path) -> int:
    with sqlite3.connect(data_dir / "proprium.sqlite3") as storage:
        return int(storage.execute("SELECT count(*) FROM event").fetchone()[0])


def rows_in_warehouse_after_a_restart(data_dir: Path) -> int:
    with running(data_dir) as server:
        return server.wait_until_projected().warehouse_events
