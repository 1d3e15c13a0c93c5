"""The log on the terminal: one plain line a record, from a thread of its own.

A terminal that is stopped, or a pipe that nobody reads, blocks whoever writes to it. So the event
loop only queues records; a full queue drops them, and the log file has them all.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from executor.runtime.masking import Masker

QUEUED = 1_000
LAST_LINES_WITHIN_S = 1.0


class Screen(logging.Handler):
    """Writes records to the file descriptor ``target`` without ever waiting for it."""

    def __init__(self, target: int, masker: Masker) -> None:
        super().__init__()
        self._target = target
        self._masker = masker
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUED)
        self._writer = threading.Thread(target=self._write, name="screen", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or drop it if the terminal has not taken the last thousand."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            return

    def close(self) -> None:
        """Write what is queued, unless the terminal does not take it."""
        try:
            self._records.put_nowait(None)
        except queue.Full:
            pass
        else:
            self._writer.join(LAST_LINES_WITHIN_S)
        super().close()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            try:
                os.write(self._target, f"{self._masker(line_of(record))}\n".encode())
            except OSError:
                return  # nobody reads any more


@contextmanager
def shown(target: int, masker: Masker) -> Iterator[None]:
    """Show the executor's log on ``target`` until the block ends."""
    screen = Screen(target, masker)
    root = logging.getLogger("executor")
    root.addHandler(screen)
    try:
        yield
    finally:
        root.removeHandler(screen)
        screen.close()


def line_of(record: logging.LogRecord) -> str:
    """Return time (UTC), the level unless it is info, the message and an alert's fields."""
    moment = datetime.fromtimestamp(record.created, UTC)
    level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
    fields = getattr(record, "alert", None)
    more = ", ".join(f"{name} {value}" for name, value in fields.items()) if fields else ""
    text = " ".join(record.getMessage().split())
    return f"{moment:%H:%M:%S} {level}{text}{': ' if more else ''}{more}"
