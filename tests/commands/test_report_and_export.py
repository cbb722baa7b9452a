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
from tests.commands.conftest import Output, Proprium, is_one_sentence
from tests.support.builders import a_property, an_event


def test_a_report_is_written_with_what_has_just_arrived(proprium: Proprium, database: Database, tmp_path: Path):
    property_ = a_property(database, "My site")
    EventStore(database).append([an_event(at=utc_now(), page="/pricing", property=property_.number or 0)])
    file = tmp_path / "report.md"
    assert proprium("report", "--property", str(property_.id), "--period", "7d", str(file)) == Output(0, "", "")
    assert "My site" in file.read_text()
    assert "/pricing" in file.read_text()


def test_a_report_needs_a_format_that_we_have(proprium: Proprium, database: Database, tmp_path: Path):
    property_ = a_property(database)
    output = proprium("report", "--property", str(property_.id), str(tmp_path / "report.docx"))
    assert output.code == 2
    assert "docx" in output.err


@pytest.mark.parametrize(("option", "value"), [("--property", str(UUID(int=7))), ("--period", "fortnight")])
def test_a_failed_report_leaves_no_file(proprium, database: Database, tmp_path: Path, option, value):
    property_ = a_property(database)
    options = {"--property": str(property_.id), "--period": "7d", option: value}
    output = proprium("report", *(part for pair in options.items() for part in pair), str(tmp_path / "report.md"))
    assert output.code == 1
    assert is_one_sentence(output.err)
    assert not (tmp_path / "report.md").exists()


@pytest.mark.parametrize("ending", ["csv", "zip", "json"])
def test_a_report_for_programs_is_written_too(proprium: Proprium, database: Database, tmp_path: Path, ending: str):
    property_ = a_property(database, "My site")
    EventStore(database).append([an_event(at=utc_now(), page="/pricing", property=property_.number or 0)])
    file = tmp_path / f"report.{ending}"
    assert proprium("report", "--property", str(property_.id), "--period", "7d", str(file)) == Output(0, "", "")
    if ending == "json":
        assert json.loads(file.read_bytes())["tables"]["Pages"]["rows"][0]["value"] == "/pricing"
    else:
        with zipfile.ZipFile(file) as archive:
            assert b"/pricing" in archive.read("pages.csv")


@pytest.fixture
def three_days(database: Database) -> Property:
    property_ = a_property(database, timezone="Europe/Berlin")
    moments = ("2026-11-01 12:00", "2026-11-02 12:00", "2026-11-03 12:00")
    EventStore(database).append([an_event(at=at, property=property_.number or 0) for at in moments])
    return property_


def test_raw_events_are_written_whole_and_by_days(proprium: Proprium, three_days: Property, tmp_path: Path):
    file = tmp_path / "events.jsonl"
    export = ("export", "--property", str(three_days.id))
    assert proprium(*export, str(file)) == Output(0, "", "")
    days = [json.loads(line)["created_at"][:10] for line in file.read_text().splitlines()]
    assert days == ["2026-11-01", "2026-11-02", "2026-11-03"]
    proprium(*export, "--from", "2026-11-02", "--to", "2026-11-02", "--format", "json", str(file))
    assert [json.loads(line)["created_at"][:10] for line in file.read_text().splitlines()] == ["2026-11-02"]
    proprium(*export, "--to", "2026-11-01", "--format", "json", str(file))
    assert file.read_text().count("\n") == 1
    assert [path.name for path in tmp_path.glob("events*")] == ["events.jsonl"]


@pytest.mark.parametrize(("base_url", "is_bot"), [("http://localhost:8000", False), ("https://stats.example", True)])
def test_automated_browsers_are_bots_in_an_export_unless_the_server_is_a_loopback_address(
    proprium: Proprium, database: Database, monkeypatch: pytest.MonkeyPatch, base_url: str, is_bot: bool
):
    monkeypatch.setenv("PROPRIUM_BASE_URL", base_url)
    property_ = a_property(database)
    EventStore(database).append([an_event(property=property_.number or 0, automated=True)])
    output = proprium("export", "--property", str(property_.id), "--format", "json", "-")
    line = json.loads(output.out)
    assert (line["is_bot"], line["is_automated"]) == (is_bot, True)


def test_raw_events_can_be_piped(proprium: Proprium, three_days: Property):
    output = proprium("export", "--property", str(three_days.id), "--format", "csv", "-")
    assert (output.code, output.err, output.out.count("\n")) == (0, "", 4)


def test_an_export_that_fails_leaves_no_file_and_no_half_of_one(
    proprium: Proprium, three_days: Property, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "events.csv").write_text("the one before")

    def broken(*_: object) -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(raw_events, "stream", broken)
    output = proprium("export", "--property", str(three_days.id), str(tmp_path / "events.csv"))
    assert output.code == 1
    assert is_one_sentence(output.err)
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
    output = proprium("export", "--property", str(three_days.id), *args)
    assert (output.code, output.out) == (code, "")
    assert code == 2 or is_one_sentence(output.err)
