"""Settings of the instance are stored by name."""

from __future__ import annotations

from proprium.storage import instance_settings
from proprium.storage.database import Database


def test_a_value_reads_back_until_it_is_removed(database: Database) -> None:
    instance_settings.put(database, "greeting", {"text": "hello", "times": 2})
    instance_settings.put(database, "greeting", {"text": "hello", "times": 3})
    assert instance_settings.get(Database(database.url), "greeting") == {"text": "hello", "times": 3}
    instance_settings.remove(database, "greeting")
    instance_settings.remove(database, "greeting")
    assert instance_settings.get(database, "greeting", "none") == "none"


def test_a_history_is_named_once(database: Database) -> None:
    first = instance_settings.generation(database)
    assert len(first) == 32
    assert instance_settings.generation(Database(database.url)) == first
