"""What a rebuild of the warehouse costs: `python -m tests.bench.bench_rebuild [--sizes 1m 10m]`."""

from __future__ import annotations

import resource
import sys
import threading
from time import process_time

from sqlalchemy import func, select

from proprium.warehouse import schema
from proprium.warehouse.connect import Warehouse
from tests.bench.filled import SIZES, asked_sizes, projected, storage_of, told

GOAL_CPU_US = 36.0
LOOK_S = 1.0


def main() -> None:
    missed = [size for size in asked_sizes(__doc__, ["1m", "10m"]) if rebuild(size) > GOAL_CPU_US]
    if missed:
        sys.exit(f"Not reached at {', '.join(missed)}: {GOAL_CPU_US:.0f} CPU µs an event.")


def rebuild(size: str) -> float:
    """Prints a line and returns the CPU µs of an event, of all threads, those that ask meanwhile included."""
    with projected(storage_of(SIZES[size])) as (warehouse, projector):
        ended, answers = threading.Event(), list[int]()
        asking = threading.Thread(target=ask, args=(warehouse, ended, answers))
        asking.start()
        began = process_time()
        projector.rebuild(told("projected"))
        cpu_s = process_time() - began
        ended.set()
        asking.join()
        events = projector.status().warehouse_events
    cpu_us = cpu_s / events * 1e6
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{events:>10,} events: {cpu_s:.0f} CPU s, {cpu_us:.1f} µs an event; the process had {peak_mb} MB at most;"
        f" the old warehouse gave {len(answers)} answers meanwhile         goal: {GOAL_CPU_US:.0f} µs",
        flush=True,
    )
    return cpu_us


def ask(warehouse: Warehouse, ended: threading.Event, answers: list[int]) -> None:
    """How many sessions there are, once a second."""
    while not ended.wait(LOOK_S):
        with warehouse.read() as connection:
            answers.append(connection.scalar(select(func.count()).select_from(schema.session)) or 0)


if __name__ == "__main__":
    main()
