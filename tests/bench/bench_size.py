"""Bytes of an event in storage and in the warehouse: `python -m tests.bench.bench_size [--sizes 1m 10m]`."""

from __future__ import annotations

import sys
from pathlib import Path

from proprium.config import Settings
from tests.bench.filled import SIZES, progress_printer, projected, requested_sizes, storage_of

GOAL_STORAGE, GOAL_WAREHOUSE = 340, 80
GOAL_EVENTS = 10_000_000
"""Smaller warehouses are printed but not judged: the engine's blocks of 256 KB are half empty there."""


def main() -> None:
    missed = [size for size in requested_sizes(__doc__, ["1m", "10m"]) if not fits(size)]
    if missed:
        sys.exit(f"Too large at {', '.join(missed)}.")


def fits(size: str) -> bool:
    """Prints a line; True when the goals are reached, or do not hold for this size."""
    folder = storage_of(SIZES[size])
    with projected(folder) as (_, projector):
        projector.catch_up(progress_printer("projected"))
        events = projector.status().storage_events
    warehouse_path = Settings(data_dir=folder).warehouse_path
    storage, warehouse = (on_disk(path) / events for path in (folder / "proprium.sqlite3", warehouse_path))
    print(
        f"{events:>10,} events: {storage:.0f} bytes an event in storage, {warehouse:.0f} in the warehouse"
        f"         goals: {GOAL_STORAGE} and {GOAL_WAREHOUSE}",
        flush=True,
    )
    return SIZES[size] < GOAL_EVENTS or (storage <= GOAL_STORAGE and warehouse <= GOAL_WAREHOUSE)


def on_disk(path: Path) -> int:
    """With its log."""
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*") if each.is_file())


if __name__ == "__main__":
    main()
