"""Data folders with a generated history, kept outside the project and used again: `python -m tests.bench.filled 1m`.

A server can be started on each of them: PROPRIUM_DATA_DIR.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from time import process_time
from typing import Any

from sqlalchemy import event

from proprium.config import Settings
from proprium.properties.service import create_property
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_codec import COLUMNS
from proprium.storage.migrate import migrate, newest_revision
from proprium.storage.user_agents import UserAgentIds
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import Warehouse, open_warehouse
from tests.bench import history, pages

SIZES = {"20k": 20_000, "1m": 1_000_000, "10m": 10_000_000}
CARDS = ["signup", "download"]
"""Custom events that the sites' dashboards show."""
INSERT = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
CACHE_KB = 1 << 20

Progress = Callable[[int, int], None]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("size", choices=SIZES, nargs="+")
    options.add_argument("--folder", type=Path, help="where they are made; the default is where benchmarks look")
    arguments = options.parse_args()
    for size in arguments.size:
        began = process_time()
        folder = storage_of(SIZES[size], arguments.folder and arguments.folder / size)
        print(f"{folder}: storage after {process_time() - began:.0f} CPU seconds", flush=True)
        with projected(folder) as (_, projector):
            projector.catch_up(progress_printer("projected"))
        print(f"{folder}: warehouse after {process_time() - began:.0f} CPU seconds", flush=True)


def storage_of(count: int, folder: Path | None = None) -> Path:
    """The data folder of a history of this size, which is written where it is not there yet."""
    folder = folder or Path(tempfile.gettempdir()) / f"proprium-bench-{history.SEED}-{count}-{_version()}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        database = Database(Settings(data_dir=unfinished).storage_url)
        write(database, count, progress_printer("generated"))
        database.close()
        unfinished.rename(folder)
    return folder


@contextmanager
def projected(folder: Path) -> Iterator[tuple[Warehouse, Projector]]:
    """The folder's warehouse, as a server opens it; not caught up."""
    settings = Settings(data_dir=folder)
    database = Database(settings.storage_url)
    warehouse = open_warehouse(settings.warehouse_path, settings.warehouse_memory)
    tail = ChangeFeed(database)
    try:
        yield warehouse, Projector(tail, warehouse, stored_rules(database, counts_automated=False))
    finally:
        warehouse.close()
        tail.close()
        database.close()


def requested_sizes(about: str | None, default: list[str]) -> list[str]:
    """What the command line says; smaller ones first, so that the process's peak of memory is each one's own."""
    options = argparse.ArgumentParser(description=about)
    options.add_argument("--sizes", nargs="+", choices=SIZES, default=default)
    sizes: list[str] = options.parse_args().sizes
    return sorted(sizes, key=SIZES.__getitem__)


def write(database: Database, count: int, progress: Progress | None = None) -> int:
    """About `count` events of ten properties in an empty storage; how many they are."""
    event.listen(database.engine, "connect", _be_careless)
    migrate(database)
    numbers, agents, written = _properties(database), UserAgentIds(), 0
    with database.write_engine.connect() as connection, connection.begin():
        cursor: Any = connection.connection.cursor()
        for day in history.days(numbers, lambda text: agents.get_or_create(cursor, text), count):
            cursor.executemany(INSERT, day)
            written += len(day)
            if progress:
                progress(written, count)
    return written


def progress_printer(done: str) -> Progress:
    """Says each tenth that is reached."""
    tenths = [0]

    def tell(part: int, whole: int) -> None:
        if (tenth := min(10, 10 * part // max(1, whole))) > tenths[-1]:
            tenths.append(tenth)
            print(f"{tenth * 10:3} % of {whole:,} events {done}", flush=True)

    return tell


def _properties(database: Database) -> list[int]:
    properties = [
        create_property(database, f"Site {place}", None, is_cookieless=place == history.COOKIELESS)
        for place in range(len(history.SITES))
    ]
    return [each.number for each in properties if each.number]


def _be_careless(connection: Any, _: Any) -> None:
    """A file that is made anew need not survive a power cut."""
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")


def _version() -> str:
    """Of what the files hold: others are made when it changes."""
    digest = blake2b(newest_revision().encode(), digest_size=4)
    for module in (history, pages):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
