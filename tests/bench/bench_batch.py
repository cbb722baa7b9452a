"""What new events cost in a large warehouse: `python -m tests.bench.bench_batch [--sizes 1m 10m]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import process_time

from proprium.config import Settings
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_columns import EventBatch
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import open_warehouse
from tests.bench.filled import SIZES, progress_printer, projected, requested_sizes, storage_of

GOAL_CPU_S = 0.06
EVENTS = 500
ROUNDS = 20


def main() -> None:
    missed = [size for size in requested_sizes(__doc__, ["1m", "10m"]) if batch(size) > GOAL_CPU_S]
    if missed:
        sys.exit(f"Not reached at {', '.join(missed)}: {GOAL_CPU_S} CPU seconds.")


def batch(size: str) -> float:
    """Prints a line and returns the CPU seconds of the median batch: read, projected and committed."""
    folder = storage_of(SIZES[size])
    with projected(folder) as (_, projector):
        projector.catch_up(progress_printer("projected"))
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copy(Settings(data_dir=folder).warehouse_path, scratch)
        times = sorted(project(folder, Path(copy)))
    cpu_s = times[len(times) // 2]
    print(
        f"{size:>4} events: {EVENTS} more cost {cpu_s * 1000:.0f} ms of CPU"
        f" ({times[0] * 1000:.0f}–{times[-1] * 1000:.0f})         goal: {GOAL_CPU_S * 1000:.0f}",
        flush=True,
    )
    return cpu_s


def project(folder: Path, copy: Path) -> list[float]:
    """As the projector of a server does it. The first batch only makes it remember what is open."""
    database = Database(Settings(data_dir=folder).storage_url)
    warehouse, tail, times = open_warehouse(copy), OnceMore(database), []
    follower = IncrementalSync(tail, warehouse, stored_rules(database, counts_automated=False))
    for _ in range(1 + ROUNDS):
        began, place = process_time(), follower.position.event_seq
        follower.apply_next(EVENTS)
        times.append(process_time() - began)
        assert follower.position.event_seq > place, "there was nothing to take"
    warehouse.close()
    tail.close()
    database.close()
    return times[1:]


class OnceMore(ChangeFeed):
    """After the last event of storage its newest ones happen once more."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._last = self.last_event_seq()
        self._taken = EVENTS * (1 + ROUNDS)
        ends = (self._last - self._taken, self._last - 1)
        first, last = (ChangeFeed.batch_after(self, seq, 1)["created_at"][0] for seq in ends)
        self._later = last - first + 1_000

    def batch_after(self, seq: int, limit: int) -> EventBatch:
        events = super().batch_after(seq - self._taken, limit)
        later = {
            "seq": [number + self._taken for number in events["seq"]],
            "created_at": [at + self._later for at in events["created_at"]],
        }
        return replace(events, plain_columns={**events.plain_columns, **later})


if __name__ == "__main__":
    main()
