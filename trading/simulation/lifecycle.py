"""The full simulation: one candle after the other through the position's life (kernels)."""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.decider import push_candle, strategy_step
from trading.kernel import Buffer, kernel
from trading.metrics import sums_clear, sums_days, sums_trade
from trading.position import (
    ARM,
    BEST,
    EMERGENCY,
    END_OF_DATA,
    ENTRY,
    NO_EXIT,
    OFF,
    STOP,
    STRATEGY_EXIT,
    TAKE_PROFIT,
    TARGET,
    TRAIL,
    candle_exit,
    exit_level,
    open_position,
    price_exit,
    trailing_level,
)
from trading.rules import (
    R_ATR_MULTIPLIER,
    R_DAY_END,
    R_EMERGENCY_STOP,
    R_FEE,
    R_SLIPPAGE,
    R_STOP_LOSS,
    R_TAKE_PROFIT,
    R_TRAILING_ARM,
    R_TRAILING_STOP,
)
from trading.strategies.base import ACTION, ATR, ENTER, EXIT, LIMIT, REASON, SEEN

# Layout of the decision stream: five numbers a row.
STREAM_WIDTH = 5

LONG = 1
EARLY = 1e-9
"""The arming price is looked for a hair early: the lifecycle judges it exactly."""


@kernel
def decide_rows(
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
    stream: Buffer,
) -> None:
    """Decide on every row in order; ``stream`` receives action, reason, seen, limit and ATR of
    each.
    """
    at = 0
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
        stream[at + ACTION] = out[ACTION]
        stream[at + REASON] = out[REASON]
        stream[at + SEEN] = out[SEEN]
        stream[at + LIMIT] = out[LIMIT]
        stream[at + ATR] = out[ATR]
        at += STREAM_WIDTH


@kernel
def day_ends_at(times: list[int], row: int, base_ms: int) -> bool:
    """Whether ``row`` is the last candle of its UTC day: by the clock, or as the next row is of
    another.
    """
    if (times[row] + base_ms) % DAY_MS == 0:
        return True
    return row + 1 < len(times) and times[row + 1] // DAY_MS != times[row] // DAY_MS


@kernel
def last_of_day(times: list[int], row: int) -> int:
    """The last row of the UTC day of ``row``."""
    next_day = times[row] - times[row] % DAY_MS + DAY_MS
    low, high = row, len(times) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if times[middle] < next_day:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def may_enter_after(times: list[int], row: int, base_ms: int, day_bound: bool) -> bool:
    """Whether a signal on ``row`` has a next candle to enter on (of the same day, if day bound)."""
    if row + 1 >= len(times):
        return False
    return not (day_bound and day_ends_at(times, row, base_ms))


@kernel
def entry_price_of(price: float, slippage: float) -> float:
    """Fill of a buy at the market."""
    return price * (1.0 + slippage)


@kernel
def exit_price_of(code: int, level: float, slippage: float) -> float:
    """Fill of the closing sale: a take-profit rests at its level, all others go to the market."""
    if code == TAKE_PROFIT:
        return level
    return level * (1.0 - slippage)


@kernel
def growth_of(entry: float, closed: float, fee: float) -> float:
    """What a long trade multiplies the equity by, fees of both fills included."""
    return (closed / entry) * (1.0 - fee) / (1.0 + fee)


@kernel
def nearest_stop(position: Buffer) -> float:
    """The higher of stop and emergency stop of a long position; NaN when both are off."""
    lower = position[STOP]
    emergency = position[EMERGENCY]
    if lower != lower or emergency > lower:
        return emergency
    return lower


@kernel
def arming_price(position: Buffer) -> float:
    """A price below which the trailing stop of a long position is surely not armed."""
    price = position[ENTRY] / (1.0 - position[TRAIL])
    if position[ARM] > price:
        price = position[ARM]
    return price - EARLY * position[ENTRY]


@kernel
def calm_range(position: Buffer) -> tuple[float, float]:
    """Prices between which a candle leaves a long position as it is, both exclusive.

    With a trailing stop a new best price matters, but none below the arming price does.
    """
    lower = nearest_stop(position)
    upper = position[TARGET]
    if position[TRAIL] > 0.0:
        trail = trailing_level(position)
        if lower != lower or trail > lower:
            lower = trail
        rising = position[BEST]
        armed_from = arming_price(position)
        if armed_from > rising:
            rising = armed_from
        if not upper < rising:
            upper = rising
    return lower, upper


