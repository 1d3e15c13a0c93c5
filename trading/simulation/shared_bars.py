"""Candles of higher timeframes built once for many sets of signals, in plain Python.

Sets of a search mostly share their timeframes, and building the candles takes plain Python as long
as most strategies. They are recorded as the decider builds them, so gaps and partial candles need
no second rule. Compiled, building them again costs less than reading them back.
"""

from __future__ import annotations

from typing import Any

from trading.jit.kernel import Buffer, bind, kernel
from trading.market.rows import Bar, Rows, bar_at
from trading.simulation.signals import TakenBars
from trading.strategies.decider import push_candle
from trading.strategies.setup import Setup


@kernel
def keep_bar(
    slot: int, filters: Buffer, state: list[Any], par: Buffer, out: Buffer, bar: Bar
) -> None:
    """Take a candle as `trading.strategies.decider.take_bar` does, but only record it."""
    del filters, par, out
    state.append((slot, bar))


def taken_bars(rows: Rows, setup: Setup) -> list[TakenBars]:
    """Return the candles that a decider of ``setup`` takes, for the rows on which it takes any."""
    push = bind(push_candle, take_bar=keep_bar)
    bars, filters, _, par, out = setup.buffers()
    taken: list[TakenBars] = []
    for row in range(len(rows.times)):
        found: list[tuple[int, Bar]] = []
        push(bars, filters, found, par, out, bar_at(rows, row, setup.base_ms))
        if found:
            taken.append((row, tuple(found)))
    return taken
