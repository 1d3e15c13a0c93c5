"""The fast search: from signal to exit by jumps, so that cost grows with trades (kernels).

It serves strategies whose entries do not depend on exits, long only. Where the full simulation
visits every candle, this one looks for the first candle that touches a level, by extremes of
blocks of candles, and lets the same lifecycle kernels judge that candle.
"""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.decider import push_candle
from trading.kernel import Buffer, kernel
from trading.metrics import SUMS_SIZE, sums_clear, sums_days
from trading.position import (
    BEST,
    EMERGENCY,
    ENTRY,
    NO_EXIT,
    STOP,
    STRATEGY_EXIT,
    TARGET,
    TRAIL,
    exit_level,
)
from trading.simulation.lifecycle import (
    R_DAY_END,
    R_FEE,
    R_SLIPPAGE,
    RULES_SIZE,
    count_trade,
    day_ends_at,
    enter_long,
    exit_price_of,
    growth_of,
    may_enter_after,
    row_exit,
)
from trading.strategies.base import ACTION, ATR, ENTER, EXIT

BLOCK = 32
WIDE = 1024  # candles of a wide block: 32 blocks


@kernel
def fill_extremes(lows: Buffer, highs: Buffer, block: int, least: Buffer, most: Buffer) -> None:
    """Lowest low and highest high of each block of ``block`` candles (the last may be shorter)."""
    for b in range(len(least)):
        start = b * block
        low = lows[start]
        high = highs[start]
        for i in range(start + 1, min(start + block, len(lows))):
            if lows[i] < low:
                low = lows[i]
            if highs[i] > high:
                high = highs[i]
        least[b] = low
        most[b] = high


@kernel
def fill_days(
    times: list[int],
    lows: Buffer,
    highs: Buffer,
    day_last: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
) -> None:
    """For each row the last row of its UTC day, and the extremes from the row to there."""
    last = len(times) - 1
    day_start = times[last] + 1
    for i in range(last, -1, -1):
        if times[i] < day_start:  # the next row, if any, is of another day
            day_start = times[i] - times[i] % DAY_MS
            day_last[i] = i
            rest_low[i] = lows[i]
            rest_high[i] = highs[i]
        else:
            day_last[i] = day_last[i + 1]
            rest_low[i] = lows[i] if lows[i] < rest_low[i + 1] else rest_low[i + 1]
            rest_high[i] = highs[i] if highs[i] > rest_high[i + 1] else rest_high[i + 1]


@kernel
def find_signals(
    times: list[int],
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    volumes: Buffer,
    bars: Buffer,
    filters: Buffer,
    state: Buffer,
    par: Buffer,
    out: Buffer,
    base_ms: int,
    first_row: int,
    day_bound: bool,
    entries: list[int],
    entry_atrs: Buffer,
    exits: list[int],
    counts: list[int],
) -> None:
    """Rows of the entry signals (with their ATR) and of the exit signals; ``counts`` says how
    many.
    """
    entered = 0
    left = 0
    for i in range(len(times)):
        push_candle(
            bars,
            filters,
            state,
            par,
            out,
            base_ms,
            times[i],
            opens[i],
            highs[i],
            lows[i],
            closes[i],
            volumes[i],
        )
        if i < first_row:
            continue
        if out[ACTION] == ENTER and may_enter_after(times, i, base_ms, day_bound):
            entries[entered] = i
            entry_atrs[entered] = out[ATR]
            entered += 1
        elif out[ACTION] == EXIT:
            exits[left] = i
            left += 1
    counts[0] = entered
    counts[1] = left


