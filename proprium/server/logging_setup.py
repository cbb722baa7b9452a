"""Logging setup: text lines or JSON on stderr, without access log, so that no client address is logged."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from proprium.config import LogFormat, Settings

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
PLAIN_VALUE = re.compile(r"[^\s\"=\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Values that need no quotes in a text line."""
QUIET_LOGGERS = ("uvicorn.error", "httpx", "httpcore", "engineio", "socketio", "asyncio", "alembic")
"""Libraries whose INFO messages are of no use to operators; they log from WARNING on."""


class TextFormatter(logging.Formatter):
    """Formats a record as one line: time, level, message, then its fields (`extra=`) as `name=value`.

    Values with spaces or control characters are quoted as in JSON, so that no value can forge a line or a field.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        texts = {name: str(value) for name, value in fields_of(record).items()}
        fields = (f"{name}={text if PLAIN_VALUE.fullmatch(text) else json.dumps(text)}" for name, text in texts.items())
        return " ".join((super().formatMessage(record), *fields))


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line, with its fields (`extra=`) at the top level."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        } | fields_of(record)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Returns the fields that the log call added with `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}


def configure(settings: Settings) -> None:
    """Configures the root logger to write to stderr; stdout is for results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
