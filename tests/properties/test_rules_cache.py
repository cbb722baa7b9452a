"""The rules cache answers from memory and is never older than a second."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from collector.ports import PropertyRules
from proprium.properties.rules_cache import CHECK_INTERVAL_S, PropertyRulesCache
from proprium.properties.service import delete_property, update_settings
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.support.builders import a_property, an_event


class Seconds:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def directory(database: Database, clock: Seconds) -> Iterator[PropertyRulesCache]:
    directory = PropertyRulesCache(database, clock=clock)
    yield directory
    directory.close()


def test_it_gives_the_rules_of_a_property(database: Database, directory: PropertyRulesCache) -> None:
    property_ = a_property(database, timezone="Europe/Berlin", hostnames=["example.com"], is_cookieless=True)
    update_settings(database, property_.id, query_keys=["q"], excluded_addresses=["192.0.2.0/24"], discards_bots=True)
    assert directory.find(property_.id) == PropertyRules(
        id=property_.id,
        number=property_.number or 0,
        timezone="Europe/Berlin",
        hostnames=("example.com",),
        is_cookieless=True,
        discards_bots=True,
        keeps_click_text=True,
        query_keys=("q",),
        excluded_addresses=("192.0.2.0/24",),
    )


def test_a_new_property_is_known_at_once(database: Database, directory: PropertyRulesCache) -> None:
    assert directory.find(uuid4()) is None
    assert directory.find(a_property(database).id) is not None


def test_a_changed_rule_holds_within_a_second(
    database: Database, directory: PropertyRulesCache, clock: Seconds
) -> None:
    property_ = a_property(database)
    assert directory.find(property_.id) is not None
    update_settings(database, property_.id, hostnames=["shop.example.com"])
    clock.now += CHECK_INTERVAL_S
    rules = directory.find(property_.id)
    assert rules is not None
    assert rules.hostnames == ("shop.example.com",)


def test_a_deleted_property_is_unknown_within_a_second(
    database: Database, directory: PropertyRulesCache, clock: Seconds
) -> None:
    property_ = a_property(database)
    assert directory.find(property_.id) is not None
    delete_property(database, property_.id)
    clock.now += CHECK_INTERVAL_S
    assert directory.find(property_.id) is None
    assert directory.property_numbers() == frozenset()


def test_a_change_by_another_process_holds_within_a_second(
    database: Database, directory: PropertyRulesCache, clock: Seconds
) -> None:
    known = a_property(database)
    assert directory.find(known.id) is not None
    subprocess.run([sys.executable, "-c", CHANGE, str(database.path)], check=True)
    clock.now += CHECK_INTERVAL_S
    rules = directory.find(known.id)
    assert rules is not None
    assert rules.is_cookieless


def test_known_properties_need_no_query(
    database: Database, directory: PropertyRulesCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    property_ = a_property(database)
    assert directory.find(property_.id) is not None
    EventStore(database).append([an_event()])
    monkeypatch.setattr(directory, "_commit_watcher", None)  # any further check fails
    assert directory.find(property_.id) is not None


def test_unknown_properties_do_not_reload_a_long_table_repeatedly(
    database: Database, clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    read = PropertyRulesCache._reload

    def slowly(directory: PropertyRulesCache) -> None:
        nonlocal readings
        readings += 1
        read(directory)
        directory._unknown_check_interval_s = 1.0  # as after a reading of 50 ms

    monkeypatch.setattr(PropertyRulesCache, "_reload", slowly)
    directory, store = PropertyRulesCache(database, clock=clock), EventStore(database)
    for _ in range(20):
        store.append([an_event()])
        directory.find(uuid4())
    assert readings == 1
    directory.close()


def test_threads_share_it(database: Database, directory: PropertyRulesCache) -> None:
    property_ = [a_property(database, f"Example {n}") for n in range(3)]
    rules: list[PropertyRules | None] = []
    threads = [threading.Thread(target=lambda p=p: rules.append(directory.find(p.id))) for p in property_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert directory.find(property_[2].id) is not None
    assert len(rules) == 3


def test_it_knows_which_properties_count_automated_browsers(
    database: Database, directory: PropertyRulesCache, clock: Seconds
) -> None:
    first, second = a_property(database), a_property(database)
    update_settings(database, second.id, counts_automated=True)
    clock.now += CHECK_INTERVAL_S
    assert directory.counts_automated_by_property() == {first.number: None, second.number: True}


CHANGE = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE property SET is_cookieless = 1")
connection.commit()
"""
