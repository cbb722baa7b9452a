"""Facts of the instance are kept by name."""

from __future__ import annotations

from proprium.storage import settings
from proprium.storage.database import Database


def test_a_value_reads_back_until_it_is_removed(database: Database) -> None:
    settings.put(database, "greeting", {"text": "hello", "times": 2})
    settings.put(database, "greeting", {"text": "hello", "times": 3})
    assert settings.get(Database(database.url), "greeting") == {"text": "hello", "times": 3}
    settings.remove(database, "greeting")
    settings.remove(database, "greeting")
    assert settings.get(database, "greeting", "none") == "none"


def test_a_history_is_named_once(database: Database) -> None:
    first = settings.generation(database)
    assert len(first) == 32
    assert settings.generation(Database(database.url)) == first