@kernel
def first_touch(
    lows: Buffer,
    highs: Buffer,
    least: Buffer,
    most: Buffer,
    wide_least: Buffer,
    wide_most: Buffer,
    start: int,
    stop: int,
    lower: float,
    upper: float,
) -> int:
    """The first row of ``start`` to ``stop`` whose low is <= ``lower`` or high >= ``upper``; else
    ``stop + 1``.

    A level that is off is NaN. Blocks that reach beyond ``stop`` may be skipped only when
    untouched.
    """
    i = start
    while i <= stop:
        if i % WIDE == 0 and not (wide_least[i // WIDE] <= lower or wide_most[i // WIDE] >= upper):
            i += WIDE
        elif i % BLOCK == 0 and not (least[i // BLOCK] <= lower or most[i // BLOCK] >= upper):
            i += BLOCK
        elif lows[i] <= lower or highs[i] >= upper:
            return i
        else:
            i += 1
    return stop + 1


@kernel
def nearest_stop(position: Buffer) -> float:
    """The higher of stop and emergency stop of a long position; NaN when both are off."""
    lower = position[STOP]
    emergency = position[EMERGENCY]
    if lower != lower or emergency > lower:
        return emergency
    return lower


@kernel
def trailing_touch(
    position: Buffer,
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    start: int,
    stop: int,
) -> int:
    """The first row of ``start`` to ``stop`` that ends the position, candle by candle; else
    ``stop + 1``.

    The state is left as it was before that row, so that the row can be judged again.
    """
    for i in range(start, stop + 1):
        best = position[BEST]
        code = row_exit(position, opens[i], highs[i], lows[i], closes[i], 0, False, False)
        if code != NO_EXIT:
            position[BEST] = best
            return i
    return stop + 1


@kernel
def touch_row(
    position: Buffer,
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    least: Buffer,
    most: Buffer,
    wide_least: Buffer,
    wide_most: Buffer,
    rest_low: Buffer,
    rest_high: Buffer,
    entry_row: int,
    stop: int,
    day_bound: bool,
) -> int:
    """The first row of ``entry_row`` to ``stop`` that ends the position by a level; else ``stop +
    1``.
    """
    if position[TRAIL] > 0.0:
        return trailing_touch(position, opens, highs, lows, closes, entry_row, stop)
    lower = nearest_stop(position)
    upper = position[TARGET]
    if day_bound and not (rest_low[entry_row] <= lower or rest_high[entry_row] >= upper):
        return stop + 1
    return first_touch(
        lows, highs, least, most, wide_least, wide_most, entry_row, stop, lower, upper
    )


@kernel
def run_combination(
    times: list[int],
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    least: Buffer,
    most: Buffer,
    wide_least: Buffer,
    wide_most: Buffer,
    day_last: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
    entries: list[int],
    entry_atrs: Buffer,
    exits: list[int],
    rules: Buffer,
    at: int,
    base_ms: int,
    first_day: int,
    position: Buffer,
    sums: Buffer,
    sums_at: int,
    daily: Buffer,
    daily_at: int,
) -> None:
    """Trade one combination, whose rules lie from ``at`` on, into its sums and daily returns."""
    last = len(times) - 1
    day_bound = rules[at + R_DAY_END] > 0.0
    free_from = 0
    e = 0
    for s in range(len(entries)):
        if entries[s] < free_from:
            continue
        row = entries[s] + 1
        enter_long(position, opens[row], entry_atrs[s], rules, at)
        horizon = day_last[row] if day_bound else last
        while e < len(exits) and exits[e] < row:
            e += 1
        leaves = e < len(exits) and exits[e] < horizon
        stop = exits[e] if leaves else horizon - 1
        exit_row = touch_row(
            position,
            opens,
            highs,
            lows,
            closes,
            least,
            most,
            wide_least,
            wide_most,
            rest_low,
            rest_high,
            row,
            stop,
            day_bound,
        )
        code = row_exit(
            position,
            opens[exit_row],
            highs[exit_row],
            lows[exit_row],
            closes[exit_row],
            1 if day_bound and day_ends_at(times, exit_row, base_ms) else 0,
            exit_row == last,
            leaves and exit_row > stop,
        )
        market = opens[exit_row] if code == STRATEGY_EXIT else closes[exit_row]
        closed = exit_price_of(code, exit_level(position, code, market), rules[at + R_SLIPPAGE])
        growth = growth_of(position[ENTRY], closed, rules[at + R_FEE])
        day = times[exit_row] // DAY_MS - first_day
        count_trade(sums, sums_at, daily, daily_at, growth, exit_row - row + 1, day)
        free_from = exit_row + 1


@kernel
def run_combinations(
    times: list[int],
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    least: Buffer,
    most: Buffer,
    wide_least: Buffer,
    wide_most: Buffer,
    day_last: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
    entries: list[int],
    entry_atrs: Buffer,
    exits: list[int],
    rules: Buffer,
    base_ms: int,
    first_day: int,
    days: int,
    position: Buffer,
    sums: Buffer,
    daily: Buffer,
) -> None:
    """Trade every combination of ``rules`` on the same signals; ``daily`` comes in as zeros."""
    for c in range(len(rules) // RULES_SIZE):
        sums_clear(sums, c * SUMS_SIZE)
        run_combination(
            times,
            opens,
            highs,
            lows,
            closes,
            least,
            most,
            wide_least,
            wide_most,
            day_last,
            rest_low,
            rest_high,
            entries,
            entry_atrs,
            exits,
            rules,
            c * RULES_SIZE,
            base_ms,
            first_day,
            position,
            sums,
            c * SUMS_SIZE,
            daily,
            c * days,
        )
        sums_days(sums, c * SUMS_SIZE, daily, c * days, days)
