"""Minutes beside the source's own hours and days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.settings import ValidationSettings
from flows.steps.data.checks.agreement import agreements, compare
from flows.steps.data.validate import SymbolReport, validate_symbol
from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.flows.candle_lake import minutes, ms, put_checked, put_raw, table
from trading.candles import HOUR_MS

START = datetime(2025, 6, 2, tzinfo=UTC)
END = START + timedelta(days=1)
HOURS = 24


def own_hours(**changed: tuple[int, float]) -> dict[str, list[Any]]:
    """Return the hours that `minutes` make from `START` on, with changed values by column."""
    base = minutes(START, HOURS * 60)
    hours: dict[str, list[Any]] = {"open_time": [ms(START) + n * HOUR_MS for n in range(HOURS)]}
    parts = [slice(60 * n, 60 * n + 60) for n in range(HOURS)]
    hours["open"] = [base["open"][part][0] for part in parts]
    hours["high"] = [max(base["high"][part]) for part in parts]
    hours["low"] = [min(base["low"][part]) for part in parts]
    hours["close"] = [base["close"][part][-1] for part in parts]
    for name in ("volume", "quote_volume", "trades", "taker_buy_base", "taker_buy_quote"):
        hours[name] = [sum(base[name][part]) for part in parts]
    for name, (row, value) in changed.items():
        hours[name][row] = value
    return hours


def put_hours(lake: Lake, columns: dict[str, list[Any]]) -> None:
    """Write raw hours of BTCUSDT."""
    where = {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1h", "month": "2025-06"}
    lake.write(RAW_CANDLES, table(columns), **where)


def validated(lake: Lake, **limits: float) -> SymbolReport:
    """Put the minutes beside the hours, and check the symbol."""
    put_raw(lake, "BTCUSDT", table(minutes(START, HOURS * 60)))
    settings = ValidationSettings(**limits)  # type: ignore[arg-type]
    return validate_symbol(lake, "binance_usdm", "BTCUSDT", END, settings=settings)


def test_hours_that_agree_say_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_hours(lake, own_hours())
    report = validated(lake)
    assert (report.ok, report.oddities) == (True, ())
    (found,) = agreements(lake, "binance_usdm", "BTCUSDT", END)
    assert (found.compared, found.different) == (HOURS, 0)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_one_hour_that_differs_is_named_and_the_symbol_stays(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path)
    put_hours(lake, own_hours(**{name: (3, 104.5)}))
    report = validated(lake)
    assert report.ok
    (text,) = report.oddities
    assert text.startswith("BTCUSDT: 1 of 24 candles of 1h are not those of the minutes, first")
    assert f"2025-06-02 03:00: {name} 104.5, of the minutes" in text


def test_beyond_the_limit_the_symbol_is_left_out_with_value_limit_and_setting(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    put_hours(lake, own_hours(close=(3, 104.5)))
    report = validated(lake, max_different_share=0.04)
    assert report.status == "failed"
    (reason,) = report.reasons
    assert "1 of 24 candles of 1h" in reason
    assert "(4.17%), more than validation.max_different_share = 0.04" in reason


def test_an_hour_with_a_missing_minute_is_not_compared() -> None:
    columns = {name: values[:70] + values[71:] for name, values in minutes(START, 1440).items()}
    found = compare(table(columns), table(own_hours(close=(1, 1.0))), "1h")
    assert (found.compared, found.different) == (HOURS - 1, 0)


def test_hours_after_as_of_are_not_compared(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_checked(lake, "BTCUSDT", table(minutes(START, HOURS * 60)))
    put_hours(lake, own_hours(close=(3, 104.5)))
    half = START + timedelta(hours=3, minutes=30)
    (found,) = agreements(lake, "binance_usdm", "BTCUSDT", half)
    assert (found.compared, found.different) == (3, 0)


def test_a_damaged_file_of_hours_costs_no_minute(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_hours(lake, own_hours())
    where = {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1h", "month": "2025-06"}
    lake.path(RAW_CANDLES, **where).write_bytes(b"no Parquet")
    report = validated(lake)
    assert report.ok
    assert "its longer candles are not compared" in report.oddities[0]
