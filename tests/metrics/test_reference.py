"""Warehouse and queries against the reference on random histories: every card, line and tile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import delete

from proprium.metrics.aggregate import WHOLE_PERIOD
from proprium.metrics.breakdown_query import breakdown_table
from proprium.metrics.dashboard import dashboard
from proprium.metrics.live import live_visitors
from proprium.metrics.results import Dimension, LiveVisitors
from proprium.metrics.top_lists import top_lists
from proprium.metrics.totals import query_totals
from proprium.properties.service import create_property, find_any, update_settings
from proprium.storage.database import Database
from proprium.storage.tables import Property
from proprium.warehouse import schema
from tests.metrics import reference
from tests.metrics.agreement import differences, of_table, of_tiles, query_of
from tests.metrics.histories import Story, stories
from tests.metrics.reference.hits import Rules
from tests.metrics.reference.numbers import live as reference_live
from tests.metrics.reference.query_spec import History
from tests.support.warehouse_fixture import FilledWarehouse

QUICK, MANY = 6, 255  # histories of each kind
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # explaining traces every line: far slower
UNHURRIED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)


@pytest.fixture(scope="session")
def ground(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledWarehouse]:
    """One storage and one warehouse for all stories: each is a property of its own beside all others."""
    folder = tmp_path_factory.mktemp("ground")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    filled = FilledWarehouse(database, folder)
    yield filled
    filled.close()
    database.close()


def tell(ground: FilledWarehouse, story: Story) -> Property:
    """Plays the story's events into a new property, in their order and batches."""
    property_ = create_property(ground.database, "Story", None)
    _forget_all_but(ground, (property_.number or 0) - 1)
    if not story.rules_come_last and story.rules != Rules():
        _set_rules(ground, property_.id, story)
    events = [replace(event, property=property_.number or 0) for event in story.events]
    for start in range(0, len(events), story.batch):
        ground.append(events[start : start + story.batch])
    if story.rules_come_last and story.rules != Rules():
        _set_rules(ground, property_.id, story)
        ground.projector.catch_up()
    return find_any(ground.database, property_.id)


def _forget_all_but(ground: FilledWarehouse, number: int) -> None:
    """One other story stays, so that what is of two properties cannot be mixed up; all of them would be slow."""
    with ground.warehouse.write() as connection:
        for table in (schema.event, schema.session):
            connection.execute(delete(table).where(table.c.property != number))


def _set_rules(ground: FilledWarehouse, property_id: UUID, story: Story) -> None:
    lists = {name: list(value) for name, value in asdict(story.rules).items() if isinstance(value, tuple)}
    update_settings(ground.database, property_id, **(asdict(story.rules) | lists))


def check_cards(ground: FilledWarehouse, story: Story) -> None:
    property_, history = tell(ground, story), History(story.events, story.rules)
    for spec in story.specs:
        board = dashboard(ground.warehouse, query_of(property_, spec), dimensions=())
        assert differences(board, history, spec) == []
    latest = max(event.created_at for event in story.events) + timedelta(minutes=1)
    expected = LiveVisitors(reference_live(history, latest, 5), reference_live(history, latest, 30))
    assert live_visitors(ground.warehouse, property_.number or 0, latest) == expected


def check_tables(ground: FilledWarehouse, story: Story) -> None:
    """All numbers of one dimension, and the tiles of a third of them."""
    property_, history = tell(ground, story), History(story.events, story.rules)
    for spec in story.specs:
        query = query_of(property_, spec)
        assert of_table(breakdown_table(ground.warehouse, query, story.dimension, limit=1000), history, spec) == []
        with ground.warehouse.read() as connection:
            totals = query_totals(connection, query)[WHOLE_PERIOD]
            tiles = top_lists(connection, query, totals, tuple(Dimension)[story.tiles :: 3])
        assert of_tiles(tiles, history, spec) == []


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in order", "in any order"])
@pytest.mark.parametrize("check", [check_cards, check_tables], ids=["cards and lines", "tables and tiles"])
def test_the_warehouse_says_what_the_definitions_say(
    ground: FilledWarehouse, fuzz: bool, check: Callable[[FilledWarehouse, Story], None], is_shuffled: bool
) -> None:
    size = MANY if fuzz else QUICK

    # The quick size is the same every time: what is new is for the big one to find.
    @settings(max_examples=size, derandomize=not fuzz, deadline=None, phases=PHASES, suppress_health_check=UNHURRIED)
    @given(stories(asks=1, is_shuffled=is_shuffled))
    def holds(story: Story) -> None:
        check(ground, story)

    holds()


def test_the_reference_shares_no_code_with_what_it_checks() -> None:
    """It may take an event as it is sent, filters and goals as they are asked."""
    allowed = {"from collector.event import Event, Identity", "from collector.event import Event"}
    allowed |= {"from collector.event import Identity", "from proprium.metrics.query.filters import Filter"}
    allowed |= {
        "from proprium.metrics.query.filters import Filter, Operator",
        "from proprium.metrics.query.query import Goal",
    }
    for path in Path(reference.__path__[0]).glob("*.py"):
        lines = {line for line in path.read_text().splitlines() if line.startswith(("from collector", "from proprium"))}
        assert lines <= allowed, path.name
