"""The command line: results on stdout, one sentence on stderr, and an exit code that a script can trust."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from proprium import app, cli, collect_app
from proprium.accounts import keys
from proprium.accounts.users import check_password
from proprium.clock import utc_now
from proprium.config import Settings
from proprium.exports import events
from proprium.properties.service import visible_to
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.tables import Property, Role
from tests.make import PASSWORD, a_property, a_user, an_event


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Proprium = Callable[..., Said]


@pytest.fixture
def proprium(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Proprium:
    """Runs a command on `database`, as at a terminal without a person."""
    monkeypatch.setenv("PROPRIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PROPRIUM_DATABASE_URL", database.url)

    def run(*args: str, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["proprium", *args])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capfd.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


def is_one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith(".\n") and "Traceback" not in text


def only_property(database: Database) -> Property:
    with database.session() as session:
        (found,) = session.exec(select(Property)).all()
    return found


# Every command


def test_help_names_every_command(proprium: Proprium):
    said = proprium("--help")
    assert said.code == 0
    for command in (
        "serve",
        "collect",
        "demo",
        "user",
        "property",
        "key",
        "geoip",
        "warehouse",
        "report",
        "export",
        "prune",
    ):
        assert f"\n  {command} " in said.out
        assert proprium(command, "--help").code == 0


def test_a_command_that_does_not_exist_is_a_misuse(proprium: Proprium):
    said = proprium("fly")
    assert (said.code, said.out) == (2, "")
    assert "No such command 'fly'" in said.err


def test_a_setting_that_does_not_exist_is_named(proprium: Proprium, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROPRIUM_PROT", "80")
    said = proprium("user", "list")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("PROPRIUM_PROT is not a setting.")


def test_an_unknown_name_in_the_file_of_settings_is_named_too(
    proprium: Proprium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PROPRIUM_LOG_LEVEL=ERROR\nPROPRIUM_PROT=80\nOF_ANOTHER_PROGRAM=1\n")
    said = proprium("user", "list")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("PROPRIUM_PROT is not a setting.")


def test_a_setting_of_no_use_is_told_with_its_value(proprium: Proprium, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROPRIUM_PORT", "http")
    said = proprium("serve")
    assert said.code == 1
    assert "PROPRIUM_PORT is 'http'" in said.err


def test_a_small_command_loads_no_screens_no_charts_and_no_warehouse(tmp_path: Path):
    loaded = (
        "import sys; sys.argv = ['proprium', 'user', 'list']\n"
        "from proprium.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'nicegui', 'fastapi', 'duckdb', 'pyarrow', 'plotly', 'uvicorn'} & set(sys.modules)))"
    )
    env = {"PROPRIUM_DATA_DIR": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, env=env, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_it_runs_as_a_module_too(tmp_path: Path):
    command = [sys.executable, "-m", "proprium", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "0.1.0" in done.stdout


# serve, collect, demo


@pytest.mark.parametrize(
    ("args", "started"),
    [
        (("serve", "--port", "9190"), ("serve", 9190, False)),
        (("collect", "--port", "9191"), ("collect", 9191, False)),
        (("demo",), ("serve", 8000, True)),
    ],
)
def test_the_servers_start_with_the_settings_and_what_was_given(proprium, monkeypatch, args, started):
    told = []

    def serve(settings: Settings, *, demo: bool = False) -> None:
        told.append(("serve", settings.port, demo))

    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(collect_app, "collect", lambda settings: told.append(("collect", settings.port, False)))
    assert proprium(*args).code == 0
    assert told == [started]


def test_a_port_that_is_none_is_a_misuse(proprium: Proprium):
    assert proprium("serve", "--port", "70000").code == 2


# user


def test_an_account_is_made_with_a_password_from_standard_input(proprium: Proprium, database: Database):
    said = proprium("user", "add", "Ada@Example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD + "\n")
    assert (said.code, said.out) == (0, "ada@example.com\n")
    user = check_password(database, "ada@example.com", PASSWORD)
    assert user is not None
    assert user.role == Role.OWNER


def test_without_a_terminal_there_is_nobody_to_ask_for_a_password(proprium: Proprium):
    said = proprium("user", "add", "ada@example.com")
    assert said.code == 2
    assert "--password-stdin" in said.err


@pytest.mark.parametrize("password", ["", "short"])
def test_a_password_that_will_not_do_is_refused_in_one_sentence(proprium: Proprium, password: str):
    said = proprium("user", "add", "ada@example.com", "--password-stdin", stdin=password + "\n")
    assert (said.code, said.out) == (1, "")
    assert is_one_sentence(said.err)


def test_an_address_that_is_taken_is_refused_in_one_sentence(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com")
    said = proprium("user", "add", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    assert said.code == 1
    assert is_one_sentence(said.err)


def test_accounts_are_listed_one_a_line(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com", Role.OWNER)
    a_user(database, "bob@example.com", name="Bob")
    assert proprium("user", "list").out == "ada@example.com\towner\tAda\nbob@example.com\teditor\tBob\n"


def test_a_removed_account_is_gone_and_an_unknown_one_is_told(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com", Role.OWNER)
    a_user(database, "bob@example.com")
    assert proprium("user", "remove", "bob@example.com") == Said(0, "", "")
    said = proprium("user", "remove", "bob@example.com")
    assert said.code == 1
    assert is_one_sentence(said.err)


def test_a_new_password_takes_the_place_of_the_old(proprium: Proprium, database: Database):
    a_user(database, "ada@example.com")
    assert proprium("user", "password", "ada@example.com", "--password-stdin", stdin="another long one\n").code == 0
    assert check_password(database, "ada@example.com", PASSWORD) is None
    assert check_password(database, "ada@example.com", "another long one") is not None


# property


def test_a_new_property_prints_its_id_alone(proprium: Proprium, database: Database):
    owner = a_user(database, role=Role.OWNER)
    options = (
        "--hostname",
        "example.com",
        "--hostname",
        "www.example.org",
        "--timezone",
        "Europe/Berlin",
        "--cookieless",
    )
    said = proprium("property", "add", "My site", *options)
    made = only_property(database)
    assert said.out == f"{made.id}\n"
    assert (made.name, made.owner_id, made.timezone, made.is_cookieless) == ("My site", owner.id, "Europe/Berlin", True)
    assert made.hostnames == ["example.com", "www.example.org"]


def test_a_property_can_be_made_before_there_is_anybody(proprium: Proprium, database: Database):
    assert UUID(proprium("property", "add", "Early").out.strip()) == only_property(database).id


def test_a_time_zone_that_does_not_exist_is_told(proprium: Proprium):
    said = proprium("property", "add", "My site", "--timezone", "Europe/Atlantis")
    assert (said.code, said.out) == (1, "")
    assert "Europe/Atlantis" in said.err


def test_properties_are_listed_one_a_line(proprium: Proprium, database: Database):
    made = a_property(database, "My site")
    assert proprium("property", "list").out == f"{made.id}\tprivate\tMy site\n"


def test_a_property_is_renamed(proprium: Proprium, database: Database):
    made = a_property(database, "Old")
    assert proprium("property", "rename", str(made.id), "New") == Said(0, "", "")
    assert only_property(database).name == "New"


def test_a_property_is_deleted_only_when_that_is_certain(proprium: Proprium, database: Database):
    owner = a_user(database, role=Role.OWNER)
    made = a_property(database)
    EventStore(database).append([an_event(property=made.number or 0)])
    assert proprium("property", "delete", str(made.id)).code == 1
    assert proprium("property", "delete", str(made.id), "--yes").code == 0
    assert visible_to(database, owner) == []
    assert count_events(database) == 0


@pytest.mark.parametrize("command", [("rename", "x"), ("delete", "--yes")])
def test_a_property_that_does_not_exist_is_told(proprium: Proprium, command: tuple[str, str]):
    said = proprium("property", command[0], str(uuid4()), command[1])
    assert said.code == 1
    assert said.err.startswith("No property ")


def test_an_id_that_is_none_is_a_misuse(proprium: Proprium):
    assert proprium("property", "rename", "42", "x").code == 2


# geoip


def test_a_place_database_of_the_operators_own_is_not_fetched_over(proprium: Proprium, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PROPRIUM_GEOIP_PATH", str(tmp_path / "own.mmdb"))
    said = proprium("geoip", "refresh", "--force")
    assert (said.code, said.out) == (1, "")
    assert "PROPRIUM_GEOIP_PATH" in said.err


def test_a_fresh_place_database_is_left_alone_and_named(proprium: Proprium, tmp_path: Path):
    (tmp_path / "db.mmdb").write_bytes(b"fetched today")
    assert proprium("geoip", "refresh") == Said(0, f"{tmp_path / 'db.mmdb'}\n", "")
    assert (tmp_path / "db.mmdb").read_bytes() == b"fetched today"


# prune


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


def test_nobody_prunes_everything_by_a_zero(proprium: Proprium):
    assert proprium("prune", "--days", "0").code == 2


# warehouse and report, without a running server


def test_the_warehouse_is_rebuilt_and_its_status_told(proprium: Proprium, database: Database):
    number = a_property(database).number or 0
    EventStore(database).append([an_event(property=number), an_event(at="09:01", property=number)])
    assert proprium("warehouse", "status").out.splitlines()[:2] == ["storage\t2 events", "warehouse\t0 events"]
    assert proprium("warehouse", "rebuild") == Said(0, "", "")
    assert proprium("warehouse", "status").out.splitlines() == [
        "storage\t2 events",
        "warehouse\t2 events",
        "lag\t0.0 s",
    ]


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
def test_a_report_that_cannot_be_made_leaves_no_file(proprium, database: Database, tmp_path: Path, option, value):
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


# export


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

    monkeypatch.setattr(events, "stream", broken)
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
def test_what_cannot_be_exported_is_told(proprium: Proprium, three_days: Property, args: tuple[str, ...], code: int):
    said = proprium("export", "--property", str(three_days.id), *args)
    assert (said.code, said.out) == (code, "")
    assert code == 2 or is_one_sentence(said.err)


# API keys


def test_a_key_is_printed_once_listed_without_its_text_and_revoked(proprium: Proprium, database: Database):
    made = a_property(database)
    said = proprium("key", "add", "shop", "--property", str(made.id), "--write")
    token = said.out.strip()
    found = keys.find(database, token)
    assert found is not None
    listed = proprium("key", "list").out
    assert listed == f"{found.id}\twrite\t{made.id}\tshop\n"
    assert proprium("key", "revoke", str(found.id)).code == 0
    assert keys.find(database, token) is None
    assert is_one_sentence(proprium("key", "revoke", str(found.id)).err)


def test_a_key_without_a_property_is_the_first_owners_to_read(proprium: Proprium, database: Database):
    assert is_one_sentence(proprium("key", "add", "reports").err)
    owner = a_user(database, role=Role.OWNER)
    found = keys.find(database, proprium("key", "add", "reports").out.strip())
    assert found is not None
    assert (found.user_id, found.property_id, found.may_write) == (owner.id, None, False)
    assert proprium("key", "add", "x", "--user", owner.email, "--property", str(uuid4())).code == 2
