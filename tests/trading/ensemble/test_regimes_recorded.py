"""Regime labels on every recording: each crash in it, and when its label is known.

The minutes define a crash, not the detector: a close that lies 10 % below the highest high of three
hours begins a fall, which lasts until no minute has done so for 12 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pyarrow.csv as pc
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from cli.inputs.candle_files import read_candles
from tests.trading.bar_making import bars_of
from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns
from trading.ensemble.regimes import LABELS, label_candles

QUARTER = 900_000
WINDOW = 180
CRASH = LABELS.index("crash")
SAMPLE = Path(__file__).parents[3] / "data_lake" / "sample"
SHARED = Path(__file__).parents[4] / "shared" / "data"
ARCHIVE = Path("binance_archive/futures/um/monthly/klines")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the larger data set is not here")


@dataclass(frozen=True)
class Fall:
    """A fall from its first minute to its last; ``deepest`` is a share of the top before it."""

    start: int
    end: int
    deepest: float


def archive(path: Path) -> CandleColumns:
    """Read the minutes of a monthly file of the exchange."""
    with ZipFile(path) as packed, packed.open(packed.namelist()[0]) as text:
        table = pc.read_csv(text)
    prices = [table[name].to_numpy().astype(float) for name in ("open", "high", "low", "close")]
    return CandleColumns.of(table["open_time"].to_numpy(), *prices)


def falls(candles: CandleColumns) -> list[Fall]:
    """Find the falls of a tenth or more within three hours."""
    highs = np.concatenate([np.full(WINDOW - 1, -np.inf), candles.high])
    share = 1.0 - candles.close / sliding_window_view(highs, WINDOW).max(axis=1)
    found: list[Fall] = []
    for row in np.flatnonzero(share >= 0.10):
        time, deep = int(candles.open_time[row]), float(share[row])
        if found and time - found[-1].end <= 12 * HOUR_MS:
            found[-1] = Fall(found[-1].start, time, max(found[-1].deepest, deep))
        else:
            found.append(Fall(time, time, deep))
    return found


def known_crashes(candles: CandleColumns, length: int = QUARTER) -> list[int]:
    """Return when each label was known: the close of its candle."""
    bars = bars_of(candles, length)
    return [int(time) + length for time in bars.open_time[label_candles(bars) == CRASH]]


def at(time: int) -> str:
    """Parse a time in UTC."""
    return str(np.datetime64(time, "ms"))[:16]


def within(fall: Fall, time: int) -> bool:
    """Return whether a label belongs to a fall, with its candle and the three hours before."""
    return fall.start < time <= fall.end + WINDOW * MINUTE_MS + QUARTER


def test_the_crash_of_august_2023_is_known_when_its_candle_closes():
    """FILUSDT lost a fifth within three minutes; the label comes with the close, 18 % below."""
    candles = archive(SAMPLE / ARCHIVE / "FILUSDT" / "1m" / "FILUSDT-1m-2023-08.zip")
    (fall,) = falls(candles)
    assert at(fall.start) == "2023-08-17T21:42"
    known = known_crashes(candles)
    assert at(known[0]) == "2023-08-17T21:45"
    assert all(within(fall, time) for time in known)
    bars = bars_of(candles, QUARTER)
    row = int(np.searchsorted(bars.open_time, known[0])) - 1
    assert bars.close[row] / bars.high[row - 11 : row + 1].max() == pytest.approx(0.817, abs=1e-3)
    codes = label_candles(bars.rows(0, row + 1))  # nothing after it was needed
    assert codes[-1] == CRASH
    assert np.array_equal(codes, label_candles(bars)[: row + 1])


def recordings() -> dict[str, CandleColumns]:
    """Read every one-minute recording of the larger data set."""
    parquet = sorted((SHARED / "candles_1m").glob("*/*.parquet"))
    zipped = sorted((SHARED / ARCHIVE).glob("*/1m/*.zip"))
    named = {f"{path.parent.name}/{path.stem}": read_candles(path) for path in parquet}
    return named | {path.stem: archive(path) for path in zipped}


@pytest.fixture(scope="module")
def recorded() -> dict[str, CandleColumns]:
    return recordings()


# Falls of a tenth below the top of three hours: first minute, deepest close, and when the label
# came (if it did).
CRASHES = {
    ("FILUSDT-1m-2023-08", "2023-08-17T21:42"): (0.19, "2023-08-17T21:45"),
    ("NEARUSDT-1m-2023-08", "2023-08-17T21:42"): (0.18, "2023-08-17T21:45"),
    ("usdm/LAYERUSDT", "2025-05-06T03:37"): (0.32, "2025-05-06T05:45"),
    ("FILUSDT-1m-2024-10", "2024-10-01T17:22"): (0.10, None),
    ("usdm/ENAUSDT", "2025-05-18T20:00"): (0.10, None),
    ("usdm/LAYERUSDT", "2025-05-10T07:25"): (0.10, None),
    ("usdm/SUIUSDT", "2025-05-22T13:04"): (0.11, None),
}


@pytest.mark.slow
@needs_shared
def test_every_recorded_crash_of_15_percent_is_labelled_and_nothing_else(recorded):
    """All 3 labels are falls; they cover 3 of 3 falls of 15 % and more, 3 of 7 of 10 % and more."""
    seen = {}
    for name, candles in recorded.items():
        found, known = falls(candles), known_crashes(candles)
        assert all(any(within(fall, time) for fall in found) for time in known), name
        for fall in found:
            first = next((at(time) for time in known if within(fall, time)), None)
            seen[name, at(fall.start)] = (round(fall.deepest, 2), first)
    assert seen == CRASHES
    assert all((label is not None) == (deepest >= 0.15) for deepest, label in seen.values())


@pytest.mark.slow
@needs_shared
def test_a_crash_label_needs_no_later_candle(recorded):
    for name, _ in {key for key, (_, label) in CRASHES.items() if label}:
        bars = bars_of(recorded[name], QUARTER)
        codes = label_candles(bars)
        for row in np.flatnonzero(codes == CRASH)[:8]:
            assert np.array_equal(label_candles(bars.rows(0, int(row) + 1)), codes[: row + 1])


@pytest.mark.slow
@needs_shared
def test_hourly_labels_come_later_and_see_slower_falls(recorded):
    """On 1h candles the window is 12 hours, and the first 60 candles warm it up."""
    known = {name: known_crashes(candles, HOUR_MS) for name, candles in recorded.items()}
    first = {name: at(times[0]) for name, times in known.items() if times}
    assert first["FILUSDT-1m-2023-08"] == "2023-08-17T22:00"
    assert first["usdm/ETHUSDT"] == "2025-06-13T03:00"
    assert "NEARUSDT-1m-2023-08" not in first  # the hour closed above the tenth
    layer = bars_of(recorded["usdm/LAYERUSDT"], HOUR_MS)
    fell = (layer.open_time // (24 * HOUR_MS)) == np.datetime64("2025-05-06").astype(int)
    assert {LABELS[code] for code in label_candles(layer)[fell]} == {"unknown"}
