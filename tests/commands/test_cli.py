"""The command line: results on stdout, one error message on stderr, and an exit code."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from proprium.config import Settings
from proprium.server import app, collector_app
from tests.commands.conftest import Proprium


def test_help_names_every_command(proprium: Proprium):
    output = proprium("--help")
    assert output.code == 0
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
        assert f"\n  {command} " in output.out
        assert proprium(command, "--help").code == 0


def test_a_command_that_does_not_exist_is_a_misuse(proprium: Proprium):
    output = proprium("fly")
    assert (output.code, output.out) == (2, "")
    assert "No such command 'fly'" in output.err


def test_a_setting_that_does_not_exist_is_named(proprium: Proprium, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROPRIUM_PROT", "80")
    output = proprium("user", "list")
    assert (output.code, output.out) == (1, "")
    assert output.err.startswith("PROPRIUM_PROT is not a setting.")


def test_an_unknown_name_in_the_file_of_settings_is_named_too(
    proprium: Proprium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PROPRIUM_LOG_LEVEL=ERROR\nPROPRIUM_PROT=80\nOF_ANOTHER_PROGRAM=1\n")
    output = proprium("user", "list")
    assert (output.code, output.out) == (1, "")
    assert output.err.startswith("PROPRIUM_PROT is not a setting.")


def test_an_invalid_setting_is_shown_with_its_value(proprium: Proprium, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROPRIUM_PORT", "http")
    output = proprium("serve")
    assert output.code == 1
    assert "PROPRIUM_PORT is 'http'" in output.err


@pytest.mark.parametrize("name", ["PROPRIUM_WAREHOUSE_URL"])
def test_a_setting_without_effect_is_refused_and_its_password_is_not_shown(
    proprium: Proprium, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv(name, "scheme://user:hunter2@host")
    output = proprium("serve")
    assert (output.code, output.err) == (1, f"{name} is invalid: not supported yet; remove it.\n")


@pytest.mark.parametrize("name", ["PROPRIUM_WAREHOUSE_URL"])
def test_a_setting_without_effect_may_be_empty_and_is_not_offered(
    proprium: Proprium, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv(name, "")
    assert proprium("user", "list").code == 0
    monkeypatch.setenv("PROPRIUM_PROT", "80")
    assert name not in proprium("user", "list").err


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
    assert done.stdout == f"proprium, version {version('proprium')}\n"


@pytest.mark.parametrize(
    ("args", "started"),
    [
        (("serve", "--port", "9190"), ("serve", 9190, False)),
        (("collect", "--port", "9191"), ("collect", 9191, False)),
        (("demo",), ("serve", 8000, True)),
    ],
)
def test_servers_start_with_settings_and_options(proprium, monkeypatch, args, started):
    started_servers = []

    def serve(settings: Settings, *, demo: bool = False) -> None:
        started_servers.append(("serve", settings.port, demo))

    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(
        collector_app, "collect", lambda settings: started_servers.append(("collect", settings.port, False))
    )
    assert proprium(*args).code == 0
    assert started_servers == [started]


def test_a_port_that_is_none_is_a_misuse(proprium: Proprium):
    assert proprium("serve", "--port", "70000").code == 2
