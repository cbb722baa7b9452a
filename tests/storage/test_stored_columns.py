"""A stored column is described once: a new one reads back, reaches the warehouse, the SQL console and exports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from collector.event import Event
from proprium.storage.event_codec import COLUMNS
from proprium.storage.stored_columns import COLUMN_BY_KEY, STORED_COLUMNS
from proprium.storage.tables import EventRow

ROOT = Path(__file__).resolve().parents[2]

LINES_OF_A_NEW_COLUMN = {
    "proprium/storage/tables.py": (
        "    city: str | None = None\n    rest:",
        "    city: str | None = None\n    colour: str | None = None\n    rest:",
    ),
    "proprium/storage/stored_columns.py": (
        '    StoredColumn("rest", String),\n',
        """\
    StoredColumn("colour", String, key="colour", sent_bit=19, is_shared=True, scope=_SESSION, meaning="A toy"),
    StoredColumn("rest", String),
""",
    ),
    "collector/event.py": (
        "    city: str | None = None\n",
        "    city: str | None = None\n    colour: str | None = None\n",
    ),
    "collector/known_fields.py": (
        '    "title": bounded_text(1_000),\n',
        '    "title": bounded_text(1_000),\n    "colour": bounded_text(20),\n',
    ),
}
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "toy", "{head}"


def upgrade() -> None:
    op.add_column("event", sa.Column("colour", sa.String(), nullable=True))
"""
PROGRAM = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
import proprium
from sqlalchemy import select
from collector.event import Event, Identity
from collector.known_fields import put_fields
from proprium.properties.service import create_property
from proprium.serialization.parquet import SCHEMA
from proprium.serialization.raw_events import CSV_COLUMNS
from proprium.sql_console.views import EVENTS, SESSIONS
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore, read_events
from proprium.storage.migrate import migrate
from proprium.warehouse import schema
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.warehouse import open_warehouse

folder = Path(sys.argv[1])
assert Path(proprium.__file__).is_relative_to(folder)
database = Database(f"sqlite:///{folder / 'data.sqlite3'}")
migrate(database)
number = create_property(database, "Example", None).number
data = {"colour": "red", "url": "/"}
event = Event(uuid4(), number, "page_view", datetime(2026, 1, 1, tzinfo=UTC), data, Identity.COOKIE, 7)
put_fields(event, {"colour": "red"})
store, feed = EventStore(database), ChangeFeed(database)
store.append([event])
warehouse = open_warehouse(folder / "warehouse.duckdb", memory="64MB", threads=1)
Projector(feed, warehouse, stored_rules(database, counts_automated=False)).catch_up()
with warehouse.read() as connection:
    rows = [connection.scalar(select(table.c.colour)) for table in (schema.event, schema.session)]
[stored] = read_events(database)
print(json.dumps({
    "batch": list(feed.batch_after(0, 9)["colour"]),
    "data": stored.data,
    "warehouse": rows,
    "console": [next(c.type for c in view.columns if c.name == "colour") for view in (EVENTS, SESSIONS)],
    "parquet": str(SCHEMA.field("colour").type),
    "csv": "colour" in CSV_COLUMNS,
}))
warehouse.close()
"""


def test_every_column_of_the_table_is_described_once() -> None:
    table: Any = EventRow.__table__  # type: ignore[attr-defined]
    names = [column.name for column in STORED_COLUMNS]
    assert len(names) == len(set(names))
    assert set(names) == set(table.columns.keys()) == {*COLUMNS, "seq"}


def test_each_key_has_a_bit_of_its_own_and_a_field_of_the_event() -> None:
    columns = list(COLUMN_BY_KEY.values())
    assert [column.sent_bit for column in columns] == list(range(len(columns)))
    assert {column.name for column in columns} <= {field.name for field in fields(Event)}
    assert all(column.sent_bit is None for column in STORED_COLUMNS if column.key is None)


def test_a_new_column_costs_its_table_its_description_and_its_value(tmp_path: Path) -> None:
    for package in ("proprium", "collector", "maps"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "node_modules", "*.json.gz"),
        )
    for name, (before, after) in LINES_OF_A_NEW_COLUMN.items():
        text = (tmp_path / name).read_text()
        assert before in text, name
        (tmp_path / name).write_text(text.replace(before, after, 1))
    versions = tmp_path / "proprium/storage/migrations/versions"
    head = max(path.name for path in versions.glob("0*.py")).partition("_")[0]
    (versions / "toy.py").write_text(MIGRATION.format(head=head))
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "batch": ["red"],
        "data": {"colour": "red", "url": "/"},
        "warehouse": ["red", "red"],
        "console": ["VARCHAR", "VARCHAR"],
        "parquet": "string",
        "csv": True,
    }
