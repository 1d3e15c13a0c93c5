"""Logs as JSON lines, rotated daily, with secrets masked."""

from __future__ import annotations

import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from executor.runtime.masking import Masker

KEEP_DAYS = 7
ROTATED = "midnight"
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object per line; values passed by ``extra=`` become fields."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        """Time in UTC, level, logger, message, extra fields, traceback."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._masker(orjson.dumps(line, default=str).decode())


def setup(path: Path, masker: Masker, *, level: int = logging.INFO) -> logging.Handler:
    """Send the executor's log to ``path``; the caller closes the returned handler."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.TimedRotatingFileHandler(
        path, when=ROTATED, backupCount=KEEP_DAYS, utc=True, encoding="utf-8"
    )
    handler.setFormatter(JsonLines(masker))
    root = logging.getLogger("executor")
    root.setLevel(level)
    root.addHandler(handler)
    root.propagate = False
    return handler
