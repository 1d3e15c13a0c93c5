"""What a month of raw candles amounts to: the few numbers that its suite of expectations checks.

A month of 44,640 candles has one row of facts, so that Great Expectations checks years of a symbol
at once, at a cost that does not grow with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lake.tables import RAW_CANDLES
from trading.candles import MINUTE_MS

Floats = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
FLOWS = ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote")


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """Facts of a month of raw candles.

    ``foreign`` counts columns that are missing, of another type, or not in the contract; ``empty``
    counts prices and volumes without a finite value. The lowest and highest values are those of
    all prices, and of volume and flows. ``shortest_step`` is the least time (ms) from a row to the
    next, `MINUTE_MS` for a single row; ``past_minute`` the most (ms) by which a row misses its full
    minute. ``over_high`` and ``under_low`` say how far open or close lie outside of high and low.
    """

    rows: int
    foreign: int
    empty: int
    lowest_price: float
    highest_price: float
    lowest_volume: float
    highest_volume: float
    lowest_flow: float
    highest_flow: float
    shortest_step: int
    past_minute: int
    over_high: float
    under_low: float


def facts_of(data: pa.Table) -> MonthFacts:
    """Return the facts of a table of raw candles; what a table lacks counts as foreign."""
    wanted = {field.name: field.type for field in RAW_CANDLES.schema}
    found = {field.name: field.type for field in data.schema}
    foreign = {name for name in {*wanted, *found} if wanted.get(name) != found.get(name)}
    usable = [name for name in wanted if name not in foreign]
    numbers = {name: _numbers(data, name) for name in usable if name != "open_time"}
    prices = [numbers[name] for name in PRICES if name in numbers]
    flows = [numbers[name] for name in FLOWS if name in numbers]
    volumes = [numbers["volume"]] if "volume" in numbers else []
    times = _times(data) if "open_time" in usable else np.empty(0, np.int64)
    steps = np.diff(times)
    whole = len(prices) == len(PRICES)
    opens, highs, lows, closes = prices if whole else [np.empty(0)] * len(PRICES)
    return MonthFacts(
        rows=data.num_rows,
        foreign=len(foreign),
        empty=sum(int((~np.isfinite(column)).sum()) for column in (*prices, *volumes)),
        lowest_price=_lowest(prices),
        highest_price=_highest(prices),
        lowest_volume=_lowest(volumes),
        highest_volume=_highest(volumes),
        lowest_flow=_lowest(flows),
        highest_flow=_highest(flows),
        shortest_step=int(steps.min(initial=MINUTE_MS)),
        past_minute=int((times % MINUTE_MS).max(initial=0)),
        over_high=_highest([np.maximum(opens, closes) - highs]),
        under_low=_highest([lows - np.minimum(opens, closes)]),
    )


def _lowest(columns: list[Floats]) -> float:
    """Return the least number; 1 if there is none, which no expectation minds."""
    found = [float(np.nanmin(column)) for column in columns if not np.isnan(column).all()]
    return min(found, default=1.0)


def _highest(columns: list[Floats]) -> float:
    """Return the greatest number; 0 if there is none, which no expectation minds."""
    found = [float(np.nanmax(column)) for column in columns if not np.isnan(column).all()]
    return max(found, default=0.0)


def _times(data: pa.Table) -> npt.NDArray[np.int64]:
    return np.asarray(data["open_time"].cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbers(data: pa.Table, name: str) -> Floats:
    """Return a column as floats; a null becomes NaN."""
    values: npt.NDArray[Any] = data[name].to_numpy()
    return np.asarray(values, dtype=np.float64)
