"""Agreement of two sources: the minutes of a symbol beside the longer candles of the source.

An exchange publishes its hours and days itself: where the lake has both, the minutes give them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flows.steps.data.holes import clock
from lake.store import Lake
from lake.tables import CANDLES, RAW_CANDLES
from trading.candles import MINUTE_MS, first_start, interval_ms

BASE = "1m"
# Sums of volumes differ in their last bits; prices are copied, never computed.
_PRICE_SHARE, _VOLUME_SHARE = 1e-9, 1e-6
_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bars of an interval that both sources have, how many differ, and what the first one is."""

    interval: str
    compared: int = 0
    different: int = 0
    first: str = ""

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.interval,
            self.compared + other.compared,
            self.different + other.different,
            self.first or other.first,
        )

    @property
    def share(self) -> float:
        """Share of the compared bars that differ."""
        return self.different / self.compared if self.compared else 0.0

    @property
    def sentence(self) -> str:
        """Say how many bars differ, and name the first."""
        return (
            f"{self.different} of {self.compared} candles of {self.interval} are not those of the"
            f" minutes, first {self.first}"
        )


def agreements(lake: Lake, venue: str, symbol: str, as_of: datetime) -> tuple[Agreement, ...]:
    """Compare the checked minutes known at ``as_of`` with all longer raw candles of the symbol.

    Bars of which a minute is missing are not compared; nor are those that reach into another month.
    """
    found: dict[str, Agreement] = {}
    for partition in lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol):
        interval = partition.values["interval"]
        length = interval_ms(interval)
        if length <= MINUTE_MS or length % MINUTE_MS:
            continue
        base = {**partition.values, "interval": BASE}
        for minutes in lake.partitions(CANDLES, **base):
            one = compare(
                lake.read_partition(minutes, as_of, ["open_time", *_COLUMNS]),
                lake.read_partition(partition, as_of, ["open_time", *_COLUMNS]),
                interval,
            )
            found[interval] = found.get(interval, Agreement(interval)) + one
    return tuple(found[name] for name in sorted(found, key=interval_ms))


def compare(minutes: pa.Table, bars: pa.Table, interval: str) -> Agreement:
    """Fold sorted ``minutes`` into bars of ``interval`` and compare them with ``bars``."""
    length = interval_ms(interval)
    times = _integers(minutes)
    if not len(times) or not bars.num_rows:
        return Agreement(interval)
    starts = times - (times - first_start(length)) % length
    begins = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    whole = np.diff(begins, append=len(times)) == length // MINUTE_MS
    ends = np.append(begins[1:], len(times)) - 1
    values = {name: _floats(minutes, name) for name in _COLUMNS}
    folded = {
        "open": values["open"][begins],
        "high": np.maximum.reduceat(values["high"], begins),
        "low": np.minimum.reduceat(values["low"], begins),
        "close": values["close"][ends],
        "volume": np.add.reduceat(values["volume"], begins),
    }
    common, ours, theirs = np.intersect1d(
        starts[begins][whole], _integers(bars), return_indices=True
    )
    rows = np.flatnonzero(whole)[ours]
    return _differences(common, rows, theirs, folded, bars, interval)


def _differences(
    common: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    theirs: npt.NDArray[np.int64],
    folded: dict[str, npt.NDArray[np.float64]],
    bars: pa.Table,
    interval: str,
) -> Agreement:
    first: dict[int, str] = {}
    different = np.zeros(len(common), bool)
    for name in _COLUMNS:
        share = _VOLUME_SHARE if name == "volume" else _PRICE_SHARE
        own, other = folded[name][rows], _floats(bars, name)[theirs]
        odd = ~(np.abs(own - other) <= share * np.maximum(np.abs(own), np.abs(other)))
        if odd.any():
            at = int(np.argmax(odd))
            text = f"{clock(int(common[at]))}: {name} {other[at]:g}, of the minutes {own[at]:g}"
            first.setdefault(at, text)
        different |= odd
    named = first[min(first)] if first else ""
    return Agreement(interval, len(common), int(different.sum()), named)


def _integers(data: pa.Table) -> npt.NDArray[np.int64]:
    return np.asarray(data["open_time"].cast(pa.int64()).to_numpy(), dtype=np.int64)


def _floats(data: pa.Table, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(data[name].to_numpy(), dtype=np.float64)
