"""Units of time are recognised, impossible prices are named, and symbols have one grammar."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import MINUTE_MS
from trading.errors import DataError
from trading.market.candle_checks import (
    checked_candles,
    enclosing,
    refuse_impossible,
    to_milliseconds,
)
from trading.market.symbols import check_symbol, is_symbol

DIVISORS = {"s": (1, 1_000), "ms": (1, 1), "us": (1_000, 1), "ns": (1_000_000, 1)}


@pytest.mark.parametrize("unit", DIVISORS)
@pytest.mark.parametrize("seed", range(20))
def test_the_unit_of_times_is_recognised(unit: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = int(rng.choice([1, 5, 60, 1440])) * MINUTE_MS
    start = int(rng.integers(1_483_228_800, 1_893_456_000)) * 1_000
    times = start + step * np.arange(int(rng.integers(1, 50)), dtype=np.int64)
    factor, divisor = DIVISORS[unit]
    assert np.array_equal(to_milliseconds(times * factor // divisor), times)


@pytest.mark.parametrize(
    "values",
    [
        [20_250_601, 20_250_602],
        [45_000, 45_001],
        [5 * 10**10, 5 * 10**10 + 60],
        [5 * 10**13, 5 * 10**13 + 60],
        [5 * 10**16],
        [1_748_736_000, 1_748_736_060_000],
        [1_748_736_000_000, 1_748_736_060],
        [1_748_736_000_000_001],
    ],
)
def test_times_of_an_unclear_unit_are_refused_with_one_sentence(values: list[int]) -> None:
    with pytest.raises(DataError, match="open_time") as caught:
        to_milliseconds(np.array(values, dtype=np.int64))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(20))
def test_an_impossible_row_is_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    opens = rng.uniform(90, 110, 50)
    closes = rng.uniform(90, 110, 50)
    highs, lows = np.maximum(opens, closes) + 1, np.minimum(opens, closes) - 1
    refuse_impossible(opens, highs, lows, closes)
    row = int(rng.integers(0, 50))
    kind = seed % 3
    if kind == 0:
        highs[row], lows[row] = lows[row], highs[row]
    elif kind == 1:
        highs[row] = max(opens[row], closes[row]) - 1e-6
        lows[row] = min(lows[row], highs[row])
    else:
        lows[row] = min(opens[row], closes[row]) + 1e-6
        highs[row] = max(highs[row], lows[row])
    with pytest.raises(DataError, match=f"^row {row}: (high|low) "):
        refuse_impossible(opens, highs, lows, closes)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_to_float32_makes_no_row_impossible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    opens, closes = rng.uniform(1e-4, 1e5, (2, 200))
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    rounded = closes.astype(np.float32).astype(np.float64)
    refuse_impossible(opens, *enclosing(opens, highs, lows, rounded), rounded)
    with pytest.raises(DataError):
        refuse_impossible(opens, *enclosing(opens, highs, lows, rounded * 1.001), rounded * 1.001)


GOOD = [
    "BTCUSDT",
    "1000PEPEUSDT",
    "BTCUSDT_250627",
    "KRW-BTC",
    "币安人生USDT",
    "005930",
    "ÜUSDT",
    "4USDT",
]
BAD = ["", "btcusdt", "BTC/USDT", "BTC USDT", "-BTC", "_BTC", ".", "..", "A" * 41, "A\n", "üUSDT"]


@pytest.mark.parametrize("text", GOOD)
def test_a_symbol_may_hold_letters_of_any_script_digits_dashes_and_underscores(text: str) -> None:
    assert check_symbol(text) == text


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_with_one_sentence(text: str) -> None:
    assert not is_symbol(text)
    with pytest.raises(DataError, match="is not a symbol; up to 40 capital letters"):
        check_symbol(text)


def test_a_candle_may_open_at_the_first_moment_of_1970_and_none_before() -> None:
    one = np.array([1.0])
    times, _, _ = checked_candles(np.array([0]), (one, one, one, one), one)
    assert times.tolist() == [0]
    with pytest.raises(DataError, match="open_time in row 0 is -1, no time since 1970"):
        checked_candles(np.array([-1]), (one, one, one, one), one)
