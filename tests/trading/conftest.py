"""Real candles for the tests of the domain."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trading.candles import CandleColumns
from trading.jit import compiler

SAMPLE = Path(__file__).parents[2] / "data_lake" / "sample" / "candles_1m" / "usdm"


def read_candles(symbol: str) -> CandleColumns:
    table = pq.read_table(SAMPLE / f"{symbol}.parquet")
    prices = [table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    return CandleColumns.of(table["open_time"].cast("int64").to_numpy(), *prices)


@pytest.fixture(scope="session", autouse=True)
def _compiled_code_is_kept() -> None:
    compiler.enable()


@pytest.fixture(scope="session")
def bitcoin() -> CandleColumns:
    return read_candles("BTCUSDT")


@pytest.fixture(scope="session")
def ether() -> CandleColumns:
    return read_candles("ETHUSDT")
