"""One statement folds minutes into bars of a length and into bars of the calendar."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from flows.steps.data.freshness import SQL, connect
from flows.steps.features.bars import BarSpan, fold
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

START = 20_209 * DAY_MS  # 2025-05-01
DAYS = 6
END = START + DAYS * DAY_MS


def minutes(seed: int, lost: int) -> pa.Table:
    """Return six days of candles without ``lost`` random minutes; half of them have no trades."""
    draws = np.random.default_rng(seed)
    times = START + MINUTE_MS * np.arange(DAYS * 1440)
    close = 100 + np.cumsum(0.01 * draws.standard_normal(len(times)))
    opens = np.append(close[0], close[:-1])
    columns = {
        "venue": np.full(len(times), "v"),
        "symbol": np.full(len(times), "S"),
        "open_time": pa.array(times).cast(pa.timestamp("ms", "UTC")),
        "open": opens,
        "high": np.maximum(opens, close) + 0.01,
        "low": np.minimum(opens, close) - 0.01,
        "close": close,
        "volume": draws.random(len(times)),
        "quote_volume": draws.random(len(times)),
        "trades": pa.array(draws.integers(0, 9, len(times)), mask=draws.random(len(times)) < 0.5),
        "taker_buy_base": draws.random(len(times)),
        "taker_buy_quote": draws.random(len(times)),
    }
    kept = np.ones(len(times), bool)
    kept[draws.choice(len(times), lost, replace=False)] = False
    return pa.table(columns).filter(pa.array(kept))


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as opened:
        yield opened


@pytest.mark.parametrize("seed", range(20))
def test_a_day_of_the_calendar_is_one_of_1440_minutes(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    sparse, lost = seed % 2 == 0, seed // 2
    connection.register("candles", minutes(seed, lost))
    until = END - (seed % 3) * HOUR_MS
    length = BarSpan(known_until=until, sparse=sparse, interval_ms=DAY_MS)
    day = BarSpan(known_until=until, sparse=sparse, unit="day")
    found = fold(connection, length)
    assert found.equals(fold(connection, day))
    whole = DAYS - (seed % 3 > 0)
    assert found.num_rows == whole if sparse else found.num_rows <= whole
    assert all(count == 1440 for count in found["candles"].to_pylist()) or sparse


def test_a_week_lacks_minutes_and_a_day_does_not(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("candles", minutes(1, 7))
    known = BarSpan(known_until=END + 7 * DAY_MS, sparse=False, unit="week")
    assert sum(fold(connection, known)["candles"].to_pylist()) == DAYS * 1440 - 7


def test_the_fold_is_written_once() -> None:
    folds = [path for path in SQL.rglob("*.sql") if "arg_min(open" in path.read_text()]
    assert [path.name for path in folds] == ["bars.sql"]
