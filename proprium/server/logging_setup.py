"""Logging setup: text lines or JSON on stderr, without access log, so that no client address is logged."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from proprium.config import LogFormat, Settings

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
QUIET_LOGGERS = ("uvicorn.error", "httpx", "httpcore", "engineio", "socketio", "asyncio", "alembic")
"""Libraries whose INFO messages are of no use to operators; they log from WARNING on."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line.

    Its fields (`extra=`) are added at the top level.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        } | {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(settings: Settings) -> None:
    """Configures the root logger to write to stderr; stdout is for results."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format is LogFormat.JSON:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
