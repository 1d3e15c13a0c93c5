"""A candle costs the same after a long history as after a short one, in work and in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from quick_values import marked, quick_values

from trading import indicators, rolling
from trading.candles import DAY_MS, Candle, CandleColumns
from trading.decider import Decider
from trading.ict.batch import IctSettings
from trading.ict.layout import LOG_HEAD
from trading.ict.step import ict_step
from trading.strategies.registry import get_strategy, strategy_names

TESTS = Path(__file__).parents[1]
MINUTE = 60_000
DAY = 1_440
LOOKED_AT = 200


def lines_of(work: Callable[[], None]) -> int:
    """Lines of Python that ``work`` runs: a measure that no other process disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> object:
        nonlocal count
        del frame, arg
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def day_again(day: CandleColumns, turn: int) -> list[Candle]:
    """The same day, ``turn`` days later."""
    found = (day.candle(row) for row in range(len(day)))
    return [
        Candle(c.open_time + turn * DAY_MS, c.open, c.high, c.low, c.close, c.volume) for c in found
    ]


def decide_all(decider: Decider, candles: list[Candle]) -> None:
    """Feed them."""
    for candle in candles:
        decider.on_candle(candle)


@pytest.mark.parametrize("name", [marked(name) for name in strategy_names()])
def test_a_decision_costs_the_same_on_the_sixth_day_as_on_the_third(name, bitcoin):
    first = int(-(-bitcoin.open_time[0] // DAY_MS) * DAY_MS)
    day = bitcoin.slice(first, first + DAY_MS)
    assert len(day) == DAY
    decider = Decider(get_strategy(name), quick_values(name), MINUTE)
    sizes, costs = [], []
    for turn in range(6):
        candles = day_again(day, turn)
        decide_all(decider, candles[:-LOOKED_AT])
        costs.append(lines_of(partial(decide_all, decider, candles[-LOOKED_AT:])))
        buffers = (decider._bars, decider._filters, decider._state, decider._out)
        sizes.append([len(buffer) for buffer in buffers])
    assert sizes[0] == sizes[-1]
    assert costs[0] > 5 * LOOKED_AT
    assert costs[5] <= 1.1 * costs[2], costs


def test_structures_cost_the_same_after_a_long_history(bitcoin):
    """On the same day again and again, books stay as full as they were."""
    first = int(-(-bitcoin.open_time[0] // DAY_MS) * DAY_MS)
    day = bitcoin.slice(first, first + DAY_MS)
    state, log = IctSettings().state(), [0.0] * LOG_HEAD
    size, costs = len(state), []

    def feed(candles: list[Candle]) -> None:
        for c in candles:
            ict_step(state, 0, log, c.open, c.high, c.low, c.close, c.volume)

    for turn in range(6):
        candles = day_again(day, turn)
        feed(candles[:-LOOKED_AT])
        costs.append(lines_of(partial(feed, candles[-LOOKED_AT:])))
    assert (len(state), len(log)) == (size, LOG_HEAD)
    assert costs[0] > 5 * LOOKED_AT
    assert costs[5] <= 1.1 * costs[2], costs


@pytest.mark.parametrize("module", [indicators, rolling])
def test_every_indicator_is_compared_to_the_bit_at_both_speeds(module):
    """A new one that `tests/parity` does not run would be missed."""
    names = {name for name in vars(module) if name.endswith("_step")}
    own = {name for name in names if getattr(module, name).__module__ == module.__name__}
    compared = (TESTS / "parity" / "speed_pairs.py").read_text()
    assert len(own) >= 4
    assert not [name for name in sorted(own) if f"{name}(" not in compared]
