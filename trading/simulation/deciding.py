"""From candles to signals: a strategy's decisions over a column, for both engines (kernels)."""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.decider import push_candle, strategy_step
from trading.kernel import Buffer, kernel
from trading.position import OFF
from trading.rows import Rows
from trading.simulation.layout import LEVELS_WIDTH, Machine, Signals
from trading.strategies.base import (
    ACTION,
    ATR,
    ENTER,
    EXIT,
    OUT_SIZE,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)


@kernel
def day_ends_at(times: list[int], row: int, base_ms: int) -> bool:
    """Whether ``row`` is the last candle of its UTC day: by the clock, or as the next row is of
    another.
    """
    if (times[row] + base_ms) % DAY_MS == 0:
        return True
    return row + 1 < len(times) and times[row + 1] // DAY_MS != times[row] // DAY_MS


@kernel
def may_enter_after(times: list[int], row: int, base_ms: int, day_bound: bool) -> bool:
    """Whether a signal on ``row`` has a next candle to enter on (of the same day, if day bound)."""
    if row + 1 >= len(times):
        return False
    return not (day_bound and day_ends_at(times, row, base_ms))


@kernel
def decide_row(rows: Rows, machine: Machine, row: int, base_ms: int, bare: bool) -> None:
    """Leave the decision on one candle in the machine's output; ``bare``: nothing but the strategy
    has a say.
    """
    if bare:
        strategy_step(
            machine.state,
            machine.par,
            machine.out,
            rows.times[row],
            base_ms,
            rows.opens[row],
            rows.highs[row],
            rows.lows[row],
            rows.closes[row],
            rows.volumes[row],
        )
        machine.out[ATR] = OFF
    else:
        push_candle(
            machine.bars,
            machine.filters,
            machine.state,
            machine.par,
            machine.out,
            base_ms,
            rows.times[row],
            rows.opens[row],
            rows.highs[row],
            rows.lows[row],
            rows.closes[row],
            rows.volumes[row],
        )


@kernel
def decide_rows(
    rows: Rows,
    machine: Machine,
    base_ms: int,
    bare: bool,
    day_bound: bool,
    signals: Signals,
    counts: list[int],
    stream: Buffer,
) -> None:
    """Decide on every row in order; ``counts`` says how many entry and exit signals there are.

    ``stream`` receives the output of each row, or is empty. Entries that no candle could fill are
    left out.
    """
    entered = 0
    left = 0
    out = machine.out
    for i in range(len(rows.times)):
        decide_row(rows, machine, i, base_ms, bare)
        for field in range(OUT_SIZE if len(stream) > 0 else 0):
            stream[i * OUT_SIZE + field] = out[field]
        if out[ACTION] == ENTER and may_enter_after(rows.times, i, base_ms, day_bound):
            signals.entries[entered] = i
            signals.atrs[entered] = out[ATR]
            if len(signals.levels) > 0:
                signals.levels[LEVELS_WIDTH * entered] = out[SIDE]
                signals.levels[LEVELS_WIDTH * entered + 1] = out[STOP_PRICE]
                signals.levels[LEVELS_WIDTH * entered + 2] = out[TARGET_PRICE]
            entered += 1
        elif out[ACTION] == EXIT:
            signals.exits[left] = i
            left += 1
    counts[0] = entered
    counts[1] = left
