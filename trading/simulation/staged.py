"""Both engines for positions that change in stages: averaging, ladders, time limits (kernels).

They share :mod:`trading.walking` for what a candle does. The full simulation walks every candle,
the fast one jumps to the next candle that can matter: one that touches the nearest level on either
side, or that can raise a trailing stop.
"""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.kernel import Buffer, kernel
from trading.metrics import SUMS_SIZE, sums_clear, sums_days
from trading.position import (
    ARM,
    BEST,
    END_OF_DATA,
    ENTRY,
    NO_EXIT,
    OFF,
    SIDE,
    TRAIL,
    trailing_level,
)
from trading.rules import (
    ADDITIONS,
    R_ADDITIONS,
    R_DAY_END,
    R_FEE,
    R_SIDE,
    R_SLIPPAGE,
    R_TIME_EXIT,
    RULES_SIZE,
)
from trading.simulation.jumping import first_touch
from trading.simulation.lifecycle import (
    EARLY,
    count_trade,
    day_ends_at,
    decide_row,
    last_of_day,
    may_enter_after,
    record_trade,
)
from trading.stages import (
    AMBIGUOUS,
    BOUGHT,
    CASH,
    FILL_WIDTH,
    FILLS,
    NEAR_ADVERSE,
    NEAR_FAVOURABLE,
    SOLD,
    begin_life,
)
from trading.strategies.base import ACTION, ATR, ENTER, EXIT
from trading.walking import live_row, settle


@kernel
def enter_life(life: Buffer, rules: Buffer, at: int, market: float, atr: float, time: int) -> None:
    """Open a life at the ``market`` price; its whole plan, fees included, costs the equity."""
    price = market * (1.0 + rules[at + R_SIDE] * rules[at + R_SLIPPAGE])
    planned = 1.0
    for step in range(ADDITIONS):
        planned += rules[at + R_ADDITIONS + 3 * step + 1]
    quantity = 1.0 / (planned * price * (1.0 + rules[at + R_FEE]))
    begin_life(life, rules, at, price, quantity, atr, OFF, OFF, time)


@kernel
def mean_exit(life: Buffer, fills: Buffer, first_fill: int) -> float:
    """Mean price of all sales, by quantity."""
    if int(life[FILLS]) == first_fill + 1:
        return fills[FILL_WIDTH * first_fill + 3]
    return life[SOLD] / life[BOUGHT]


@kernel
def calm_life(life: Buffer, rules: Buffer, at: int) -> tuple[float, float]:
    """Prices between which a candle leaves the life as it is, both exclusive: low and high."""
    side = life[SIDE]
    adverse = life[NEAR_ADVERSE]
    favourable = life[NEAR_FAVOURABLE]
    if life[TRAIL] > 0.0:
        trail = side * trailing_level(life)
        next_best = side * life[BEST]
        if trail != trail and not rules[at + R_ADDITIONS] > 0.0:
            # Not armed: candles below the arming price leave no trace that lasts. (An addition
            # would lower that price, so with additions every new best counts.)
            arming = side * life[ENTRY] / (1.0 - side * life[TRAIL])
            if side * life[ARM] > arming:
                arming = side * life[ARM]
            arming -= EARLY * life[ENTRY]
            if arming > next_best:
                next_best = arming
        if adverse != adverse or trail > adverse:
            adverse = trail
        if not favourable < next_best:
            favourable = next_best
    if side < 0.0:
        return -favourable, -adverse
    return adverse, favourable


@kernel
def row_from(times: list[int], first: int, last: int, moment: int) -> int:
    """The first row of ``first`` to ``last`` that opens at or after ``moment``; else ``last``."""
    while first < last:
        middle = (first + last) // 2
        if times[middle] < moment:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def run_staged(
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
    rest_low: Buffer,
    rest_high: Buffer,
    rules: Buffer,
    at: int,
    base_ms: int,
    first_day: int,
    life: Buffer,
    sums: Buffer,
    sums_at: int,
    daily: Buffer,
    daily_at: int,
    rows: list[int],
    prices: Buffer,
    fills: Buffer,
) -> int:
    """Trade one combination by jumps; the number of trades.

    ``rows`` and ``prices`` receive the trades as in the full simulation, ``fills`` the fills.
    """
    last = len(times) - 1
    day_bound = rules[at + R_DAY_END] > 0.0
    limit = int(rules[at + R_TIME_EXIT])
    free_from = 0
    e = 0
    count = 0
    life[FILLS] = 0.0
    for s in range(len(entries)):
        if entries[s] < free_from:
            continue
        row = entries[s] + 1
        first_fill = int(life[FILLS])
        enter_life(life, rules, at, opens[row], entry_atrs[s], times[row])
        horizon = ends[s] if day_bound else last
        if limit > 0:
            horizon = row_from(times, row, horizon, times[row] + limit - base_ms)
        while e < len(exits) and exits[e] < row:
            e += 1
        leaves = e < len(exits) and exits[e] < horizon
        stop = exits[e] if leaves else horizon - 1
        code = NO_EXIT
        i = row
        while code == NO_EXIT:
            lower, upper = calm_life(life, rules, at)
            if i == row and day_bound and not (rest_low[s] <= lower or rest_high[s] >= upper):
                i = stop + 1
            else:
                i = first_touch(
                    lows, highs, least, most, wide_least, wide_most, i, stop, lower, upper
                )
            over = i > stop
            code = live_row(
                life,
                rules,
                at,
                times[i] + base_ms,
                opens[i],
                highs[i],
                lows[i],
                closes[i],
                1 if day_bound and over and day_ends_at(times, i, base_ms) else 0,
                leaves and over,
                i,
                fills,
            )
            if code == NO_EXIT and i == last:
                code = settle(life, rules, at, END_OF_DATA, closes[i], i, fills)
            i += 1
        exit_row = i - 1
        growth = 1.0 + life[CASH]
        day = times[exit_row] // DAY_MS - first_day
        count_trade(sums, sums_at, daily, daily_at, growth, exit_row - row + 1, day)
        closed = mean_exit(life, fills, first_fill)
        record_trade(rows, prices, count, row, exit_row, code, life[ENTRY], closed, growth)
        count += 1
        free_from = exit_row + 1
    return count


