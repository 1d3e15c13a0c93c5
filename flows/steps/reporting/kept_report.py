"""The report of the night before, kept while nothing that it was made from has changed.

To stat the files of the lake is far cheaper than to read them: files there are replaced, never
changed, so inode, size and time stand for the content. What was kept lies outside the lake, whose
bytes are the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.settings import PROJECT
from lake import tables
from lake.files import write_bytes
from lake.store import Lake

READ = (
    tables.CANDLES,
    tables.BARS,
    tables.QUARANTINE,
    tables.STRUCTURES,
    tables.SEARCHES,
    tables.FOLDS,
    tables.TRADES,
    tables.EQUITY,
    tables.MODELS,
    tables.DRIFT,
    tables.LOOKS,
    tables.UNSEEN_DAYS,
    tables.PARITY,
    tables.ORDERS,
    tables.FILLS,
    tables.POSITIONS,
    tables.EVENTS,
    tables.LEDGER_EQUITY,
)
"""The tables that a report reads."""
_CODE = ("flows", "lake", "trading", "web")


def report_key(lake: Lake, request: Mapping[str, Any]) -> str:
    """Hash everything that a report is made from; ``request`` holds what is not a file."""
    digest = hashlib.sha256(json.dumps([request, sys.version], sort_keys=True).encode())
    folders = [lake.root / table.layer / table.name for table in READ]
    for folder in (*folders, lake.published, *(PROJECT / name for name in _CODE)):
        for path, state in _files(folder):
            digest.update(f"\n{path}\0{state}".encode())
    return digest.hexdigest()


def kept_report(work: Path, lake: Lake, days: int, key: str) -> Path | None:
    """Return the report that was made from the same, if it is still there and unchanged."""
    try:
        known = json.loads(_place(work, lake, days).read_bytes())
        path = Path(known["path"])
        same = known["key"] == key and known["files"] == _states(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if same else None


def keep_report(work: Path, lake: Lake, days: int, key: str, path: Path) -> None:
    """Note that the report at ``path`` was made from what ``key`` stands for."""
    known = {"key": key, "path": str(path), "files": _states(path)}
    write_bytes(_place(work, lake, days), json.dumps(known).encode())


def _place(work: Path, lake: Lake, days: int) -> Path:
    where = hashlib.sha256(str(lake.root.absolute()).encode()).hexdigest()[:16]
    return work / "reports" / f"{where}-{days}.json"


def _states(path: Path) -> list[list[int]]:
    """Return the states of the page and its summary."""
    return [list(_state(one.stat())) for one in (path, path.with_suffix(".txt"))]


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yield the files below ``folder`` with their states, in order; without byte code."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _files(Path(entry.path))
        else:
            yield entry.path, _state(entry.stat(follow_symlinks=False))
