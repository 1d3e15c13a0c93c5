"""Trials of one search in a file that only grows: a header, then a line of JSON for each trial.

A killed search leaves at most half a line behind, which the next run cuts off. Numbers are written
so that they read back to the last bit.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from trading.candles import CandleColumns
from trading.errors import DataError
from trading.metrics import Metrics
from trading.research.trials import Trial

_FORMAT = 1


def candles_hash(candles: CandleColumns) -> str:
    """Hash of everything that a trial reads."""
    import hashlib

    digest = hashlib.sha256(str(candles.interval_ms).encode())
    for name in ("open_time", "open", "high", "low", "close", "volume"):
        digest.update(np.ascontiguousarray(getattr(candles, name)).tobytes())
    return digest.hexdigest()


class TrialFile:
    """A store of trials; open it as a context manager, one process at a time.

    ``question`` names everything that the trials depend on. Raises `DataError` for a file of
    another question, a damaged one, or one in use.
    """

    def __init__(self, path: Path, question: Mapping[str, Any]) -> None:
        self._path = path
        self._header = {"format": _FORMAT, **question}
        self._file: BinaryIO | None = None
        self._held: list[Trial] = []

    def __enter__(self) -> Self:
        """Lock the file and read what it holds."""
        try:
            file = self._path.open("a+b")
        except OSError as error:
            raise DataError(f"{self._path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise DataError(f"{self._path} is in use by another search; wait for it") from error
        self._file = file
        try:
            self._read(file)
        except BaseException:
            file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which lets go of its lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def load(self) -> Sequence[Trial]:
        """Trials of earlier runs."""
        return self._held

    def append(self, trials: Sequence[Trial]) -> None:
        """Write the trials and wait until they are on the disk."""
        self._write([_line(trial) for trial in trials])

    def _read(self, file: BinaryIO) -> None:
        file.seek(0)
        lines = file.read().split(b"\n")
        torn = lines.pop()
        if torn:
            file.truncate(file.tell() - len(torn))
        if not lines:
            self._write([self._header])
            return
        header = self._parse(lines[0], 0)
        wanted = json.loads(json.dumps(self._header))
        if header != wanted:
            names = {*header, *wanted}
            other = sorted(n for n in names if header.get(n) != wanted.get(n))
            raise DataError(
                f"{self._path} holds the trials of another search (other {', '.join(other)});"
                " give another file, or the options that it was begun with"
            )
        for number, line in enumerate(lines[1:]):
            trial = self._trial(line, number)
            self._held.append(trial)

    def _trial(self, line: bytes, number: int) -> Trial:
        found = self._parse(line, number + 1)
        try:
            daily = np.frombuffer(zlib.decompress(base64.b64decode(found["daily"])))
            trial = Trial(found["trial"], found["params"], Metrics(**found["metrics"]), daily)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise self._damaged(number + 1) from error
        if trial.number != number:
            raise self._damaged(number + 1)
        return trial

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise self._damaged(number) from error
        if not isinstance(found, dict):
            raise self._damaged(number)
        return found

    def _damaged(self, number: int) -> DataError:
        return DataError(f"{self._path} is damaged in line {number + 1}; delete it and search anew")

    def _write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        if self._file is None:
            raise RuntimeError(f"{self._path} is not open")
        self._file.write(b"".join(json.dumps(one).encode() + b"\n" for one in documents))
        self._file.flush()
        os.fsync(self._file.fileno())


def _line(trial: Trial) -> dict[str, Any]:
    daily = base64.b64encode(zlib.compress(trial.daily.astype(np.float64).tobytes()))
    return {
        "trial": trial.number,
        "params": dict(trial.params),
        "metrics": trial.metrics.as_dict(),
        "daily": daily.decode(),
    }
