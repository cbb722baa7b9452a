"""A damaged warehouse mends itself: whatever state its file is in, it opens, follows storage and ends as rebuilt."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import func, select, text

from proprium.errors import OperatorError, WarehouseRebuilding
from proprium.properties.service import create_property
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import migrate
from proprium.warehouse import schema
from proprium.warehouse import warehouse as warehouse_module
from proprium.warehouse.engine import Damage
from proprium.warehouse.engines.duckdb import DuckDBEngine
from proprium.warehouse.projection import projector as projector_module
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import Warehouse, open_warehouse
from tests.support.builders import an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.books import storage_books, warehouse_books

EVENT_COUNT, FUZZ_EVENT_COUNT = 1_000, 2_500
BLOCK_BYTES = 262_144
HEADER_BYTES = 3 * 4_096
Damaging = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory, fuzz: bool) -> Path:
    """A data folder with storage and the warehouse of it, both closed."""
    folder = tmp_path_factory.mktemp("healthy")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    migrate(database)
    create_property(database, "Example", None)
    chance = random.Random(7)
    store = EventStore(database)
    store.append(
        [
            an_event(
                visitor=f"visitor {chance.randrange(900)}",
                at=moment("00:00") + timedelta(seconds=index * 97),
                event=chance.choice(["page_view", "click", "scroll", "signup"]),
                page=f"/{chance.getrandbits(64):x}/{index}",
                title=f"{chance.getrandbits(256):x}",
                data={"plan": f"{chance.getrandbits(128):x}"},
            )
            for index in range(FUZZ_EVENT_COUNT if fuzz else EVENT_COUNT)
        ]
    )
    store.close()
    with opened(folder, database) as (_, projector):
        projector.catch_up()
    database.close()
    return folder


@contextmanager
def opened(folder: Path, database: Database) -> Iterator[tuple[Warehouse, Projector]]:
    """Warehouse and projector as the server composes them."""
    feed, warehouse = ChangeFeed(database), open_warehouse(folder / "warehouse.duckdb", "256MB", 1)
    try:
        yield warehouse, Projector(feed, warehouse, stored_rules(database, counts_automated=False))
    finally:
        feed.close()
        warehouse.close()


@contextmanager
def copy_of(healthy: Path, folder: Path) -> Iterator[tuple[Path, Database]]:
    shutil.copytree(healthy, folder)
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    yield folder, database
    database.close()


@pytest.fixture
def damaged(healthy: Path, tmp_path: Path) -> Iterator[tuple[Path, Database]]:
    """A copy of it, to be damaged."""
    with copy_of(healthy, tmp_path / "data") as copied:
        yield copied


def append_one(database: Database) -> None:
    store = EventStore(database)
    assert list(store.append([an_event(at="23:00", visitor="late")])) == [True]
    store.close()


@pytest.fixture(scope="module")
def expected_sessions(healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, ...]]:
    """Of a warehouse that was never damaged, after `append_one`."""
    with copy_of(healthy, tmp_path_factory.mktemp("expected") / "data") as (folder, database):
        append_one(database)
        with opened(folder, database) as (warehouse, projector):
            projector.catch_up()
            return sessions_by_visitor(warehouse)


def write_at(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def flip_somewhere(path: Path, chance: random.Random) -> None:
    """Up to 64 bytes at any place."""
    write_at(path, chance.randrange(path.stat().st_size), chance.randbytes(chance.choice([1, 8, 64])))


def flip_header(path: Path, chance: random.Random) -> None:
    write_at(path, chance.randrange(HEADER_BYTES), chance.randbytes(chance.choice([1, 8, 64])))


def flip_many(path: Path, chance: random.Random) -> None:
    """One bit in each block: nothing of it can be read, but the header."""
    for offset in range(HEADER_BYTES, path.stat().st_size - BLOCK_BYTES, BLOCK_BYTES):
        write_at(path, offset + chance.randrange(BLOCK_BYTES), chance.randbytes(1))


def zero_block(path: Path, chance: random.Random) -> None:
    """As a file system does that lost what was written."""
    block = chance.randrange((path.stat().st_size - HEADER_BYTES) // BLOCK_BYTES)
    write_at(path, HEADER_BYTES + block * BLOCK_BYTES, bytes(BLOCK_BYTES))


def truncate(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def truncate_at_block(path: Path, chance: random.Random) -> None:
    os.truncate(path, HEADER_BYTES + BLOCK_BYTES * chance.randrange(1, path.stat().st_size // BLOCK_BYTES))


def swap_blocks(path: Path, chance: random.Random) -> None:
    """Each with a checksum that fits, in the wrong place."""
    count = (path.stat().st_size - HEADER_BYTES) // BLOCK_BYTES
    first, second = (HEADER_BYTES + BLOCK_BYTES * block for block in chance.sample(range(count), 2))
    content = path.read_bytes()
    write_at(path, first, content[second : second + BLOCK_BYTES])
    write_at(path, second, content[first : first + BLOCK_BYTES])


def be_empty(path: Path, chance: random.Random) -> None:
    os.truncate(path, 0)


def be_gone(path: Path, chance: random.Random) -> None:
    path.unlink()


def be_noise(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.choice([1, 5_000, 400_000])))


def be_text(path: Path, chance: random.Random) -> None:
    path.write_text("The lock of this block is no database.\n" * 500)


def be_sqlite(path: Path, chance: random.Random) -> None:
    shutil.copy(path.with_name("proprium.sqlite3"), path)


def be_anothers(path: Path, chance: random.Random) -> None:
    """A DuckDB file of something else, with tables that are named like ours."""
    path.unlink()
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE event (id INTEGER, name VARCHAR)")
        other.execute("INSERT INTO event VALUES (1, 'a')")
        if chance.random() < 0.5:
            other.execute("CREATE TABLE position (x INTEGER, y INTEGER)")


def be_folder(path: Path, chance: random.Random) -> None:
    """As Docker makes one where a file is to be mounted that does not exist."""
    path.unlink()
    path.mkdir()


def be_full_folder(path: Path, chance: random.Random) -> None:
    be_folder(path, chance)
    (path / "letter.txt").write_text("mine")


def be_pipe(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def be_broken_link(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere") / "warehouse.duckdb")


def change_position(*statements: str) -> Damaging:
    def change(path: Path, chance: random.Random) -> None:
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)

    return change


def log_of_noise(path: Path, chance: random.Random) -> None:
    Path(f"{path}.wal").write_bytes(chance.randbytes(chance.choice([3, 900, 70_000])))


def log_of_another(path: Path, chance: random.Random) -> None:
    """The log of a process that was killed, beside a file that it does not belong to."""
    other = path.with_name("other.duckdb")
    with duckdb.connect(str(other)) as connection:
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("CREATE TABLE position AS SELECT 1 AS x")
        connection.execute("CHECKPOINT")
        connection.execute("INSERT INTO position SELECT * FROM range(5000)")
        shutil.copy(f"{other}.wal", f"{path}.wal")
    other.unlink()


def log_folder(path: Path, chance: random.Random) -> None:
    Path(f"{path}.wal").mkdir()


KINDS: dict[Damaging, int] = {  # and how many of each; under --fuzz FUZZ_FACTOR times as many
    flip_somewhere: 6,
    flip_header: 3,
    flip_many: 1,
    zero_block: 2,
    truncate: 2,
    truncate_at_block: 1,
    swap_blocks: 2,
    be_empty: 1,
    be_gone: 1,
    be_noise: 2,
    be_text: 1,
    be_sqlite: 1,
    be_anothers: 2,
    be_folder: 1,
    be_full_folder: 1,
    be_pipe: 1,
    be_broken_link: 1,
    change_position("DELETE FROM position"): 1,
    change_position("INSERT INTO position SELECT * FROM position"): 1,
    change_position("DROP TABLE position"): 1,
    change_position("DROP TABLE session"): 1,
    change_position("DROP TABLE compaction"): 1,
    change_position("UPDATE position SET event_seq = 10000000"): 1,
    change_position("UPDATE position SET generation = 'another'"): 1,
    log_of_noise: 2,
    log_of_another: 1,
    log_folder: 1,
}
FUZZ_FACTOR = 4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" not in metafunc.fixturenames:
        return
    factor = FUZZ_FACTOR if metafunc.config.getoption("--fuzz") else 1
    cases = [
        pytest.param(kind, seed, id=f"{getattr(kind, '__name__', 'position')}-{index}-{seed}")
        for index, (kind, count) in enumerate(KINDS.items())
        for seed in range(count * factor)
    ]
    metafunc.parametrize(("kind", "seed"), cases)


def test_any_damage_ends_with_the_right_numbers(
    damaged: tuple[Path, Database], kind: Damaging, seed: int, expected_sessions: list[tuple[int, ...]]
) -> None:
    folder, database = damaged
    kind(folder / "warehouse.duckdb", random.Random(seed))
    with opened(folder, database) as (warehouse, projector):
        append_one(database)
        assert settled_books(warehouse, projector) == storage_books(database)
        assert sessions_by_visitor(warehouse) == expected_sessions
        assert warehouse.verify()
    with opened(folder, database) as (warehouse, projector):  # and so it stays
        assert warehouse.damage is None
        assert projector.catch_up() == frozenset()
        assert warehouse_books(warehouse) == storage_books(database)


def settled_books(warehouse: Warehouse, projector: Projector) -> object:
    """What a reader sees at last, who asks again after each "being rebuilt"."""
    for _ in range(3):
        projector.catch_up()
        try:
            read_everything(warehouse)
            return warehouse_books(warehouse)
        except WarehouseRebuilding:
            continue
    raise AssertionError(f"still {warehouse.damage}")


def read_everything(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        for table in schema.metadata.sorted_tables:
            connection.execute(select(table)).all()


def sessions_by_visitor(warehouse: Warehouse) -> list[tuple[int, ...]]:
    columns = (schema.session.c.visitor, func.count(), func.sum(schema.session.c.hits))
    with warehouse.read() as connection:
        rows = connection.execute(select(*columns).group_by(columns[0]).order_by(columns[0])).all()
    return [tuple(map(int, row)) for row in rows]


def test_what_lay_in_the_way_is_kept(damaged: tuple[Path, Database]) -> None:
    folder, database = damaged
    be_full_folder(folder / "warehouse.duckdb", random.Random())
    with opened(folder, database):
        assert (folder / "warehouse.duckdb.moved-1" / "letter.txt").read_text() == "mine"


def test_a_place_that_cannot_be_cleared_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.mkdir()

    def refuse(self: Path) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "rmdir", refuse)
    with pytest.raises(OperatorError, match=r"warehouse\.duckdb cannot be replaced: Device or resource busy"):
        open_warehouse(path)


def test_damage_found_by_a_query_ends_reading_until_it_is_mended(damaged: tuple[Path, Database]) -> None:
    folder, database = damaged
    flip_many_but_the_catalog(folder / "warehouse.duckdb")
    with opened(folder, database) as (warehouse, projector):
        with pytest.raises(WarehouseRebuilding, match="being rebuilt: 0 %"):
            read_everything(warehouse)
        with pytest.raises(WarehouseRebuilding), warehouse.read() as connection:
            connection.execute(text("SELECT 1"))
        shown: list[int | None] = []
        projector.catch_up(lambda done, total: shown.append(warehouse.rebuild_percent()))
        assert shown[-1] == 99
        assert warehouse.rebuild_percent() is None
        assert warehouse_books(warehouse) == storage_books(database)


def flip_many_but_the_catalog(path: Path) -> None:
    """The largest blocks of rows, so that it opens."""
    healthy = path.read_bytes()
    blocks = range(HEADER_BYTES, len(healthy) - BLOCK_BYTES, BLOCK_BYTES)
    for offset in blocks:
        path.write_bytes(healthy)
        write_at(path, offset + 5_000, b"\xff" * 64)
        try:
            with duckdb.connect(str(path), config={"threads": 1}) as connection:
                connection.execute("SELECT * FROM position").fetchall()
                connection.execute("SELECT bit_xor(hash(page)) FROM event").fetchall()
        except duckdb.Error as problem:
            if "position" not in str(problem) and opens(path):
                return
    raise AssertionError("no block holds pages only")


def opens(path: Path) -> bool:
    try:
        with duckdb.connect(str(path), config={"threads": 1}) as connection:
            connection.execute("SELECT * FROM position").fetchall()
    except duckdb.Error:
        return False
    return True


def test_the_command_of_a_rebuild_mends_it_too(damaged: tuple[Path, Database]) -> None:
    """The old file is brought up to date meanwhile: what that finds is no reason to fail."""
    folder, database = damaged
    flip_many_but_the_catalog(folder / "warehouse.duckdb")
    with opened(folder, database) as (warehouse, projector):
        projector.rebuild()
        assert warehouse_books(warehouse) == storage_books(database)


def test_a_defect_that_only_looks_like_damage_costs_one_check(
    damaged: tuple[Path, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that hits an internal error of the engine must not have everything rebuilt, again and again."""
    folder, database = damaged
    with opened(folder, database) as (warehouse, projector):
        projector.catch_up()
        checks: list[bool] = []
        verify = warehouse.verify
        monkeypatch.setattr(warehouse, "verify", lambda: checks.append(verify()))
        for _ in range(3):
            with pytest.raises(duckdb.Error), warehouse.read():
                raise duckdb.InternalException("INTERNAL Error: Attempted to dereference unique_ptr that is NULL!")
            assert warehouse.is_suspect
            projector.catch_up()
            assert not warehouse.is_suspect
        assert checks == [True]
        assert warehouse.damage is None
        assert warehouse_books(warehouse) == storage_books(database)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 does not match"), Damage.CERTAIN),
        (
            duckdb.SerializationException("Serialization Error: Failed to deserialize: field id mismatch"),
            Damage.CERTAIN,
        ),
        (duckdb.FatalException("FATAL Error: invalidated. Original error: Corrupt database file"), Damage.CERTAIN),
        (duckdb.IOException('IO Error: Could not read from file "w": Input/output error'), Damage.POSSIBLE),
        (duckdb.InternalException("INTERNAL Error: Information loss on integer cast"), Damage.POSSIBLE),
        (duckdb.IOException('IO Error: Could not write file "w": No space left on device'), None),
        (duckdb.IOException('IO Error: Corrupt temporary file "t"'), None),
        (duckdb.ConversionException("Could not convert string 'Corrupt database file' to INT64"), None),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), None),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), None),
        (ValueError("Corrupt database file"), None),
    ],
)
def test_errors_that_show_damage_are_told_from_others(
    tmp_path: Path, error: Exception, expected: Damage | None
) -> None:
    assert DuckDBEngine(tmp_path / "warehouse.duckdb").damage(error) is expected


