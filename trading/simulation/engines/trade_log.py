"""What both kinds of trades share: their horizon and the record (kernels)."""

from __future__ import annotations

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Rows
from trading.metrics import SUMS_SIZE, sums_trade
from trading.positions.exit_rules import R_DAY_END, R_TIME_EXIT
from trading.positions.lifecycle import BOUND_BY, RISK_TAKEN, RISK_WANTED, SPENT
from trading.positions.position import ENTRY, SIDE
from trading.simulation.layout import (
    PRICES_WIDTH,
    TRADE_WIDTH,
    ClosedTrade,
    Record,
    Signals,
    TradingWindow,
)
from trading.simulation.signals import ends_day


@kernel
def exit_from(exits: list[int], e: int, row: int) -> int:
    """Return the first exit signal from ``e`` on that was decided on ``row`` or later."""
    while e < len(exits) and exits[e] < row:
        e += 1
    return e


@kernel
def last_of_day(times: list[int], row: int) -> int:
    """Return the last row of the UTC day of ``row``."""
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
def day_horizon(rows: Rows, last: int, base_ms: int) -> int:
    """Return where a position ends whose day has its last row at ``last``: there, or the next."""
    return last if ends_day(rows, last, base_ms) or last + 1 == len(rows.times) else last + 1


@kernel
def row_from(times: list[int], first: int, last: int, moment: int) -> int:
    """Return the first row of ``first`` to ``last`` that opens from ``moment`` on, or ``last``."""
    while first < last:
        middle = (first + last) // 2
        if times[middle] < moment:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def time_limit(rows: Rows, rules: Buffer, at: int, row: int, horizon: int, base_ms: int) -> int:
    """Return the row on which a position from ``row`` reaches its time limit, or ``horizon``."""
    limit = int(rules[at + R_TIME_EXIT])
    if limit > 0:
        return row_from(rows.times, row, horizon, rows.times[row] + limit - base_ms)
    return horizon


@kernel
def horizon_of(rows: Rows, rules: Buffer, at: int, row: int, window: TradingWindow) -> int:
    """Return the last row that a position entered on ``row`` can live through."""
    last = window.last
    if rules[at + R_DAY_END] > 0.0:
        over = day_horizon(rows, last_of_day(rows.times, row), window.base_ms)
        last = min(last, over)
    return time_limit(rows, rules, at, row, last, window.base_ms)


@kernel
def scale_of(signals: Signals, s: int) -> float:
    """Return the share of its size that a forecast leaves entry ``s``."""
    return signals.scales[s] if len(signals.scales) > 0 else 1.0


@kernel
def net_growth(growth: float, paid: float, scale: float) -> float:
    """Return the growth of a trade of ``scale`` of its size, after the funding that it ``paid``."""
    if scale == 1.0:
        return growth - paid
    return 1.0 + (growth - 1.0 - paid) * scale


@kernel
def count_trade(
    record: Record, window: TradingWindow, c: int, growth: float, held: int, close_time: int
) -> None:
    """Count a trade of combination ``c`` that closed on the candle of ``close_time``."""
    sums_trade(record.sums, c * SUMS_SIZE, growth, held)
    day = c * window.days + close_time // DAY_MS - window.first_day
    record.daily[day] = (1.0 + record.daily[day]) * growth - 1.0


@kernel
def keep_trade(record: Record, count: int, life: Buffer, trade: ClosedTrade) -> None:
    """Write trade number ``count`` if trades are kept."""
    if record.keeps:
        at = TRADE_WIDTH * count
        record.rows[at] = trade.row
        record.rows[at + 1] = trade.exit_row
        record.rows[at + 2] = trade.code
        record.rows[at + 3] = int(life[SIDE])
        record.rows[at + 4] = int(life[BOUND_BY])
        at = PRICES_WIDTH * count
        record.prices[at] = life[ENTRY]
        record.prices[at + 1] = trade.price
        record.prices[at + 2] = trade.growth
        record.prices[at + 3] = trade.funding
        record.prices[at + 4] = life[RISK_WANTED]
        record.prices[at + 5] = life[RISK_TAKEN]
        record.prices[at + 6] = life[SPENT]
        record.prices[at + 7] = trade.scale
