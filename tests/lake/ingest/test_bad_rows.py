"""One bad row never refuses a file: it is left out or quarantined, and the rest is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.inputs.candle_files import read_candles
from flows.steps.data.validate import validate_symbol
from lake.ingest.importer import import_folder
from lake.ingest.reports import FileReport
from lake.store import Lake
from lake.tables import QUARANTINE, RAW_CANDLES
from sandbox.market.candles import read_series
from tests.flows.candle_lake import MINUTE_MS, minutes, ms
from trading.errors import DataError

START = datetime(2025, 6, 1, tzinfo=UTC)
END = START + timedelta(days=1)
CANDLES = ("open_time", "open", "high", "low", "close", "volume")
SYMBOLS = [
    *(
        "BTCUSDT",
        "1000PEPEUSDT",
        "1INCHUSDT",
        "BTCUSDT_250627",
        "ETHUSD_PERP",
        "KRW-BTC",
        "BTC-ETH",
    ),
    *(
        "币安人生USDT",
        "我踏马来了USDT",
        "이더리움KRW",
        "БИТКОИНUSDT",
        "ΩMEGAUSDT",
        "ÄÖÜUSDT",
        "币USDT_250627",
    ),
    *("005930", "0G", "X", "USDCUSDT", "B" * 40, "BTC-USDT-SWAP", "USDT-PEPE2_0"),
]
UNITS = {"s": 1_000, "ms": 1, "us": 1 / 1_000, "ns": 1 / 1_000_000}


def plain(count: int = 600) -> dict[str, list[Any]]:
    """Return columns of good candles without the exchange's further columns."""
    columns = minutes(START, count)
    return {name: columns[name] for name in CANDLES}


