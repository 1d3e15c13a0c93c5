"""`nocturne import`: freqtrade's data and own files, through the importer of the nightly."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from cli.main import main
from flows.steps.data.validate import validate_symbol
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING

START = datetime(2025, 1, 31, 20, tzinfo=UTC)
MINUTES = 600


def candles(step: timedelta = timedelta(minutes=1), count: int = MINUTES) -> pl.DataFrame:
    """Return candles as freqtrade stores them, across the end of a month."""
    closes = [100.0 + (row % 7) / 4 for row in range(count)]
    opens = [closes[0], *closes[:-1]]
    return pl.DataFrame(
        {
            "date": [START + step * row for row in range(count)],
            "open": opens,
            "high": [max(pair) + 0.5 for pair in zip(opens, closes, strict=True)],
            "low": [min(pair) - 0.5 for pair in zip(opens, closes, strict=True)],
            "close": closes,
            "volume": [3.0] * count,
        }
    ).with_columns(pl.col("date").cast(pl.Datetime("ns", "UTC")))


def rates() -> pl.DataFrame:
    """Return funding rates as freqtrade stores them: as the opening prices of candles."""
    frame = candles(timedelta(hours=8), 6).with_columns(pl.lit(0.0001).alias("open"))
    return frame.with_columns(pl.lit(0.0).alias(n) for n in ("high", "low", "close", "volume"))


def save(path: Path, frame: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = frame.with_columns(pl.col("date").dt.timestamp("ms")).rows()
    if path.name.endswith(".json.gz"):
        path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_ipc(path, compression="lz4")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "import", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def series(lake: Path) -> set[tuple[str, str, str]]:
    """Return venue, symbol and interval of the stored candles."""
    parts = Lake(lake).partitions(RAW_CANDLES)
    return {(p.values["venue"], p.values["symbol"], p.values["interval"]) for p in parts}


FREQTRADE = {
    "binance/BTC_USDT-1m.feather": ("binance_spot", "BTCUSDT", "1m"),
    "binance/ETH_BTC-1m.json": ("binance_spot", "ETHBTC", "1m"),
    "binance/ETH_USDT-1m.json.gz": ("binance_spot", "ETHUSDT", "1m"),
    "binance/SOL_USDT-1m.parquet": ("binance_spot", "SOLUSDT", "1m"),
    "binance/1INCH_USDT-1m.feather": ("binance_spot", "1INCHUSDT", "1m"),
    "binance/币安人生_USDT-1m.feather": ("binance_spot", "币安人生USDT", "1m"),
    "binance/futures/BTC_USDT_USDT-1m-futures.feather": ("binance_usdm", "BTCUSDT", "1m"),
    "binance/futures/1000PEPE_USDT_USDT-1m-futures.parquet": ("binance_usdm", "1000PEPEUSDT", "1m"),
    "binance/futures/BTC_USDC_USDC-1m-futures.json.gz": ("binance_usdm", "BTCUSDC", "1m"),
    "binance/futures/BTC_USDT_USDT-250627-1m-futures.feather": (
        "binance_usdm",
        "BTCUSDT_250627",
        "1m",
    ),
    "upbit/BTC_KRW-1m.feather": ("upbit", "KRW-BTC", "1m"),
    "upbit/XRP_KRW-1m.json": ("upbit", "KRW-XRP", "1m"),
}


@pytest.mark.parametrize("name", FREQTRADE)
@pytest.mark.parametrize("start", ["user_data", "user_data/data", "user_data/data/exchange"])
def test_freqtrades_candles_are_imported_from_any_of_its_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, start: str
) -> None:
    save(tmp_path / "user_data" / "data" / name, candles())
    folder = tmp_path / start.replace("exchange", name.split("/")[0])
    lake = tmp_path / "lake"
    assert run(monkeypatch, "freqtrade", str(folder), "--lake", str(lake)) == 0
    venue, symbol, interval = FREQTRADE[name]
    assert series(lake) == {(venue, symbol, interval)}
    rows = Lake(lake).read(RAW_CANDLES, venue=venue, symbol=symbol)
    assert rows["close"].to_pylist() == candles()["close"].to_list()
    assert rows["open_time"].to_pylist()[-1] == START + timedelta(minutes=MINUTES - 1)
    report = validate_symbol(Lake(lake), venue, symbol, START + timedelta(days=1))
    assert (report.status, report.rows) == ("passed", MINUTES)


def test_funding_rates_are_imported_and_other_prices_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lake = tmp_path / "data" / "binance" / "futures", tmp_path / "lake"
    save(folder / "BTC_USDT_USDT-8h-funding_rate.feather", rates())
    save(folder / "BTC_USDT_USDT-8h-mark.feather", rates())
    (folder / "BTC_USDT_USDT-trades.feather").touch()
    (folder / "notes.json").write_text("{}")
    assert run(monkeypatch, "freqtrade", str(tmp_path / "data"), "--lake", str(lake)) == 1
    found = Lake(lake).read(RAW_FUNDING, symbol="BTCUSDT", venue="binance_usdm")
    assert found["funding_rate"].to_pylist() == [0.0001] * 6
    assert found["funding_time"].to_pylist()[1] == START + timedelta(hours=8)
    printed = capsys.readouterr().out
    assert "8h-mark.feather: candles of the mark price are not imported" in printed
    assert "trades.feather: trades are not imported" in printed
    assert "notes" not in printed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data/kraken/BTC_USDT-1m.feather", "no venue for freqtrade's exchange 'kraken'"),
        ("data/binance/BTC_USDT-1m.h5", "run: freqtrade convert-data --format-to feather"),
        ("data/binance/BTC_USDT-1Mo.feather", "interval '1Mo' is not known"),
        ("data/binance/futures/BTC_USD_BTC-1m-futures.feather", "coin-margined futures are not"),
    ],
)
def test_what_has_no_place_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
) -> None:
    save(tmp_path / name, candles())
    lake = tmp_path / "lake"
    assert run(monkeypatch, "freqtrade", str(tmp_path / "data"), "--lake", str(lake)) == 1
    assert words in capsys.readouterr().out
    assert not lake.exists()


OWN = {
    "BTCUSDT.csv": ("binance_usdm", "BTCUSDT", "1m"),
    "BTCUSDT-5m.csv": ("binance_usdm", "BTCUSDT", "5m"),
    "spot/ETHUSDT_1m.feather": ("binance_spot", "ETHUSDT", "1m"),
    "upbit/KRW-BTC.parquet": ("upbit", "KRW-BTC", "1m"),
    "krx/candles_1d/005930.csv": ("krx", "005930", "1d"),
    "usdm/BTCUSDT_250627.csv": ("binance_usdm", "BTCUSDT_250627", "1m"),
    "candles_1h/usdm/1000PEPEUSDT.parquet": ("binance_usdm", "1000PEPEUSDT", "1h"),
    "BINANCE_BTCUSDT.P, 1_a1b2c.csv": ("binance_usdm", "BTCUSDT", "1m"),
    "BINANCE_ETHUSDT, 60.csv": ("binance_spot", "ETHUSDT", "1h"),
    "spot/BINANCE_BTCUSDTPERP, 5 (1).csv": ("binance_usdm", "BTCUSDT", "5m"),
    "BINANCE_SOLUSDT.P, D.csv": ("binance_usdm", "SOLUSDT", "1d"),
    "UPBIT_BTCKRW, 1D_09afe.csv": ("upbit", "KRW-BTC", "1d"),
    "KRX_005930, 1D.csv": ("krx", "005930", "1d"),
}
STEPS = {"1m": 1, "5m": 5, "1h": 60, "1d": 1440}


@pytest.mark.parametrize("name", OWN)
def test_a_folder_of_own_files_is_imported_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    step = timedelta(minutes=STEPS[OWN[name][2]])
    save(tmp_path / "own" / name, candles(step, 200))
    arguments = ("folder", str(tmp_path / "own"), "--lake", str(tmp_path / "lake"))
    assert run(monkeypatch, *arguments) == 0
    assert series(tmp_path / "lake") == {OWN[name]}
    assert "200 rows of 1 file" in capsys.readouterr().out
    assert run(monkeypatch, *arguments) == 0
    assert "0 partitions written, 1 files unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BYBIT_BTCUSDT.P, 1.csv", "no venue for TradingView's exchange 'BYBIT'"),
        ("BINANCE_BTCUSD.P, 1.csv", "coin-margined futures are not supported"),
        ("BINANCE_BTCUSDT, 1M.csv", "candles of months are not imported"),
    ],
)
def test_an_export_of_tradingview_that_has_no_place_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
) -> None:
    save(tmp_path / "own" / name, candles())
    lake = tmp_path / "lake"
    assert run(monkeypatch, "folder", str(tmp_path / "own"), "--lake", str(lake)) == 1
    assert words in capsys.readouterr().out
    assert not lake.exists()


def test_only_the_symbols_that_are_named_are_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("BTCUSDT.csv", "ETHUSDT.csv"):
        save(tmp_path / "own" / name, candles())
    lake = tmp_path / "lake"
    arguments = ("--symbols", "ETHUSDT", "--venue", "binance_spot", "--lake", str(lake))
    assert run(monkeypatch, "folder", str(tmp_path / "own"), *arguments) == 0
    assert series(lake) == {("binance_spot", "ETHUSDT", "1m")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("folder", "absent"), "the folder absent does not exist"),
        (("folder", "."), "holds no archive ZIP, candle file or snapshot"),
        (("freqtrade", "."), "holds no file of freqtrade"),
        (("folder", ".", "--venue", "moon"), "the venue 'moon' is not known"),
        (("folder", ".", "--symbols", "btc/usdt"), "'btc/usdt' is not a symbol"),
    ],
)
def test_a_mistake_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
