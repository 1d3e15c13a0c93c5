"""From candles to signals: a strategy's decisions over a column, for both engines (kernels)."""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Rows, bar_at
from trading.positions.position import OFF
from trading.simulation.layout import LEVELS_WIDTH, Machine, Signals
from trading.strategies.decider import push_candle, strategy_step
from trading.strategies.layout import (
    ACTION,
    ATR,
    ENTER,
    EXIT,
    HOLD,
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
def note_row(
    rows: Rows,
    out: Buffer,
    row: int,
    base_ms: int,
    day_bound: bool,
    signals: Signals,
    counts: list[int],
    stream: Buffer,
) -> None:
    """Keep what was decided on ``row``, if it is a signal that can be acted on."""
    for field in range(OUT_SIZE if len(stream) > 0 else 0):
        stream[row * OUT_SIZE + field] = out[field]
    if out[ACTION] == ENTER and may_enter_after(rows.times, row, base_ms, day_bound):
        entered = counts[0]
        signals.entries[entered] = row
        signals.atrs[entered] = out[ATR]
        if len(signals.levels) > 0:
            signals.levels[LEVELS_WIDTH * entered] = out[SIDE]
            signals.levels[LEVELS_WIDTH * entered + 1] = out[STOP_PRICE]
            signals.levels[LEVELS_WIDTH * entered + 2] = out[TARGET_PRICE]
        counts[0] = entered + 1
    elif out[ACTION] == EXIT:
        signals.exits[counts[1]] = row
        counts[1] += 1


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

    ``bare``: nothing but the strategy has a say. ``stream`` receives the output of each row, or is
    empty. Entries that no candle could fill are left out.
    """
    out = machine.out
    counts[0] = 0
    counts[1] = 0
    streams = len(stream) > 0
    if bare:  # a loop of its own keeps what it needs in the processor's registers
        out[ATR] = OFF
        for i in range(len(rows.times)):
            strategy_step(machine.state, machine.par, out, bar_at(rows, i, base_ms))
            if streams or out[ACTION] != HOLD:
                note_row(rows, out, i, base_ms, day_bound, signals, counts, stream)
        return
    for i in range(len(rows.times)):
        bar = bar_at(rows, i, base_ms)
        push_candle(machine.bars, machine.filters, machine.state, machine.par, out, bar)
        if streams or out[ACTION] != HOLD:
            note_row(rows, out, i, base_ms, day_bound, signals, counts, stream)