def write(folder: Path, columns: dict[str, Any], symbol: str = "BTCUSDT") -> Path:
    path = folder / "candles_1m" / "usdm" / f"{symbol}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(columns["open_time"], pa.Array):
        times = pa.array(columns["open_time"], pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        columns = {**columns, "open_time": times}
    pq.write_table(pa.table(columns), path)
    return path


def imported(tmp_path: Path) -> tuple[Lake, FileReport]:
    lake = Lake(tmp_path / "lake")
    (file,) = import_folder(lake, tmp_path / "source", END).files
    return lake, file


def quarantined(lake: Lake, symbol: str = "BTCUSDT") -> list[tuple[int, str]]:
    """Return the minute after START and the reason of each quarantined row."""
    rows = lake.read(QUARANTINE, symbol=symbol).to_pylist()
    return [((ms(r["open_time"]) - ms(START)) // MINUTE_MS, r["reason"]) for r in rows]


@pytest.mark.parametrize("seed", range(20))
def test_two_different_rows_of_a_minute_are_quarantined_and_the_rest_is_used(
    tmp_path: Path, seed: int
) -> None:
    row = int(np.random.default_rng(seed).integers(0, 600))
    columns = plain()
    for name, values in columns.items():
        values.insert(row + seed % 2, values[row] + (0.5 if name == "volume" else 0))
    write(tmp_path / "source", columns)
    lake, file = imported(tmp_path)
    assert (file.status, file.rows) == ("imported", 599)
    assert "1 rows left out" in file.reason or "2 rows left out" in file.reason
    report = validate_symbol(lake, "binance_usdm", "BTCUSDT", END)
    assert (report.status, report.rows, report.quarantined) == ("passed", 599, 1)
    ((minute, reason),) = quarantined(lake)
    assert minute == row
    assert reason.startswith("two different candles for one minute")
    again = validate_symbol(lake, "binance_usdm", "BTCUSDT", END)
    assert (again.months[0].skipped, again.quarantined) == (True, 1)


@pytest.mark.parametrize("seed", range(20))
def test_an_empty_price_is_quarantined_and_the_rest_is_used(tmp_path: Path, seed: int) -> None:
    row = int(np.random.default_rng(seed).integers(0, 600))
    columns = plain()
    columns[CANDLES[1 + seed % 5]][row] = None
    write(tmp_path / "source", columns)
    lake, file = imported(tmp_path)
    assert (file.status, file.rows) == ("imported", 599)
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", END).ok
    ((minute, reason),) = quarantined(lake)
    assert (minute, reason[:30]) == (row, "a price or the volume is missi")


@pytest.mark.parametrize("seed", range(20))
def test_a_wick_without_volume_is_quarantined(tmp_path: Path, seed: int) -> None:
    row = int(np.random.default_rng(seed).integers(0, 600))
    columns = plain()
    columns["high" if seed % 2 else "low"][row] *= 10.0 if seed % 2 else 0.1
    columns["volume"][row] = [0.0, 0.1, 10.0][seed % 3]
    write(tmp_path / "source", columns)
    lake, file = imported(tmp_path)
    assert file.status == "imported"
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", END).ok
    assert quarantined(lake) == [(row, "high or low strays without volume")]


def test_a_wick_with_volume_is_kept(tmp_path: Path) -> None:
    columns = plain()
    columns["low"][300], columns["volume"][300] = 40.0, 5_000.0
    write(tmp_path / "source", columns)
    lake, _ = imported(tmp_path)
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", END).quarantined == 0


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", range(5))
def test_every_door_recognises_the_unit_of_times(tmp_path: Path, unit: str, seed: int) -> None:
    columns = plain(300 + seed)
    times = [round(time / UNITS[unit]) for time in columns["open_time"]]
    path = write(tmp_path / "source", {**columns, "open_time": pa.array(times, pa.int64())})
    assert read_candles(path).open_time.tolist() == columns["open_time"]
    assert read_series(path).open_time.tolist() == columns["open_time"]
    lake, file = imported(tmp_path)
    assert file.status == "imported"
    assert [p.values["month"] for p in lake.partitions(RAW_CANDLES)] == ["2025-06"]


@pytest.mark.parametrize("seed", range(20))
def test_every_door_names_the_row_whose_high_is_below_its_low(tmp_path: Path, seed: int) -> None:
    first = int(np.random.default_rng(seed).integers(0, 100))
    columns = plain(300)
    for row in range(first, 300):
        columns["high"][row], columns["low"][row] = columns["low"][row], columns["high"][row]
    path = write(tmp_path / "source", columns)
    _, file = imported(tmp_path)
    assert (file.status, file.reason.split(":")[0]) == ("failed", f"row {first}")
    for read in (read_candles, read_series):
        with pytest.raises(DataError, match=f"BTCUSDT.parquet: row {first}: high .* is below low"):
            read(path)


def _set(name: str, value: Any) -> Callable[[dict[str, Any], int], None]:
    def change(columns: dict[str, Any], row: int) -> None:
        columns[name][row] = value

    return change


def _scaled(name: str, factor: float) -> Callable[[dict[str, Any], int], None]:
    def change(columns: dict[str, Any], row: int) -> None:
        columns[name][row] *= factor

    return change


WRONG_VALUES: dict[str, tuple[Callable[[dict[str, Any], int], None], str]] = {
    "open above high": (_scaled("open", 1.5), "row {row}: high"),
    "close above high": (_scaled("close", 1.01), "row {row}: high"),
    "open below low": (_scaled("open", 0.9), "row {row}: low"),
    "close below low": (_scaled("close", 0.5), "row {row}: low"),
    "high below all": (_scaled("high", 0.5), "row {row}: high"),
    "low above all": (_scaled("low", 1.2), "row {row}: high .* is below low"),
    "a low of zero": (_set("low", 0.0), "low in row {row} is 0.0"),
    "a negative low": (_set("low", -1.0), "low in row {row} is -1.0"),
    "a negative close": (_set("close", -99.0), "close in row {row} is -99.0"),
    "an open of zero": (_set("open", 0.0), "open in row {row} is 0.0"),
    "no close": (_set("close", None), "column 'close' has no value in row {row}"),
    "no volume": (_set("volume", None), "column 'volume' has no value in row {row}"),
    "no time": (_set("open_time", None), "column 'open_time' has no value in row {row}"),
    "an infinite high": (_set("high", float("inf")), "high in row {row} is inf"),
    "an infinite volume": (_set("volume", float("inf")), "volume in row {row} is inf"),
    "a close that is no number": (_set("close", float("nan")), "close in row {row} is nan"),
    "a volume that is no number": (_set("volume", float("nan")), "volume in row {row} is nan"),
    "a negative volume": (_set("volume", -0.001), "volume in row {row} is -0.001"),
    "a minute twice": (_set("open_time", ms(START)), "rows 0 and {row} both open at"),
    "a time before 1970": (_set("open_time", -60_000), "open_time in row {row} is -60000"),
    "a time of 2300": (_set("open_time", 10_420_000_000_000), "open_time in row {row} is 1042"),
}


@pytest.mark.parametrize("kind", WRONG_VALUES)
def test_every_door_refuses_a_wrong_value_in_the_same_words(tmp_path: Path, kind: str) -> None:
    change, words = WRONG_VALUES[kind]
    columns = plain(300)
    row = 1 + sum(map(ord, kind)) % 299
    change(columns, row)
    path = write(tmp_path / "source", columns)
    for read in (read_candles, read_series):
        with pytest.raises(DataError, match=rf"BTCUSDT.parquet:? {words.format(row=row)}"):
            read(path)


@pytest.mark.parametrize("seed", range(20))
def test_every_door_reads_float32(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = plain(300)
    closes = columns["close"] = (rng.uniform(0.9, 1.1, 300) * 64_123.7).tolist()
    columns["open"] = [closes[0], *closes[:-1]]
    columns["high"] = [max(pair) for pair in zip(columns["open"], closes, strict=True)]
    columns["low"] = [min(pair) for pair in zip(columns["open"], closes, strict=True)]
    columns["close"] = pa.array(closes, pa.float64()).cast(pa.float32(), safe=False)
    path = write(tmp_path / "source", columns)
    assert len(read_candles(path)) == len(read_series(path).close) == 300
    lake, file = imported(tmp_path)
    assert (file.status, file.rows) == ("imported", 300)
    report = validate_symbol(lake, "binance_usdm", "BTCUSDT", END)
    assert all("below" not in reason for _, reason in quarantined(lake)), report.reasons


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_symbol_is_imported_and_checked(tmp_path: Path, symbol: str) -> None:
    write(tmp_path / "source", plain(), symbol)
    lake, file = imported(tmp_path)
    assert (file.status, file.symbol) == ("imported", symbol)
    assert validate_symbol(lake, "binance_usdm", symbol, END).ok
