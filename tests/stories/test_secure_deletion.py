"""Deleted data is in no file of the data folder a minute later, in no form, nor after a restart."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collector.errors import DropReason
from collector.event import Event, HitOutcome
from collector.visitor import visitor_of
from proprium.properties import service
from proprium.storage.backups import create_backup, list_backups
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.rejected_events import RejectedEventBuffer
from proprium.storage.retention import prune
from proprium.storage.tables import ChangeKind, EventRow, Property, StorageChange
from tests.support.builders import an_event, moment
from tests.support.servers import Running, running

PEOPLE = 24
WITHIN_S = 60


@dataclass
class Victim:
    """A property whose visitors all have names that occur nowhere else: as text, and as what they were hashed to."""

    property: Property
    day: str
    names: list[str]
    agent: str = field(default_factory=lambda: f"Mozilla/5.0 {secrets.token_urlsafe(24)}")
    refused: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(24)}")

    @property
    def number(self) -> int:
        return self.property.number or 0

    def events(self) -> list[Event]:
        """Every third is one that the property leaves out."""
        return [
            an_event(
                name,
                moment(f"{self.day} 09:{place % 60:02}"),
                "/hidden" if place % 3 == 0 else f"/{name}",
                property=self.number,
                user_agent=self.agent,
                title=f"of {name}",
                data={"note": f"about {name}"},
            )
            for place, name in enumerate(self.names)
        ]

    def texts(self) -> list[bytes]:
        return [text.encode() for text in (*self.names, self.agent, self.refused)]

    def visitors(self) -> list[bytes]:
        """As DuckDB and as SQLite write them, and as JSON does."""
        numbers = [visitor_of(name) for name in self.names]
        forms: tuple[Callable[[int], bytes], ...] = (
            lambda number: number.to_bytes(8, "little", signed=True),
            lambda number: number.to_bytes(8, "big", signed=True),
            lambda number: str(number).encode(),
        )
        return [form(number) for number in numbers for form in forms]


def traces(folder: Path, victims: list[Victim]) -> dict[str, int]:
    """How many marks of these stand in each file of the folder that holds any."""
    marks = [mark for victim in victims for mark in (*victim.texts(), *victim.visitors())]
    counts: dict[str, int] = {}
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if count := sum(mark in content for mark in marks):
            counts[str(path.relative_to(folder))] = count
    return counts


def gone_within(folder: Path, victims: list[Victim], seconds: float) -> dict[str, int]:
    deadline = time.monotonic() + seconds
    while (counts := traces(folder, victims)) and time.monotonic() < deadline:
        time.sleep(0.3)
    return counts


@pytest.fixture
def stored(database: Database) -> Database:
    """The storage of a data folder in which the server's temporary files stand as well."""
    (database.path.parent / "tmp").mkdir()
    return database


def a_victim(database: Database, name: str, day: str = "2026-11-02", people: int = PEOPLE) -> Victim:
    """With events, events that are left out, a refused one, and a User-Agent of its own."""
    property_ = service.create_property(database, name, None)
    service.update_settings(database, property_.id, excluded_paths=["/hidden"])
    victim = Victim(property_, day, [secrets.token_urlsafe(24) for _ in range(people)])
    store, refusals = EventStore(database), RejectedEventBuffer(database)
    store.append(victim.events())
    reason = DropReason.HOSTNAME
    refusals.add(
        property_.id,
        HitOutcome(
            moment(day), "page_view", victim.refused, False, False, reason, True, "DE", "Chrome", False, "x.example"
        ),
    )
    refusals.flush()
    store.close()
    return victim


def erase_visitors(database: Database, victim: Victim) -> None:
    event: Any = EventRow.__table__  # type: ignore[attr-defined]
    for name in victim.names:
        with database.write_transaction() as session:
            session.execute(event.delete().where(event.c.visitor == visitor_of(name)))
            session.add(
                StorageChange(
                    kind=ChangeKind.VISITOR_ERASED, property=victim.number, detail={"visitor": visitor_of(name)}
                )
            )


def test_while_a_server_runs_and_after_its_restart(stored: Database) -> None:
    folder = stored.path.parent
    stays = a_victim(stored, "Stays")
    victims = [a_victim(stored, "Deleted"), a_victim(stored, "Reset"), a_victim(stored, "Erased", people=8)]
    victims.append(a_victim(stored, "Pruned", "2024-05-01"))
    deleted, reset, erased, _ = victims
    erased.refused = secrets.token_urlsafe(24)  # nobody is named by what was refused, so that it stays
    create_backup(stored, folder, "before-test")
    env = {"TMPDIR": str(folder / "tmp")}
    Running(folder, env=env).proprium("warehouse", "rebuild")  # else all of it stands in the warehouse's log alone
    with running(folder, env=env) as server:
        wait_until_counted(server)
        before = traces(folder, victims)
        assert {"proprium.sqlite3", "warehouse.duckdb"} <= before.keys(), before
        assert any(name.endswith(".bak") for name in before), before

        server.proprium("property", "delete", str(deleted.property.id), "--yes")
        service.reset_property(stored, reset.property.id)
        erase_visitors(stored, erased)
        prune(stored, moment("2025-01-01"))

        assert gone_within(folder, victims, WITHIN_S) == {}
        assert count_events(stored, stays.number) == PEOPLE
        assert wait_until_counted(server) == (2 * PEOPLE // 3, PEOPLE // 3)
    with running(folder, env=env) as server:
        assert wait_until_counted(server) == (2 * PEOPLE // 3, PEOPLE // 3)
        assert traces(folder, victims) == {}
    assert traces(folder, victims) == {}
    assert all(name in traces(folder, [stays]) for name in ("proprium.sqlite3", "warehouse.duckdb"))
    [copy] = list_backups(stored.path, folder)
    assert traces(folder, [stays])[copy.name] >= PEOPLE


def wait_until_counted(server: Running) -> tuple[int, int]:
    """Until the warehouse has all of storage; how many events it holds, and how many it leaves out."""
    status = server.wait_until_projected()
    return status.warehouse_events, status.left_out_events


@pytest.mark.parametrize("command", ["delete", "prune"])
def test_a_command_erases_deleted_events_when_no_server_runs(stored: Database, command: str) -> None:
    folder = stored.path.parent
    victim = a_victim(stored, "Gone", "2024-05-01")
    create_backup(stored, folder, "before-test")
    commands = Running(folder, env={"TMPDIR": str(folder / "tmp")})
    commands.proprium("warehouse", "rebuild")
    assert "warehouse.duckdb" in traces(folder, [victim])
    if command == "delete":
        commands.proprium("property", "delete", str(victim.property.id), "--yes")
    else:
        assert commands.proprium("prune", "--days", "365") == str(PEOPLE)
    assert traces(folder, [victim]) == {}
