"""How the log looks: lines for people or JSON for machines; never an address in it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from proprium.config import LogFormat, Settings

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
QUIET_LOGGERS = ("uvicorn.error", "httpx", "httpcore", "engineio", "socketio", "asyncio", "alembic")
"""Libraries that tell at INFO what only their authors want to know."""


class JsonFormatter(logging.Formatter):
    """One object a line; a record's own fields (`extra=`) stand beside the usual ones."""

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
    """Everything goes to stderr; stdout is for results."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format is LogFormat.JSON:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
