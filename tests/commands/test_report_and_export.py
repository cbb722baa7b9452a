"""`report` and `export` without a running server: complete files or none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from proprium.clock import utc_now
from proprium.serialization import raw_events
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.tables import Property
from tests.commands.conftest import Proprium, Said, is_one_sentence
from tests.support.builders import a_property, an_event


def test_a_report_is_written_with_what_has_just_arrived(proprium: Proprium, database: Database, tmp_path: Path):
    made = a_property(database, "My site")
    EventStore(database).append([an_event(at=utc_now(), page="/pricing", property=made.number or 0)])
    file = tmp_path / "report.md"
    assert proprium("report", "--property", str(made.id), "--period", "7d", str(file)) == Said(0, "", "")
    assert "My site" in file.read_text()
    assert "/pricing" in file.read_text()


def test_a_report_needs_a_format_that_we_have(proprium: Proprium, database: Database, tmp_path: Path):
    made = a_property(database)
    said = proprium("report", "--property", str(made.id), str(tmp_path / "report.docx"))
    assert said.code == 2
    assert "docx" in said.err


@pytest.mark.parametrize(("option", "value"), [("--property", str(UUID(int=7))), ("--period", "fortnight")])
def test_a_failed_report_leaves_no_file(proprium, database: Database, tmp_path: Path, option, value):
    made = a_property(database)
    asked = {"--property": str(made.id), "--period": "7d", option: value}
    said = proprium("report", *(part for pair in asked.items() for part in pair), str(tmp_path / "report.md"))
    assert said.code == 1
    assert is_one_sentence(said.err)
    assert not (tmp_path / "report.md").exists()


@pytest.mark.parametrize("ending", ["csv", "zip", "json"])
def test_a_report_for_programs_is_written_too(proprium: Proprium, database: Database, tmp_path: Path, ending: str):
    made = a_property(database, "My site")
    EventStore(database).append([an_event(at=utc_now(), page="/pricing", property=made.number or 0)])
    file = tmp_path / f"report.{ending}"
    assert proprium("report", "--property", str(made.id), "--period", "7d", str(file)) == Said(0, "", "")
    if ending == "json":
        assert json.loads(file.read_bytes())["tables"]["Pages"]["rows"][0]["value"] == "/pricing"
    else:
        with zipfile.ZipFile(file) as archive:
            assert b"/pricing" in archive.read("pages.csv")


@pytest.fixture
def three_days(database: Database) -> Property:
    made = a_property(database, timezone="Europe/Berlin")
    moments = ("2026-11-01 12:00", "2026-11-02 12:00", "2026-11-03 12:00")
    EventStore(database).append([an_event(at=at, property=made.number or 0) for at in moments])
    return made


def test_raw_events_are_written_whole_and_by_days(proprium: Proprium, three_days: Property, tmp_path: Path):
    file = tmp_path / "events.jsonl"
    export = ("export", "--property", str(three_days.id))
    assert proprium(*export, str(file)) == Said(0, "", "")
    days = [json.loads(line)["created_at"][:10] for line in file.read_text().splitlines()]
    assert days == ["2026-11-01", "2026-11-02", "2026-11-03"]
    proprium(*export, "--from", "2026-11-02", "--to", "2026-11-02", "--format", "json", str(file))
    assert [json.loads(line)["created_at"][:10] for line in file.read_text().splitlines()] == ["2026-11-02"]
    proprium(*export, "--to", "2026-11-01", "--format", "json", str(file))
    assert file.read_text().count("\n") == 1
    assert [path.name for path in tmp_path.glob("events*")] == ["events.jsonl"]


def test_raw_events_can_be_piped(proprium: Proprium, three_days: Property):
    said = proprium("export", "--property", str(three_days.id), "--format", "csv", "-")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 4)


def test_an_export_that_fails_leaves_no_file_and_no_half_of_one(
    proprium: Proprium, three_days: Property, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "events.csv").write_text("the one before")

    def broken(*_: object) -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(raw_events, "stream", broken)
    said = proprium("export", "--property", str(three_days.id), str(tmp_path / "events.csv"))
    assert said.code == 1
    assert is_one_sentence(said.err)
    assert (tmp_path / "events.csv").read_text() == "the one before"
    assert [path.name for path in tmp_path.glob("events*")] == ["events.csv"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("events.docx",), 2),
        (("--format", "csv", "no/such/folder/events.csv"), 1),
        (("--from", "2026-02-30", "events.csv"), 2),
        (("--from", "2026-11-03", "--to", "2026-11-01", "events.csv"), 1),
    ],
)
def test_an_impossible_export_is_explained(proprium: Proprium, three_days: Property, args: tuple[str, ...], code: int):
    said = proprium("export", "--property", str(three_days.id), *args)
    assert (said.code, said.out) == (code, "")
    assert code == 2 or is_one_sentence(said.err)
