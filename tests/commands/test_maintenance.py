"""`geoip`, `prune` and `warehouse`: maintenance."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from proprium.clock import utc_now
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from tests.commands.conftest import Output, Proprium, is_one_sentence
from tests.support.builders import a_property, an_event
from tests.support.warehouse_fixture import FilledWarehouse


def test_the_operators_own_geoip_database_is_not_overwritten(proprium: Proprium, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PROPRIUM_GEOIP_PATH", str(tmp_path / "own.mmdb"))
    output = proprium("geoip", "refresh", "--force")
    assert (output.code, output.out) == (1, "")
    assert "PROPRIUM_GEOIP_PATH" in output.err


def test_a_fresh_geoip_database_is_left_alone_and_printed(proprium: Proprium, tmp_path: Path):
    (tmp_path / "db.mmdb").write_bytes(b"fetched today")
    assert proprium("geoip", "refresh") == Output(0, f"{tmp_path / 'db.mmdb'}\n", "")
    assert (tmp_path / "db.mmdb").read_bytes() == b"fetched today"


def test_a_download_that_fails_is_a_warning_where_a_file_is_there(
    proprium: Proprium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Cron and service files call it before the server: an outage of the download must not keep that from starting."""
    monkeypatch.setattr(httpx, "stream", unreachable)
    nothing_there = proprium("geoip", "refresh")
    assert (nothing_there.code, nothing_there.out) == (1, "")
    assert "There is no previous file." in nothing_there.err
    file = tmp_path / "db.mmdb"
    file.write_bytes(b"fetched long ago")
    os.utime(file, (0, 0))
    for arguments in ((), ("--force",)):
        output = proprium("geoip", "refresh", *arguments)
        assert (output.code, output.out) == (0, f"{file}\n")
        assert output.err.startswith("Warning: DB-IP City Lite could not be downloaded")
        assert is_one_sentence(output.err.replace(". The", "; the"))
    assert file.read_bytes() == b"fetched long ago"


def unreachable(*_: object, **__: object) -> None:
    raise httpx.ConnectError("no route to host")


@pytest.fixture
def old_and_new(database: Database) -> None:
    number = a_property(database).number or 0
    ages = (timedelta(days=800), timedelta(days=731), timedelta(days=20))
    EventStore(database).append([an_event(at=utc_now() - age, property=number) for age in ages])


@pytest.mark.usefixtures("old_and_new")
def test_a_dry_run_counts_and_deletes_nothing(proprium: Proprium, database: Database):
    assert proprium("prune", "--dry-run").out == "2\n"
    assert count_events(database) == 3


@pytest.mark.usefixtures("old_and_new")
def test_prune_deletes_what_is_older_and_says_how_much(proprium: Proprium, database: Database):
    assert proprium("prune").out == "2\n"
    assert proprium("prune", "--days", "10").out == "1\n"
    assert count_events(database) == 0


def test_zero_days_are_rejected(proprium: Proprium):
    assert proprium("prune", "--days", "0").code == 2


def test_the_warehouse_is_rebuilt_and_its_status_printed(proprium: Proprium, database: Database):
    number = a_property(database).number or 0
    EventStore(database).append([an_event(property=number), an_event(at="09:01", property=number)])
    assert proprium("warehouse", "status").out.splitlines()[:2] == ["storage\t2 events", "warehouse\t0 events"]
    assert proprium("warehouse", "rebuild") == Output(0, "", "")
    assert proprium("warehouse", "status").out.splitlines() == [
        "storage\t2 events",
        "warehouse\t2 events",
        "lag\t0.0 s",
    ]


def test_an_outdated_warehouse_is_an_error_with_the_way_out(proprium: Proprium, database: Database, tmp_path: Path):
    filled = FilledWarehouse(database, tmp_path)
    filled.append([an_event()])
    filled.outdate()
    filled.close()
    output = proprium("warehouse", "status")
    assert (output.code, "another version" in output.err, is_one_sentence(output.err)) == (1, True, True)
    assert proprium("warehouse", "rebuild").code == 0
    assert "warehouse\t1 events" in proprium("warehouse", "status").out
