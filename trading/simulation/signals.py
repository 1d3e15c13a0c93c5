"""From candles to signals: a strategy's decisions over a column, for both engines (kernels)."""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar, Rows, bar_at
from trading.positions.candle_path import AT_CLOSE, AT_OPEN
from trading.positions.position import OFF
from trading.simulation.layout import LEVELS_WIDTH, DeciderBuffers, SignalSink
from trading.strategies.decider import no_decision, push_candle, strategy_step, take_bar
from trading.strategies.filters import ATR_NOW
from trading.strategies.layout import (
    ACTION,
    ATR,
    ENTER,
    EXIT,
    FORECAST,
    HOLD,
    OUT_SIZE,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)

TakenBars = tuple[int, tuple[tuple[int, Bar], ...]]
"""A row, and the slots and candles of every timeframe that close with it, as they are taken."""


@kernel
def ends_day(rows: Rows, row: int, base_ms: int) -> bool:
    """Whether the trading day ends with the candle of ``row``; without hours, the UTC day."""
    if len(rows.closing) > 0:
        return rows.closing[row] > 0
    return (rows.times[row] + base_ms) % DAY_MS == 0


@kernel
def same_day(times: list[int], row: int, other: int) -> bool:
    """Whether two rows open on one UTC day."""
    return times[row] // DAY_MS == times[other] // DAY_MS


@kernel
def day_turn(rows: Rows, entered: int, row: int, base_ms: int) -> int:
    """Where in ``row`` the day of a position ends that filled on row ``entered``; 0: not yet.

    Where the last minutes of the day are missing nobody knew on its last candle that it was the
    last: the position ends at the open of the first candle after them.
    """
    if not same_day(rows.times, entered, row):
        return AT_OPEN
    return AT_CLOSE if ends_day(rows, row, base_ms) else 0


@kernel
def may_enter_after(times: list[int], row: int, day_bound: bool) -> bool:
    """Whether a signal on ``row`` has a next candle to enter on (of the same day, if day bound)."""
    if row + 1 >= len(times):
        return False
    return not day_bound or same_day(times, row, row + 1)


@kernel
def note_row(
    rows: Rows,
    out: Buffer,
    row: int,
    day_bound: bool,
    sink: SignalSink,
) -> None:
    """Keep what was decided on ``row``, if it is a signal that can be acted on."""
    signals, counts, stream = sink.signals, sink.counts, sink.stream
    for field in range(OUT_SIZE if len(stream) > 0 else 0):
        stream[row * OUT_SIZE + field] = out[field]
    if out[ACTION] == ENTER and may_enter_after(rows.times, row, day_bound):
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
def decide_taken(
    rows: Rows,
    taken: list[TakenBars],
    buffers: DeciderBuffers,
    day_bound: bool,
    sink: SignalSink,
) -> None:
    """Decide as :func:`decide_rows` does, on candles of every timeframe that are built already."""
    out, filters = buffers.out, buffers.filters
    for row, bars in taken:
        no_decision(out, rows.closes[row])
        if len(buffers.forecasts) > 0:
            out[FORECAST] = buffers.forecasts[row]
        for slot, bar in bars:
            take_bar(slot, filters, buffers.state, buffers.par, out, bar)
        out[ATR] = filters[ATR_NOW]
        if out[ACTION] != HOLD:
            note_row(rows, out, row, day_bound, sink)


@kernel
def decide_rows(
    rows: Rows,
    buffers: DeciderBuffers,
    base_ms: int,
    bare: bool,
    day_bound: bool,
    sink: SignalSink,
) -> None:
    """Decide on every row in order.

    ``bare``: only the strategy decides, on candles of the file. Entries that no candle could fill
    are left out.
    """
    out = buffers.out
    sink.counts[0] = 0
    sink.counts[1] = 0
    streams, forecast = len(sink.stream) > 0, len(buffers.forecasts) > 0
    if bare:  # a loop of its own keeps what it needs in the processor's registers
        out[ATR] = OFF
        for i in range(len(rows.times)):
            if forecast:
                out[FORECAST] = buffers.forecasts[i]
            strategy_step(buffers.state, buffers.par, out, bar_at(rows, i, base_ms))
            if streams or out[ACTION] != HOLD:
                note_row(rows, out, i, day_bound, sink)
        return
    for i in range(len(rows.times)):
        bar = bar_at(rows, i, base_ms)
        if forecast:
            out[FORECAST] = buffers.forecasts[i]
        push_candle(buffers.bars, buffers.filters, buffers.state, buffers.par, out, bar)
        if streams or out[ACTION] != HOLD:
            note_row(rows, out, i, day_bound, sink)
