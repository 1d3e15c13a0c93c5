"""What is known of the releases; each is read once, by a process that ends."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dashboard.processes import answer_of
from trading.errors import DataError

log = logging.getLogger(__name__)

READER = "dashboard.research.releases"
WITHIN_S = 3.0
"""How long the page with the controls waits for its strategies: its reader may be in a hurry."""
AGAIN_S = 5.0
"""How soon a release that could not be read is read again."""
Entries = list[dict[str, Any]]


class ReleaseWatch:
    """Each strategy of a release on a symbol, and the release of the research page."""

    def __init__(self, published: Path) -> None:
        self._published = published
        self._thread = ThreadPoolExecutor(1, "releases")
        self._entries: tuple[str, Future[Entries]] | None = None
        self._read_again_at = 0.0
        self._part: tuple[Any, dict[str, Any]] | None = None
        self._reading_part = threading.Lock()

    def entries(self, release_id: str | None, *, wait: bool = False) -> Entries:
        """Return what a release trades, or the current one if none is named.

        Nothing is known of it until it has been read; ``wait`` waits for that, for three seconds.
        """
        release_id = release_id or self._current()
        if not release_id or not (self._published / "releases" / release_id).is_dir():
            return []
        known, reading = self._entries or ("", None)
        if known != release_id or reading is None or self._failed(reading):
            reading = self._begin(release_id)
        try:
            return reading.result(WITHIN_S if wait else 0.0)
        except (DataError, TimeoutError):
            return []

    def _failed(self, reading: Future[Entries]) -> bool:
        """Tell whether a release could not be read, and may be tried again."""
        failed = reading.done() and reading.exception() is not None
        return failed and time.monotonic() >= self._read_again_at

    def _begin(self, release_id: str) -> Future[Entries]:
        self._read_again_at = time.monotonic() + AGAIN_S
        reading = self._thread.submit(self._read, release_id)
        self._entries = release_id, reading
        return reading

    def _read(self, release_id: str) -> Entries:
        question = {"published": str(self._published), "release": release_id}
        try:
            found: Entries = answer_of(READER, question)
        except DataError as error:
            # Here, not where it is looked at: an open page looks ten times a second.
            log.warning("release %s is not read: %s", release_id, error)
            raise
        return found

    def _current(self) -> str:
        try:
            return str(json.loads((self._published / "current").read_bytes())["release_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def part(self) -> dict[str, Any]:
        """Return the current release for its page, after a second; ``fault`` if there is none."""
        with self._reading_part:  # whoever comes while it is read gets the same
            stamp = self._stamp()
            if self._part is None or self._part[0] != stamp:
                try:
                    question = {"published": str(self._published), "release": None}
                    self._part = stamp, answer_of(READER, question)
                except DataError as error:
                    return {"fault": str(error), "history": []}
            return self._part[1]

    def _stamp(self) -> list[tuple[int, int] | None]:
        """Return what differs once something was published or reported."""
        reports = self._published.parent / "reports"
        files = (self._published / "current", self._published / "releases", reports)
        return [_changed_at(file) for file in files]

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _changed_at(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def find_report(published: Path, release_id: str) -> Path | None:
    """Return the report of a release that is published; None if there is none."""
    try:
        names = {path.name for path in (published / "releases").iterdir()}
    except OSError:
        return None
    if release_id not in names:
        return None  # whatever was typed, it names no other file
    file = report_file(published, release_id)
    return file if file.is_file() else None


def report_file(published: Path, release_id: str) -> Path:
    """Return where the report of a release lies, whether it is there or not."""
    return published.parent / "reports" / f"{release_id}.html"
