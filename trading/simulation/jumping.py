"""The fast search: from signal to exit by jumps, so that cost grows with trades (kernels).

It serves strategies whose entries do not depend on exits, long only. Where the full simulation
visits every candle, this one looks for the first candle that touches a level, by extremes of
blocks of candles, and lets the same lifecycle kernels judge that candle.
"""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.kernel import Buffer, kernel
from trading.metrics import SUMS_SIZE, sums_clear, sums_days
from trading.position import (
    BEST,
    DAY_END,
    END_OF_DATA,
    ENTRY,
    NO_EXIT,
    STRATEGY_EXIT,
    TRAIL,
    exit_level,
)
from trading.rules import R_DAY_END, R_FEE, R_SLIPPAGE, RULES_SIZE
from trading.simulation.lifecycle import (
    calm_range,
    count_trade,
    day_ends_at,
    decide_row,
    enter_long,
    exit_price_of,
    growth_of,
    may_enter_after,
    record_trade,
    row_exit,
)
from trading.strategies.base import ACTION, ATR, ENTER, EXIT

BLOCK = 32
WIDE = 256  # candles of a wide block: 8 blocks


@kernel
def fill_extremes(lows: Buffer, highs: Buffer, block: int, least: Buffer, most: Buffer) -> None:
    """Least of ``lows`` and most of ``highs`` in each block of ``block`` (the last may be
    shorter).
    """
    for b in range(len(least)):
        start = b * block
        low = lows[start]
        high = highs[start]
        for i in range(start + 1, min(start + block, len(lows))):
            low = min(low, lows[i])
            high = max(high, highs[i])
        least[b] = low
        most[b] = high


