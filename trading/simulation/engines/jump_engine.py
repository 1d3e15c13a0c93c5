"""The fast search: from signal to exit by jumps, so that cost grows with trades (kernels).

The full simulation visits every candle. This engine finds the first candle that touches a level or
can raise a trailing stop, by extremes of blocks of candles, and runs the same lifecycle kernels on
that candle.
"""

from __future__ import annotations

from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Extremes, Rows
from trading.metrics import EQUITY, SUMS_SIZE, sums_clear, sums_days
from trading.positions.candle_path import AT_CLOSE, CandleTurn
from trading.positions.exit_rules import R_DAY_END, RULES_SIZE
from trading.positions.lifecycle import CASH, FILLS, heeds_exit
from trading.positions.position import NO_EXIT
from trading.simulation.engines.level_search import first_touch, measure_horizon, touch_row
from trading.simulation.engines.plain_trades import (
    calm_range,
    enter_long,
    market_at_end,
    plain_end,
    plain_paid,
    row_exit,
)
from trading.simulation.engines.staged_trades import (
    calm_life,
    enter_life,
    is_missed,
    live_on,
    mean_exit,
    staged_paid,
)
from trading.simulation.engines.trade_log import (
    count_trade,
    exit_from,
    keep_trade,
    net_growth,
    scale_of,
    time_limit,
)
from trading.simulation.layout import ClosedTrade, Horizons, JumpTape, Opening, Record, RowSpan
from trading.simulation.signals import day_turn, ends_day


@kernel
def stays_calm(
    rows: Rows, extremes: Extremes, row: int, horizons: Horizons, s: int, lower: float, upper: float
) -> bool:
    """Whether no candle from ``row`` to the horizon of entry ``s`` leaves the calm range."""
    if horizons.low[s] != horizons.low[s]:
        measure_horizon(rows, extremes, row, horizons, s)
    return not (horizons.low[s] <= lower or horizons.high[s] >= upper)


@kernel
def trade_plain(tape: JumpTape, rules: Buffer, c: int, position: Buffer, record: Record) -> int:
    """Trade combination ``c``, whose positions are bought and sold whole; the number of trades."""
    rows, extremes, signals = tape.rows, tape.extremes, tape.signals
    horizons, window = tape.horizons, tape.window
    at = c * RULES_SIZE
    day_bound = rules[at + R_DAY_END] > 0.0
    count, e, s, free_from = 0, 0, 0, 0
    while s < len(signals.entries):
        if signals.entries[s] < free_from:
            s += 1
            continue
        row = signals.entries[s] + 1
        enter_long(position, rows.opens[row], signals.atrs[s], rules, at)
        horizon = horizons.ends[s] if day_bound else window.last
        e = exit_from(signals.exits, e, row)
        leaves = e < len(signals.exits) and signals.exits[e] < horizon
        lower, upper = calm_range(position)
        calm = day_bound and not leaves
        left, code, wants_out = horizon, horizons.codes[s] if day_bound else NO_EXIT, False
        if not (calm and stays_calm(rows, extremes, row, horizons, s, lower, upper)):
            stop = signals.exits[e] if leaves else horizon - 1
            left, code = touch_row(position, rows, extremes, row, stop), NO_EXIT
            wants_out = leaves and left > stop
        if code == NO_EXIT:
            ends = day_turn(rows, row, left, window.base_ms) if day_bound else 0
            code = row_exit(position, rows, left, ends, left == window.last, wants_out)
        market = market_at_end(rows, row, left, code)
        closed, growth = plain_end(position, rules, at, code, market)
        paid = plain_paid(position, rules, at, tape.owed, row, left)
        scale = scale_of(signals, s)
        growth = net_growth(growth, paid, scale)
        count_trade(record, window, c, growth, left - row + 1, rows.times[left])
        trade = ClosedTrade(row, left, code, closed, growth, paid * scale, scale)
        keep_trade(record, count, position, trade)
        count += 1
        free_from = left + 1
        s = horizons.following[s] if day_bound and left == horizon else s + 1
    return count


