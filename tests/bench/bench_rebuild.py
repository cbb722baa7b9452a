"""What a rebuild of the warehouse costs: `python -m tests.bench.bench_rebuild [--sizes 1m 10m]`.

The goal is that of the machine of tests/bench/bare.py, which is asked in between how fast this one is.
"""

from __future__ import annotations

import resource
import sys
import threading
from time import process_time

from sqlalchemy import func, select

from proprium.warehouse import schema
from proprium.warehouse.warehouse import Warehouse
from tests.bench import bare
from tests.bench.filled import SIZES, progress_printer, projected, requested_sizes, storage_of

GOAL_CPU_US = 36.0
LOOK_S = 1.0


def main() -> None:
    missed = [size for size in requested_sizes(__doc__, ["1m", "10m"]) if rebuild(size) > GOAL_CPU_US]
    if missed:
        sys.exit(f"Not reached at {', '.join(missed)}: {GOAL_CPU_US:.0f} CPU µs an event.")


def rebuild(size: str) -> float:
    """Prints a line and returns the CPU µs of an event on the machine of the goals, of all threads, those that ask
    meanwhile included."""
    with projected(storage_of(SIZES[size])) as (warehouse, projector), bare.machine() as machine:
        projector.catch_up(progress_printer("projected"))  # one that another version filled would not answer
        ended, answers = threading.Event(), list[int]()
        asking = threading.Thread(target=ask, args=(warehouse, ended, answers))
        asking.start()
        progress = AskingTheMachine(machine)
        began = process_time()
        projector.rebuild(progress)
        cpu_s = process_time() - began - progress.cpu_s
        ended.set()
        asking.join()
        events = projector.status().warehouse_events
    cpu_us = cpu_s / events * 1e6
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{events:>10,} events: {cpu_s:.0f} CPU s, {cpu_us:.1f} µs an event; this machine was {machine.speed:.2f} of"
        f" the one of the goals, there {cpu_us * machine.speed:.1f} µs         goal: {GOAL_CPU_US:.0f} µs; the"
        f" process had {peak_mb} MB at most; the old warehouse gave {len(answers)} answers meanwhile",
        flush=True,
    )
    return cpu_us * machine.speed


class AskingTheMachine:
    """Progress: tells it, and each time has the machine measured. `cpu_s` is what that took in this process."""

    def __init__(self, machine: bare.Machine) -> None:
        self._machine, self._tell = machine, progress_printer("projected")
        self.cpu_s = 0.0

    def __call__(self, done: int, of: int) -> None:
        began = process_time()
        self._machine.ask()
        self.cpu_s += process_time() - began
        self._tell(done, of)


def ask(warehouse: Warehouse, ended: threading.Event, answers: list[int]) -> None:
    """How many sessions there are, once a second."""
    while not ended.wait(LOOK_S):
        with warehouse.read() as connection:
            answers.append(connection.scalar(select(func.count()).select_from(schema.session)) or 0)


if __name__ == "__main__":
    main()
