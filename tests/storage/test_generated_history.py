"""The benchmarks' generated history bypasses EventStore and equals what it would have written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from collector.event import Event
from proprium.storage import event_codec
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.migrate import migrate
from proprium.storage.tables import EventRow, UserAgentRow
from tests.bench import filled
from tests.bench.history import SITES, World

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]
SAME_NAME = {field.name for field in fields(Event)} & set(event_codec.COLUMNS) - {"id", "created_at", "user_agent"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The tables of a small history."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('generated') / 'proprium.sqlite3'}")
    filled.write(database, 2_000)
    contents = tables(database)
    database.close()
    return contents


def test_the_generated_rows_are_what_the_event_store_would_write(generated: list[Any], tmp_path: Path):
    events, agents = generated
    texts = {agent.id: agent.text for agent in agents}
    database = Database(f"sqlite:///{tmp_path / 'proprium.sqlite3'}")
    migrate(database)
    store = EventStore(database)
    assert all(store.append([event_of(row, texts) for row in events]))
    again, agents_again = tables(database)
    numbers = {agent.text: agent.id for agent in agents_again}
    assert {agent[1:] for agent in agents_again} <= {agent[1:] for agent in agents}
    assert again == [
        tuple(dict(row._mapping, user_agent=numbers.get(texts.get(row.user_agent, ""))).values()) for row in events
    ]
    store.close()
    database.close()


def test_the_same_history_comes_out_each_time(generated: list[Any], tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'proprium.sqlite3'}")
    filled.write(database, 2_000)
    assert tables(database) == generated
    database.close()


def test_a_history_has_what_makes_a_warehouse_work(generated: list[Any]):
    events, agents = generated
    bots = {agent.id for agent in agents if agent.is_bot}
    largest = sum(row.property == 1 for row in events) / len(events)
    assert 0.7 < largest < 0.9
    assert 0.01 < sum(row.user_agent in bots for row in events) / len(events) < 0.06
    assert {row.identity for row in events} == {0, 1, 2}
    assert any(row.utm_campaign for row in events)
    assert any(row.referrer for row in events)


class Highest(Random):
    """Throws the highest number that there is, once in ten million events or so."""

    def random(self) -> float:
        return 1 - 2**-53


def test_the_rarest_visit_of_ten_million_has_a_site_too():
    rows: list[Any] = []
    world = World(Highest(1), list(range(1, len(SITES) + 1)), lambda _: 1, 100)
    world.visit(1_700_000_000_000_000, rows)
    assert {row[event_codec.COLUMNS.index("property")] for row in rows} == {len(SITES)}


def tables(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return [connection.execute(select(table)).all() for table in (_event, _agent)]


def event_of(row: Any, texts: dict[int, str]) -> Event:
    values = dict(row._mapping, automated=bool(row.automated))
    known = [
        values[name] if name != "user_agent" else texts.get(row.user_agent, "")
        for name in event_codec.KNOWN_KEYS.values()
    ]
    same = {name: values[name] for name in SAME_NAME if name != "automated"}
    return Event(
        id=UUID(bytes=row.id),
        created_at=event_codec.from_timestamp_us(row.created_at),
        data=event_codec.data_of(known, row.sent, row.rest),
        user_agent=texts.get(row.user_agent, ""),
        automated=values["automated"],
        **same,
    )
