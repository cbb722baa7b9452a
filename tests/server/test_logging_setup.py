"""Log lines carry the fields of their records, as text and as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from proprium.config import LogFormat, Settings
from proprium.server import logging_setup

log = logging.getLogger("proprium.example")


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """Restores the handlers and the level of the root logger, which `configure` replaces."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet_levels = {name: logging.getLogger(name).level for name in logging_setup.QUIET_LOGGERS}
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, quiet_level in quiet_levels.items():
        logging.getLogger(name).setLevel(quiet_level)


def configure(log_format: LogFormat) -> None:
    logging_setup.configure(Settings(log_format=log_format, _env_file=None))  # type: ignore[call-arg]


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_text_line_ends_with_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.TEXT)
    log.warning("job failed", extra={"job": "delete old", "attempt": 3, "path": "/a?b", "note": ""})
    line = logged(capsys)
    assert line.endswith(' WARNING job failed job="delete old" attempt=3 path=/a?b note=""\n')


def test_a_text_line_without_fields_is_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.TEXT)
    log.info("started")
    assert logged(capsys).endswith(" INFO    started\n")


@pytest.mark.parametrize("value", ["a\nERROR forged", "a\rb", "a\u2028b", "a b=c", '"', "a\x9bm"])
def test_no_value_forges_a_line_or_a_field(capsys: pytest.CaptureFixture[str], value: str) -> None:
    configure(LogFormat.TEXT)
    log.warning("page failed", extra={"location": value})
    line = logged(capsys)
    assert line.count("\n") == len(line.splitlines()) == 1
    assert json.loads(line.partition("location=")[2]) == value


def test_the_traceback_follows_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.TEXT)
    try:
        raise ValueError("out of paper")
    except ValueError:
        log.exception("job failed", extra={"job": "print"})
    first, *_, last = logged(capsys).splitlines()
    assert first.endswith("job failed job=print")
    assert last == "ValueError: out of paper"


def test_json_has_the_fields_at_the_top_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON)
    log.warning("job failed", extra={"job": "print", "attempt": 3, "cause": ValueError("x")}, exc_info=sys.exc_info())
    entry = json.loads(logged(capsys))
    assert {name: entry[name] for name in ("level", "logger", "message", "job", "attempt", "cause")} == {
        "level": "warning",
        "logger": "proprium.example",
        "message": "job failed",
        "job": "print",
        "attempt": 3,
        "cause": "x",
    }