def test_the_damaged_file_makes_room_for_the_new_one(
    damaged: tuple[Path, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk has no space for both."""
    folder, database = damaged
    with opened(folder, database) as (warehouse, projector):
        projector.catch_up()
        warehouse.mark_damaged("bits have rotted")
        size_before = warehouse.engine.size_bytes()
        full = warehouse.engine.free_bytes()

        def free_bytes() -> int:
            return full if warehouse.engine.size_bytes() < size_before else 1

        monkeypatch.setattr(warehouse.engine, "free_bytes", free_bytes)
        projector.catch_up()
        assert warehouse_books(warehouse) == storage_books(database)


def test_a_warehouse_without_rows_is_not_shown_half_full(
    warehouse: FilledWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file was deleted, or a rebuild of a damaged one was killed."""
    monkeypatch.setattr(projector_module, "BACKFILL_THRESHOLD_EVENTS", 100)
    warehouse.append([an_event(at=moment("09:00") + timedelta(seconds=index)) for index in range(101)])
    warehouse.warehouse.close()
    warehouse.path.unlink()
    warehouse.open()
    with pytest.raises(WarehouseRebuilding):
        warehouse_books(warehouse.warehouse)
    warehouse.projector.catch_up()
    assert warehouse_books(warehouse.warehouse) == storage_books(warehouse.database)


def test_a_late_error_of_old_contents_says_nothing_of_the_new(
    damaged: tuple[Path, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_module, "SWAP_DRAIN_TIMEOUT_S", 0.1)
    folder, database = damaged
    with opened(folder, database) as (warehouse, projector):
        projector.catch_up()

        def fail_after_a_rebuild() -> None:
            with warehouse.read():
                projector.rebuild()
                raise duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 does not match")

        with pytest.raises(duckdb.Error):
            fail_after_a_rebuild()
        assert warehouse.damage is None