@kernel
def enter_long(position: Buffer, price: float, atr: float, rules: Buffer, at: int) -> None:
    """Open a long position at the market ``price`` under the rules that lie from ``at`` on."""
    open_position(
        position,
        LONG,
        entry_price_of(price, rules[at + R_SLIPPAGE]),
        atr,
        rules[at + R_TAKE_PROFIT],
        rules[at + R_STOP_LOSS],
        rules[at + R_ATR_MULTIPLIER],
        rules[at + R_TRAILING_STOP],
        rules[at + R_EMERGENCY_STOP],
        rules[at + R_TRAILING_ARM],
    )


@kernel
def count_trade(
    sums: Buffer, at: int, daily: Buffer, daily_at: int, growth: float, held: int, day: int
) -> None:
    """Count a trade that closed on day ``day`` of the run."""
    sums_trade(sums, at, growth, held)
    daily[daily_at + day] = (1.0 + daily[daily_at + day]) * growth - 1.0


@kernel
def row_exit(
    position: Buffer,
    first: float,
    high: float,
    low: float,
    close: float,
    day_ends: int,
    is_last: bool,
    wants_out: bool,
) -> int:
    """The exit on one row as a code; ``wants_out``: the strategy's exit was decided on the row
    before.
    """
    if wants_out:
        code = price_exit(position, first)
        return STRATEGY_EXIT if code == NO_EXIT else code
    code = candle_exit(position, first, high, low, close, day_ends)
    if code == NO_EXIT and is_last:
        return END_OF_DATA
    return code


@kernel
def record_trade(
    rows: list[int],
    prices: Buffer,
    count: int,
    entry_row: int,
    exit_row: int,
    code: int,
    entry: float,
    closed: float,
    growth: float,
) -> None:
    """Write trade number ``count``."""
    at = 3 * count
    rows[at] = entry_row
    rows[at + 1] = exit_row
    rows[at + 2] = code
    prices[at] = entry
    prices[at + 1] = closed
    prices[at + 2] = growth


@kernel
def decide_row(
    bars: Buffer,
    filters: Buffer,
    state: Buffer,
    par: Buffer,
    out: Buffer,
    base_ms: int,
    bare: bool,
    open_time: int,
    first: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> None:
    """Leave the decision on one candle in ``out``; ``bare``: nothing but the strategy has a say."""
    if bare:
        strategy_step(state, par, out, open_time, base_ms, first, high, low, close, volume)
        out[ATR] = OFF
    else:
        push_candle(
            bars,
            filters,
            state,
            par,
            out,
            base_ms,
            open_time,
            first,
            high,
            low,
            close,
            volume,
        )


@kernel
def simulate_rows(
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
    position: Buffer,
    sums: Buffer,
    daily: Buffer,
    rows: list[int],
    prices: Buffer,
) -> int:
    """Decide on every candle and trade from ``first_row`` on; the number of trades.

    For each trade ``rows`` receives entry row, exit row and reason code, ``prices`` entry price,
    exit price and growth: three values a trade, of which there are no more than candles.
    """
    sums_clear(sums, 0)
    count, entry_row, exit_row = 0, -1, first_row - 1
    enter_next, leave_next = False, False
    atr, lower, upper = 0.0, OFF, OFF
    last = len(times) - 1
    horizon = last
    day_bound = rules[R_DAY_END] > 0.0
    for i in range(last + 1):
        if enter_next:
            enter_long(position, opens[i], atr, rules, 0)
            entry_row, enter_next = i, False
            lower, upper = calm_range(position)
            horizon = last_of_day(times, i) if day_bound else last
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
            code = row_exit(
                position, opens[i], highs[i], lows[i], closes[i], ends, i == last, leave_next
            )
            leave_next = action == EXIT
            if code == NO_EXIT:
                lower, upper = calm_range(position)
            else:
                market = opens[i] if code == STRATEGY_EXIT else closes[i]
                closed = exit_price_of(code, exit_level(position, code, market), rules[R_SLIPPAGE])
                growth = growth_of(position[ENTRY], closed, rules[R_FEE])
                day = times[i] // DAY_MS - times[first_row] // DAY_MS
                count_trade(sums, 0, daily, 0, growth, i - entry_row + 1, day)
                record_trade(
                    rows, prices, count, entry_row, i, code, position[ENTRY], closed, growth
                )
                count += 1
                entry_row, exit_row, leave_next = -1, i, False
        if action == ENTER and entry_row < 0 and i > exit_row and i >= first_row:
            enter_next = may_enter_after(times, i, base_ms, day_bound)
            atr = out[ATR]
    sums_days(sums, 0, daily, 0, days)
    return count