@kernel
def live_by_jumps(
    life: Buffer,
    rules: Buffer,
    at: int,
    tape: JumpTape,
    span: RowSpan,
    e: int,
    fills: Buffer,
) -> tuple[int, int, int]:
    """Live through the rows of ``span`` to the end: its row and code, and the next exit signal.

    ``e`` is an exit signal at or before the next one.
    """
    rows, extremes, exits, window = tape.rows, tape.extremes, tape.signals.exits, tape.window
    i, horizon = span.first, span.horizon
    while True:
        stop, leaves = horizon - 1, False
        if heeds_exit(life, rules, at):
            e = exit_from(exits, e, i - 1)
            leaves = e < len(exits) and exits[e] < horizon
            stop = exits[e] if leaves else stop
        lower, upper = calm_life(life, rules, at)
        i = first_touch(rows, extremes, i, stop, lower, upper)
        over = i > stop
        bound = over and rules[at + R_DAY_END] > 0.0
        ends = AT_CLOSE if bound and ends_day(rows, i, window.base_ms) else 0
        turn = CandleTurn(i, ends, leaves and over)
        code = live_on(life, rules, at, rows, window, turn, fills)
        if code != NO_EXIT:
            return i, code, e
        i += 1


@kernel
def trade_staged(tape: JumpTape, rules: Buffer, c: int, life: Buffer, record: Record) -> int:
    """Trade combination ``c``, whose positions change in stages; the number of trades."""
    rows, extremes, signals = tape.rows, tape.extremes, tape.signals
    horizons, window = tape.horizons, tape.window
    at = c * RULES_SIZE
    day_bound = rules[at + R_DAY_END] > 0.0
    count, e, s, free_from = 0, 0, 0, 0
    life[FILLS] = 0.0
    while s < len(signals.entries):
        row = signals.entries[s] + 1
        market = rows.opens[row]
        if row <= free_from or is_missed(signals, s, rules, at, market):
            s += 1
            continue
        first_fill = int(life[FILLS])
        equity = record.sums[c * SUMS_SIZE + EQUITY]
        enter_life(life, rules, at, signals, s, Opening(market, rows.times[row], equity))
        horizon = horizons.ends[s] if day_bound else window.last
        horizon = time_limit(rows, rules, at, row, horizon, window.base_ms)
        e = exit_from(signals.exits, e, row)
        first = row
        lower, upper = calm_life(life, rules, at)
        if day_bound and stays_calm(rows, extremes, row, horizons, s, lower, upper):
            first = horizon
            if heeds_exit(life, rules, at) and e < len(signals.exits):
                first = min(first, signals.exits[e] + 1)
        span = RowSpan(first, horizon)
        left, code, e = live_by_jumps(life, rules, at, tape, span, e, record.fills)
        paid = staged_paid(life, tape.owed, row, record.fills, first_fill)
        scale = scale_of(signals, s)
        growth = net_growth(1.0 + life[CASH], paid, scale)
        closed = mean_exit(life, record.fills, first_fill)
        count_trade(record, window, c, growth, left - row + 1, rows.times[left])
        trade = ClosedTrade(row, left, code, closed, growth, paid * scale, scale)
        keep_trade(record, count, life, trade)
        count += 1
        free_from = left + 1
        s = horizons.following[s] if day_bound and left == horizons.ends[s] else s + 1
    return count


trade_one = trade_plain
"""The kernel for the kind of position: this one or :func:`trade_staged`."""


@kernel
def trade_all(tape: JumpTape, rules: Buffer, life: Buffer, record: Record) -> int:
    """Trade every combination of ``rules`` on the same signals; the trades of the last one.

    The daily returns come in as zeros.
    """
    count, days = 0, tape.window.days
    for c in range(len(rules) // RULES_SIZE):
        sums_clear(record.sums, c * SUMS_SIZE)
        count = trade_one(tape, rules, c, life, record)
        sums_days(record.sums, c * SUMS_SIZE, record.daily, c * days, days)
    return count
