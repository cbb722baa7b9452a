"""The command line with a storage of its own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from proprium import cli
from proprium.storage.database import Database
from proprium.storage.tables import Property


@dataclass(frozen=True)
class Output:
    code: int
    out: str
    err: str


Proprium = Callable[..., Output]


@pytest.fixture
def proprium(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Proprium:
    """Runs a command on `database`, as at a terminal without a person."""
    monkeypatch.setenv("PROPRIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PROPRIUM_DATABASE_URL", database.url)

    def run(*args: str, stdin: str = "") -> Output:
        monkeypatch.setattr(sys, "argv", ["proprium", *args])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capfd.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Output(code, out, err)

    return run


def is_one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith(".\n") and "Traceback" not in text


def only_property(database: Database) -> Property:
    with database.session() as session:
        (property_,) = session.exec(select(Property)).all()
    return property_
