"""What new events cost in a large warehouse: `python -m tests.bench.bench_batch [--sizes 1m 10m]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

from proprium.config import Settings
from proprium.storage.database import Database
from proprium.storage.tail import Columns, Tail
from proprium.warehouse.connect import open_warehouse
from proprium.warehouse.projection import Projection
from proprium.warehouse.rules import Rules
from tests.bench.filled import SIZES, asked_sizes, projected, storage_of, told

GOAL_CPU_S = 0.06
EVENTS = 500
ROUNDS = 20


def main() -> None:
    missed = [size for size in asked_sizes(__doc__, ["1m", "10m"]) if batch(size) > GOAL_CPU_S]
    if missed:
        sys.exit(f"Not reached at {', '.join(missed)}: {GOAL_CPU_S} CPU seconds.")


def batch(size: str) -> float:
    """Prints a line and returns the CPU seconds of the median batch, its commit included."""
    folder = storage_of(SIZES[size])
    with projected(folder) as (warehouse, projector):
        projector.catch_up(told("projected"))
        path = warehouse.path
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copy(path, scratch)
        times = sorted(project(Path(copy), list(newest(folder))))
    cpu_s = times[len(times) // 2]
    print(
        f"{size:>4} events: {EVENTS} more cost {cpu_s * 1000:.0f} ms of CPU"
        f" ({times[0] * 1000:.0f}–{times[-1] * 1000:.0f})         goal: {GOAL_CPU_S * 1000:.0f}",
        flush=True,
    )
    return cpu_s


def project(path: Path, batches: list[Columns]) -> list[float]:
    warehouse, projection, times = open_warehouse(path), Projection(), []
    with warehouse.write() as connection:
        projection.remember(connection)
    for events in batches:
        began = process_time()
        with warehouse.write() as connection:
            projection.add(connection, events, Rules())
        times.append(process_time() - began)
    warehouse.close()
    return times


def newest(folder: Path) -> Iterator[Columns]:
    """The last events of storage, as if they happened once more right after the last one."""
    database = Database(Settings(data_dir=folder).storage_url)
    tail = Tail(database)
    last = tail.last_event_seq()
    seq = last - EVENTS * ROUNDS
    taken = EVENTS * ROUNDS
    first_at = tail.columns_after(seq, 1)["created_at"][0]
    later = tail.columns_after(last - 1, 1)["created_at"][0] - first_at + 1_000
    while (events := tail.columns_after(seq, EVENTS))["seq"]:
        seq = events["seq"][-1]
        yield {
            **events,
            "seq": [number + taken for number in events["seq"]],
            "created_at": [at + later for at in events["created_at"]],
        }
    tail.close()
    database.close()


if __name__ == "__main__":
    main()
