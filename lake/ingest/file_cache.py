"""The files that an import read last: a file of many months is parsed once, not once a month."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from lake.files import sha256_file

KEPT = 2
"""Files of which the rows stay in memory; the months of a file are imported one after another."""


class FileCache:
    """Tables by path, with the SHA-256 of the file; safe to share among threads."""

    def __init__(self) -> None:
        self._tables: OrderedDict[Path, tuple[pa.Table, str]] = OrderedDict()
        self._locks: dict[Path, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, path: Path, read: Callable[[], pa.Table]) -> tuple[pa.Table, str]:
        """Return what ``read`` gave for ``path``; it is called again only if that was forgotten."""
        with self._guard:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            with self._guard:
                found = self._tables.get(path)
            if found is None:
                found = (read(), sha256_file(path))
            with self._guard:
                self._tables[path] = found
                self._tables.move_to_end(path)
                while len(self._tables) > KEPT:
                    self._tables.popitem(last=False)
        return found
