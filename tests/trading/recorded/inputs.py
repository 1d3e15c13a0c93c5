"""Raw candles, correlations, funding and margins, as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.trading.recorded.markets import coarse, described, outcome, real
from trading.candles import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    WEEK_MS,
    CandleColumns,
    first_start,
    interval_ms,
    interval_name,
)
from trading.jit import backends
from trading.market.candle_checks import (
    describe_impossible,
    enclosing,
    impossible_rows,
    to_milliseconds,
)
from trading.market.correlation import correlations, daily_correlations
from trading.market.funding import owed_at, owed_by, rates_by_row
from trading.market.symbols import check_symbol
from trading.positions.liquidation import (
    MAJOR,
    Margin,
    bracket_at,
    brackets_of,
    liquidation_distance,
    liquidation_price,
)
from trading.positions.sizing import Sizing

TIMES = (
    *(0, 10**8 - 1, 10**8, 10**10 - 1, 10**10, 10**11 - 1, 10**11, 10**13 - 1, 10**13),
    *(10**14 - 1, 10**14, 10**16 - 1, 10**16, 10**17, 9 * 10**18 - 1, 9 * 10**18, -5),
)
"""Times on both sides of each border between two units."""
INTERVALS = ("1s", "1m", "15m", "4h", "1d", "2w", "0m", "m", "", "1x", "-1m", "1.5h", "１m")
LENGTHS = (0, -1, 1_500, 1_000, 90_000, HOUR_MS, 36 * HOUR_MS, DAY_MS, WEEK_MS, 3 * WEEK_MS)
PARTS = ("open_time", "open", "high", "low", "close", "volume")


def _candles() -> dict[str, Any]:
    return _times() | _prices() | _intervals() | _bars() | _made()


def _milliseconds(times: list[int]) -> Any:
    return outcome(lambda: to_milliseconds(np.array(times)).tolist())


def _times() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for time in TIMES:
        found[f"time {time}"] = _milliseconds([time])
        found[f"times {time}"] = _milliseconds([time, time + 60_000])
    for unit, factor in (("us", 10**3), ("ns", 10**6)):
        start = 1_746_000_000_000 * factor
        for more in (60_000 * factor, 1):
            found[f"{unit} {more}"] = _milliseconds([start, start + more])
    found["mixed"] = _milliseconds([1_746_000_000, 1_746_000_060, 1_746_000_120_000])
    return found


def _prices() -> dict[str, Any]:
    columns = (
        np.array([10.0, 10.0, 10.0, 10.0, 12.0, 10.0]),
        np.array([11.0, 9.0, 10.0, 10.5, 11.0, 11.0]),
        np.array([9.0, 8.0, 10.0, 9.5, 9.0, 11.5]),
        np.array([10.0, 8.5, 10.0, 9.4, 10.0, 10.0]),
    )
    impossible = impossible_rows(*columns)
    rounded = [np.float32(100.1), np.float32(100.3), np.float32(99.7), np.float32(100.2)]
    opens, highs, lows, closes = (np.array([float(value)] * 3) for value in rounded)
    highs, lows = highs * [1.0, 1.0 - 1e-7, 0.5], lows * [1.0, 1.0 + 1e-7, 1.5]
    opens[1], closes[1] = highs[0], lows[0]
    return {
        "impossible": impossible,
        "why": [describe_impossible(int(row), *columns) for row in np.flatnonzero(impossible)],
        "enclosing": [part.tolist() for part in enclosing(opens, highs, lows, closes)],
    }


def _intervals() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in INTERVALS:
        found[f"interval {name}"] = outcome(lambda n=name: interval_ms(n))
    for length in LENGTHS:
        found[f"length {length}"] = outcome(lambda n=length: interval_name(n))
        found[f"start of {length}"] = first_start(length) if length > 0 else 0
    return found


def _bars() -> dict[str, Any]:
    found: dict[str, Any] = {}
    series = coarse("ETHUSDT", 6_000, 3_000, 0.5)
    for length in (5 * MINUTE_MS, HOUR_MS, DAY_MS, WEEK_MS):
        bars = series.higher(length)
        found[f"higher {length}"] = [len(bars), *(getattr(bars, part) for part in PARTS)]
    begins = series.rows(int(-series.open_time[0] // MINUTE_MS % 60), 3_000).higher(HOUR_MS)
    found["higher from the hour"] = [len(begins), int(begins.open_time[0])]
    middle = int(series.open_time[50])
    found["slices"] = [
        len(series.slice()),
        len(series.slice(middle)),
        len(series.slice(middle + 1)),
        len(series.slice(None, middle)),
        len(series.slice(middle, middle + MINUTE_MS)),
    ]
    found["candle"] = series.candle(50)
    return found


def _made() -> dict[str, Any]:
    one, of = [100.0], CandleColumns.of
    made: dict[str, Callable[[], Any]] = {
        "one": lambda: of([5], one, one, one, one).interval_ms,
        "spaced": lambda: of([5, 9, 12], *[one * 3] * 4).interval_ms,
        "equal times": lambda: of([5, 5], *[one * 2] * 4, interval_ms=1),
        "falling times": lambda: of([5, 7, 6], *[one * 3] * 4, interval_ms=1),
        "lengths": lambda: of([5, 6], *[one] * 4),
        "interval": lambda: of([5, 6], *[one * 2] * 4, interval_ms=0),
        "price of 0": lambda: of([5, 6], one * 2, one * 2, [1.0, 0.0], one * 2),
        "price below 1": lambda: of([5], [0.5], [0.5], [0.5], [0.5]).candle(0),
        "infinite": lambda: of([5, 6], one * 2, [1.0, np.inf], one * 2, one * 2),
        "symbol": lambda: check_symbol("A" * 40),
        "long symbol": lambda: check_symbol("A" * 41),
        "no symbol": lambda: check_symbol("btc"),
    }
    return {name: outcome(call) for name, call in made.items()}


def _correlations() -> dict[str, Any]:
    two = [real("BTCUSDT", 0, 12 * 1_440), real("ETHUSDT", 700, 11 * 1_440)]
    first = int(two[0].open_time[0]) // DAY_MS
    days = np.arange(first, first + 14)
    rng = np.random.default_rng(3)
    moves = rng.normal(size=(40, 3))
    moves[:, 1] += moves[:, 0]
    moves[rng.random((40, 3)) < 0.2] = np.nan
    still = np.where(np.isfinite(moves), 0.5, np.nan)
    hours = [one.higher(HOUR_MS) for one in two]
    four = [two[0].higher(4 * HOUR_MS), hours[1]]
    return {
        "by day": daily_correlations(two, days).reshape(len(days), -1).tolist(),
        "of hours": daily_correlations(hours, days),
        "of four hours": daily_correlations(four, days + 1),
        "before all": daily_correlations(hours, np.array([first - 40, first - 39])),
        "rows": [correlations(moves, least).reshape(-1).tolist() for least in (0, 2, 26, 30, 40)],
        "two rows": correlations(moves[:2], 2).reshape(-1).tolist(),
        "still": correlations(still, 2),
    }


def _funding() -> dict[str, Any]:
    times = np.array([100, 200, 300, 400])
    rates = {50: 0.1, 100: 0.2, 101: 0.3, 200: -0.1, 399: 0.05, 400: 0.5, 401: 9.0}
    plain = backends.backend(compiled=False)
    owed = owed_by(times, np.array([1.0, 2.0, 4.0, 8.0]), rates, plain)
    return {
        "by row": rates_by_row(times, rates).tolist(),
        "owed": [owed_at(owed, row) for row in range(len(times))],
        "none": owed_by(times, np.ones(4), {}, plain).sums,
    }


def _margins() -> dict[str, Any]:
    small = brackets_of([(20, 1_000, 0.01), (10, 5_000, 0.02), (2, 20_000, 0.1)])
    entries = [
        liquidation_price(side, quantity, 100.0, quantity * 100.0 / leverage, small)
        for side in (1, -1)
        for quantity in (1.0, 9.9, 10.5, 60.0, 500.0)
        for leverage in (1.0, 2.0, 10.0, 20.0)
    ]
    sizes = [
        Sizing(0.3, method, 0.01, 2.0).quantity(1_000.0, 50.0, stop, leverage, fee)
        for method in ("share", "risk")
        for stop in (48.0, 49.9, 51.0)
        for leverage in (1.0, 5.0)
        for fee in (0.0, 0.001)
    ]
    return {
        "brackets": MAJOR,
        "prices": entries,
        "at": [bracket_at(small, n).rate for n in (0.0, 1_000.0, 1_000.5, 20_000.0, 30_000.0)],
        "most": [
            outcome(lambda x=x: Margin(1.0, small).most_notional(x)) for x in (1, 2, 2.5, 20, 21)
        ],
        "distance": [liquidation_distance(x, 0.004) for x in (1.0, 5.0, 125.0)],
        "margins": [
            outcome(lambda c=c, n=n: Margin(c, (small * 5)[:n]).tiers)
            for c, n in (
                (0.0, 1),
                (-1.0, 1),
                (0.5, 1),
                (float("inf"), 1),
                (1.0, 0),
                (1.0, 12),
                (1.0, 13),
            )
        ],
        "descending": [
            outcome(lambda r=r: brackets_of(r))
            for r in (
                [(2, 100, 0.1), (1, 100, 0.2)],
                [(2, 100, 0.1), (1, 200, 0.1)],
                [(1, 0, 0.1)],
                [(1, 1, 0.0)],
            )
        ],
        "sizes": sizes,
        "by risk": [Sizing(0.1, m).by_risk for m in ("share", "risk", "turtle", "volatility")],
        "numbers": [Sizing(0.1, m, 0.02, 3.0).numbers for m in ("share", "turtle")],
    }


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "raw candles": _candles,
    "correlations": _correlations,
    "funding": _funding,
    "margins": _margins,
}


def lines_of(name: str) -> list[str]:
    """Return the lines of one case."""
    return [line for part, value in CASES[name]().items() for line in described(part, value)]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(name) for name in CASES}
