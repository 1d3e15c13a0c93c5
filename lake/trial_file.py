"""The trials of one search in an append-only file: a header, then one line of JSON per trial.

A killed search leaves at most half a line, which the next run cuts off. Numbers read back to the
last bit.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
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
    """Hash the candle columns that a trial reads."""
    digest = hashlib.sha256(str(candles.interval_ms).encode())
    for name in ("open_time", "open", "high", "low", "close", "volume"):
        digest.update(np.ascontiguousarray(getattr(candles, name)).tobytes())
    for name, column in sorted((candles.forecasts or {}).items()):
        digest.update(name.encode() + np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


class TrialFile:
    """A store of trials, opened as a context manager by one process at a time.

    ``setup`` holds everything that the trials depend on. Raises `DataError` for a file with another
    setup, a damaged one, or one in use.
    """

    def __init__(self, path: Path, setup: Mapping[str, Any]) -> None:
        self._path = path
        self._header = {"format": _FORMAT, **setup}
        self._file: BinaryIO | None = None
        self._held: list[Trial] = []

    def __enter__(self) -> Self:
        """Lock the file and read its trials."""
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
        """Close the file, which releases its lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def load(self) -> Sequence[Trial]:
        """Return the trials of earlier runs."""
        return self._held

    def append(self, trials: Sequence[Trial]) -> None:
        """Write the trials durably."""
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
                " give another file, or the options that it was started with"
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
        return DataError(
            f"{self._path} is damaged in line {number + 1}; delete it and search again"
        )

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
