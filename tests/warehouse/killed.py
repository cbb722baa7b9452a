"""A process that is killed while it fills a warehouse, or writes it again after a deletion:
`python -m tests.warehouse.killed FOLDER follow|rebuild|compact`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.warehouse.projection.incremental_sync import IncrementalSync, note_compaction
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import open_warehouse


def main(folder: Path, what: str) -> None:
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    rules = stored_rules(database, counts_automated=False)
    warehouse = open_warehouse(folder / "warehouse.duckdb", memory="256MB", threads=1)
    tail = ChangeFeed(database)
    if what == "rebuild":
        projector = Projector(tail, warehouse, rules)
        projector.catch_up()
        _say("going")
        while True:
            projector.rebuild()
    if what == "compact":
        projector = Projector(tail, warehouse, rules)
        projector.catch_up()
        _say("going")
        while projector.compact():
            with warehouse.write() as connection:
                note_compaction(connection, is_pending=True)
            projector = Projector(tail, warehouse, rules)
    follower = IncrementalSync(tail, warehouse, rules)
    follower.apply_next(7)
    _say("going")
    while follower.apply_next(7):
        pass


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