@kernel
def run_staged_all(
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
    rest_low: Buffer,
    rest_high: Buffer,
    rules: Buffer,
    base_ms: int,
    first_day: int,
    days: int,
    life: Buffer,
    sums: Buffer,
    daily: Buffer,
    rows: list[int],
    prices: Buffer,
    fills: Buffer,
) -> int:
    """Trade every combination of ``rules`` on the same signals; the trades of the last one.

    ``daily`` comes in as zeros; ``rows``, ``prices`` and ``fills`` are left as the last one's.
    """
    count = 0
    for c in range(len(rules) // RULES_SIZE):
        sums_clear(sums, c * SUMS_SIZE)
        count = run_staged(
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
            rest_low,
            rest_high,
            rules,
            c * RULES_SIZE,
            base_ms,
            first_day,
            life,
            sums,
            c * SUMS_SIZE,
            daily,
            c * days,
            rows,
            prices,
            fills,
        )
        sums_days(sums, c * SUMS_SIZE, daily, c * days, days)
    return count


@kernel
def simulate_staged(
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
    bare: bool,
    rules: Buffer,
    base_ms: int,
    first_row: int,
    days: int,
    life: Buffer,
    sums: Buffer,
    daily: Buffer,
    rows: list[int],
    prices: Buffer,
    fills: Buffer,
    ambiguous: list[int],
) -> int:
    """Decide on every candle and trade from ``first_row`` on; the number of trades.

    ``ambiguous`` counts the candles that held a stop and a target at once.
    """
    sums_clear(sums, 0)
    count, entry_row, exit_row, first_fill = 0, -1, first_row - 1, 0
    enter_next, leave_next = False, False
    atr, lower, upper = 0.0, OFF, OFF
    last = len(times) - 1
    horizon = last
    limit = int(rules[R_TIME_EXIT])
    day_bound = rules[R_DAY_END] > 0.0
    life[FILLS] = 0.0
    for i in range(last + 1):
        if enter_next:
            first_fill = int(life[FILLS])
            enter_life(life, rules, 0, opens[i], atr, times[i])
            entry_row, enter_next = i, False
            lower, upper = calm_life(life, rules, 0)
            horizon = last_of_day(times, i) if day_bound else last
            if limit > 0:
                horizon = row_from(times, i, horizon, times[i] + limit - base_ms)
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
        action = out[ACTION]
        if entry_row >= 0:
            if not (lows[i] <= lower or highs[i] >= upper or leave_next or i == horizon):
                leave_next = action == EXIT
                continue
            ends = 1 if day_bound and day_ends_at(times, i, base_ms) else 0
            code = live_row(
                life,
                rules,
                0,
                times[i] + base_ms,
                opens[i],
                highs[i],
                lows[i],
                closes[i],
                ends,
                leave_next,
                i,
                fills,
            )
            if code == NO_EXIT and i == last:
                code = settle(life, rules, 0, END_OF_DATA, closes[i], i, fills)
            leave_next = action == EXIT
            if code == NO_EXIT:
                lower, upper = calm_life(life, rules, 0)
            else:
                growth = 1.0 + life[CASH]
                day = times[i] // DAY_MS - times[first_row] // DAY_MS
                count_trade(sums, 0, daily, 0, growth, i - entry_row + 1, day)
                closed = mean_exit(life, fills, first_fill)
                record_trade(rows, prices, count, entry_row, i, code, life[ENTRY], closed, growth)
                ambiguous[0] += int(life[AMBIGUOUS])
                count += 1
                entry_row, exit_row, leave_next = -1, i, False
        if action == ENTER and entry_row < 0 and i > exit_row and i >= first_row:
            enter_next = may_enter_after(times, i, base_ms, day_bound)
            atr = out[ATR]
    sums_days(sums, 0, daily, 0, days)
    return count
