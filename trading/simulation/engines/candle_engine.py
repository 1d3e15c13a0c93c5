"""The full simulation: candle by candle through each position's life (kernels).

It is written once for both kinds of positions. `misses`, `begins`, `calm`, `lives`, `ends` and
`pays` are bound to the kernels of one kind, `PLAIN` of :mod:`.plain_trades` or `STAGED` of
:mod:`.staged_trades`, so that only what a run needs is compiled.
"""

from __future__ import annotations

from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Rows
from trading.metrics import EQUITY, sums_clear, sums_days
from trading.positions.candle_path import CandleTurn
from trading.positions.exit_rules import R_DAY_END
from trading.positions.lifecycle import FILLS
from trading.positions.position import NO_EXIT
from trading.simulation.engines.plain_trades import plain_begins as begins
from trading.simulation.engines.plain_trades import plain_calm as calm
from trading.simulation.engines.plain_trades import plain_ends as ends
from trading.simulation.engines.plain_trades import plain_lives as lives
from trading.simulation.engines.plain_trades import plain_misses as misses
from trading.simulation.engines.plain_trades import plain_pays as pays
from trading.simulation.engines.trade_log import (
    count_trade,
    exit_from,
    horizon_of,
    keep_trade,
    net_growth,
    scale_of,
)
from trading.simulation.layout import ClosedTrade, Record, RowSpan, Signals, Tape
from trading.simulation.signals import day_turn


@kernel
def next_entry(signals: Signals, s: int, left: int) -> int:
    """Return the first entry from ``s`` on decided after ``left``, the last trade's exit row."""
    while s < len(signals.entries) and signals.entries[s] <= left:
        s += 1
    return s


@kernel
def next_stir(rows: Rows, i: int, stop: int, lower: float, upper: float) -> int:
    """Return the first row from ``i`` on that leaves the calm range; at most ``stop``."""
    while i < stop and not (rows.lows[i] <= lower or rows.highs[i] >= upper):
        i += 1
    return i


@kernel
def live_through(
    tape: Tape,
    e: int,
    rules: Buffer,
    life: Buffer,
    entered: int,
    record: Record,
    every: bool,
) -> tuple[int, int, int]:
    """Live from row ``entered`` to the position's end: its row and code, and the next exit signal.

    ``e`` is an exit signal at or before the next one.
    """
    rows, window, exits = tape.rows, tape.window, tape.signals.exits
    day_bound = rules[R_DAY_END] > 0.0
    horizon = horizon_of(rows, rules, 0, entered, window)
    i = entered
    e = exit_from(exits, e, entered)
    while True:
        # Nothing but prices can matter before the horizon and the candle after an exit signal.
        stop = horizon
        if e < len(exits) and exits[e] + 1 < stop:
            stop = exits[e] + 1
        if not every:
            lower, upper = calm(life, rules)
            i = next_stir(rows, i, stop, lower, upper)
        wants_out = e < len(exits) and exits[e] == i - 1
        day_ends = day_turn(rows, entered, i, window.base_ms) if day_bound else 0
        turn = CandleTurn(i, day_ends, wants_out)
        code = lives(life, rules, rows, window, turn, record.fills)
        if code != NO_EXIT:
            return i, code, e
        i += 1
        e = exit_from(exits, e, i - 1)


@kernel
def simulate(tape: Tape, rules: Buffer, life: Buffer, record: Record, every: bool) -> int:
    """Trade the signals candle by candle; the number of trades.

    A candle strictly inside the position's nearest levels is skipped. With ``every`` none is, which
    changes only the time.
    """
    rows, signals, window = tape.rows, tape.signals, tape.window
    sums_clear(record.sums, 0)
    count, e = 0, 0
    life[FILLS] = 0.0
    s = next_entry(signals, 0, window.first - 1)
    while s < len(signals.entries):
        entered = signals.entries[s] + 1
        market = rows.opens[entered]
        if misses(signals, s, rules, market):
            s += 1
            continue
        first_fill = int(life[FILLS])
        begins(life, rules, signals, s, market, rows.times[entered], record.sums[EQUITY])
        left, code, e = live_through(tape, e, rules, life, entered, record, every)
        held = RowSpan(entered, left)
        closed, growth = ends(life, rules, code, rows, held, record, first_fill)
        paid = pays(life, rules, tape.owed, entered, left, record.fills, first_fill)
        scale = scale_of(signals, s)
        growth = net_growth(growth, paid, scale)
        count_trade(record, window, 0, growth, left - entered + 1, rows.times[left])
        trade = ClosedTrade(entered, left, code, closed, growth, paid * scale, scale)
        keep_trade(record, count, life, trade)
        count += 1
        s = next_entry(signals, s, left)
    sums_days(record.sums, 0, record.daily, 0, window.days)
    return count