@kernel
def extremes_between(
    lows: Buffer,
    highs: Buffer,
    least: Buffer,
    most: Buffer,
    first: int,
    last: int,
) -> tuple[float, float]:
    """Lowest low and highest high of rows ``first`` to ``last``."""
    low, high = lows[first], highs[first]
    i = first + 1
    while i <= last:
        if i % BLOCK == 0 and i + BLOCK - 1 <= last:
            low = min(low, least[i // BLOCK])
            high = max(high, most[i // BLOCK])
            i += BLOCK
        else:
            low = min(low, lows[i])
            high = max(high, highs[i])
            i += 1
    return low, high


@kernel
def fill_day_extremes(
    lows: Buffer,
    highs: Buffer,
    least: Buffer,
    most: Buffer,
    days: list[int],
    day_low: Buffer,
    day_high: Buffer,
) -> None:
    """Lowest low and highest high of each day."""
    for d in range(len(day_low)):
        low, high = extremes_between(lows, highs, least, most, days[d], days[d + 1] - 1)
        day_low[d] = low
        day_high[d] = high


@kernel
def fill_rests(
    lows: Buffer,
    highs: Buffer,
    least: Buffer,
    most: Buffer,
    days: list[int],
    rest_least: Buffer,
    rest_most: Buffer,
) -> None:
    """For each block the extremes from its start to the end of the day that it starts in."""
    d = len(days) - 2
    for b in range(len(least) - 1, -1, -1):
        start = b * BLOCK
        while days[d] > start:
            d -= 1
        end = days[d + 1] - 1
        if end >= start + BLOCK:
            rest_least[b] = min(least[b], rest_least[b + 1])
            rest_most[b] = max(most[b], rest_most[b + 1])
        else:
            low, high = extremes_between(lows, highs, least, most, start, end)
            rest_least[b] = low
            rest_most[b] = high


@kernel
def split_found(
    found: list[int],
    found_of: list[int],
    total: int,
    firsts: list[int],
    entries: list[int],
) -> None:
    """Put rows found in order of time into the order of their sets; ``firsts`` is where each set
    begins, and is moved to its end.
    """
    for f in range(total):
        k = found_of[f]
        entries[firsts[k]] = found[f]
        firsts[k] += 1


@kernel
def fill_horizons(
    times: list[int],
    lows: Buffer,
    highs: Buffer,
    closes: Buffer,
    rest_least: Buffer,
    rest_most: Buffer,
    days: list[int],
    base_ms: int,
    entries: list[int],
    ends: list[int],
    end_codes: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
    end_closes: Buffer,
) -> None:
    """For each entry of a day-bound strategy how it ends if no level is touched.

    That is the last row of the day that it fills on, the reason there, and the row's close; with
    the extremes up to there. ``days`` holds the first row of each day, and the number of rows at
    last.
    """
    d = 0
    for s in range(len(entries)):
        row = entries[s] + 1
        while days[d + 1] <= row:
            d += 1
        end = days[d + 1] - 1
        low, high = lows[row], highs[row]
        boundary = (row + BLOCK) // BLOCK * BLOCK
        for i in range(row + 1, min(boundary, end + 1)):
            low = min(low, lows[i])
            high = max(high, highs[i])
        if boundary <= end:
            low = min(low, rest_least[boundary // BLOCK])
            high = max(high, rest_most[boundary // BLOCK])
        ends[s] = end
        end_codes[s] = DAY_END if day_ends_at(times, end, base_ms) else END_OF_DATA
        rest_low[s] = low
        rest_high[s] = high
        end_closes[s] = closes[end]


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
    bare: bool,
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
        decide_row(
            bars,
            filters,
            state,
            par,
            out,
            base_ms,
            bare,
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
    start: int,
    stop: int,
) -> int:
    """The first row of ``start`` to ``stop`` that ends the position by a level; else ``stop + 1``.

    Candles are judged only where they leave the calm range. The state is left as it was before
    the row, to judge it again.
    """
    i = start
    while i <= stop:
        lower, upper = calm_range(position)
        i = first_touch(lows, highs, least, most, wide_least, wide_most, i, stop, lower, upper)
        if i > stop or not position[TRAIL] > 0.0:
            return i
        best = position[BEST]
        code = row_exit(position, opens[i], highs[i], lows[i], closes[i], 0, False, False)
        if code != NO_EXIT:
            position[BEST] = best
            return i
        i += 1
    return stop + 1


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
    entries: list[int],
    entry_atrs: Buffer,
    exits: list[int],
    ends: list[int],
    end_codes: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
    end_closes: Buffer,
    rules: Buffer,
    at: int,
    base_ms: int,
    first_day: int,
    position: Buffer,
    sums: Buffer,
    sums_at: int,
    daily: Buffer,
    daily_at: int,
    rows: list[int],
    prices: Buffer,
    record: bool,
) -> int:
    """Trade one combination, whose rules lie from ``at`` on, into its sums and daily returns.

    The number of trades; with ``record`` they are written as in the full simulation.
    """
    count = 0
    last = len(times) - 1
    day_bound = rules[at + R_DAY_END] > 0.0
    free_from = 0
    e = 0
    for s in range(len(entries)):
        if entries[s] < free_from:
            continue
        row = entries[s] + 1
        enter_long(position, opens[row], entry_atrs[s], rules, at)
        horizon = ends[s] if day_bound else last
        while e < len(exits) and exits[e] < row:
            e += 1
        leaves = e < len(exits) and exits[e] < horizon
        stop = exits[e] if leaves else horizon - 1
        lower, upper = calm_range(position)
        calm = day_bound and not (leaves or rest_low[s] <= lower or rest_high[s] >= upper)
        if calm:
            exit_row = horizon
            code = end_codes[s]
            market = end_closes[s]
        else:
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
                row,
                stop,
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
        if record:
            entry = position[ENTRY]
            record_trade(rows, prices, count, row, exit_row, code, entry, closed, growth)
        count += 1
        free_from = exit_row + 1
    return count


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
    entries: list[int],
    entry_atrs: Buffer,
    exits: list[int],
    ends: list[int],
    end_codes: list[int],
    rest_low: Buffer,
    rest_high: Buffer,
    end_closes: Buffer,
    rules: Buffer,
    base_ms: int,
    first_day: int,
    days: int,
    position: Buffer,
    sums: Buffer,
    daily: Buffer,
    rows: list[int],
    prices: Buffer,
    record: bool,
) -> int:
    """Trade every combination of ``rules`` on the same signals; the trades of the last one.

    ``daily`` comes in as zeros.
    """
    count = 0
    for c in range(len(rules) // RULES_SIZE):
        sums_clear(sums, c * SUMS_SIZE)
        count = run_combination(
            times,
            opens,
            highs,
            lows,
            closes,
            least,
            most,
            wide_least,
            wide_most,
            entries,
            entry_atrs,
            exits,
            ends,
            end_codes,
            rest_low,
            rest_high,
            end_closes,
            rules,
            c * RULES_SIZE,
            base_ms,
            first_day,
            position,
            sums,
            c * SUMS_SIZE,
            daily,
            c * days,
            rows,
            prices,
            record,
        )
        sums_days(sums, c * SUMS_SIZE, daily, c * days, days)
    return count
