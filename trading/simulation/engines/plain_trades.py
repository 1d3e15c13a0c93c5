"""A long position that is bought and sold at once: its fills, and what ends it (kernels)."""

from __future__ import annotations

from collections.abc import Callable

from trading.jit.kernel import Buffer, kernel
from trading.market.funding import Owed, owed_at
from trading.market.rows import Rows
from trading.positions.candle_path import AT_OPEN, CandleTurn
from trading.positions.exit_rules import (
    R_FEE,
    R_SLIPPAGE,
    shares_at,
)
from trading.positions.position import (
    ARM,
    BEST,
    DAY_END,
    EMERGENCY,
    END_OF_DATA,
    ENTRY,
    FLOOR,
    NO_EXIT,
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
from trading.simulation.layout import Record, RowSpan, Signals, TradingWindow
from trading.simulation.signals import same_day

LONG = 1
EARLY = 1e-9
"""The arming price is searched for a hair early; the lifecycle then decides exactly."""


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
    """Return what a long trade multiplies the equity by, fees of both fills included."""
    return (closed / entry) * (1.0 - fee) / (1.0 + fee)


@kernel
def nearest_stop(position: Buffer) -> float:
    """Return the higher of stop and emergency stop of a long position; NaN when both are off."""
    lower = position[STOP]
    emergency = position[EMERGENCY]
    if lower != lower or emergency > lower:
        return emergency
    return lower


@kernel
def arming_price(position: Buffer) -> float:
    """Return a price below which the trailing stop of a long position is surely not armed."""
    price = position[ARM]
    if position[FLOOR] > 0.0:
        winning = position[FLOOR] / (1.0 - position[TRAIL])
        if winning > price:
            price = winning
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
def row_exit(
    position: Buffer, rows: Rows, row: int, day_ends: int, is_last: bool, wants_out: bool
) -> int:
    """Return the exit on one row, as a code.

    ``wants_out``: the strategy's exit was decided on the row before.
    """
    if wants_out or day_ends == AT_OPEN:
        code = price_exit(position, rows.opens[row])
        if code != NO_EXIT:
            return code
        return STRATEGY_EXIT if wants_out else DAY_END
    code = candle_exit(
        position, rows.opens[row], rows.highs[row], rows.lows[row], rows.closes[row], day_ends
    )
    if code == NO_EXIT and is_last:
        return END_OF_DATA
    return code


@kernel
def enter_long(position: Buffer, price: float, atr: float, rules: Buffer, at: int) -> None:
    """Open a long position at the market ``price`` under the rules that start at ``at``."""
    filled = entry_price_of(price, rules[at + R_SLIPPAGE])
    open_position(position, LONG, filled, atr, shares_at(rules, at))


@kernel
def market_at_end(rows: Rows, entered: int, left: int, code: int) -> float:
    """Return the market's price where ``code`` ends a position that filled on row ``entered``."""
    late = code == DAY_END and not same_day(rows.times, entered, left)
    return rows.opens[left] if code == STRATEGY_EXIT or late else rows.closes[left]


@kernel
def plain_end(
    position: Buffer, rules: Buffer, at: int, code: int, market: float
) -> tuple[float, float]:
    """Exit price and growth of a position that ends by ``code``."""
    level = exit_level(position, code, market)
    closed = exit_price_of(code, level, rules[at + R_SLIPPAGE])
    return closed, growth_of(position[ENTRY], closed, rules[at + R_FEE])


@kernel
def plain_paid(
    position: Buffer, rules: Buffer, at: int, owed: Owed, entered: int, left: int
) -> float:
    """Funding that the position paid after row ``entered`` up to ``left``, by its equity."""
    if len(owed.sums) == 0:
        return 0.0
    due = owed_at(owed, left) - owed_at(owed, entered)
    return due / (position[ENTRY] * (1.0 + rules[at + R_FEE]))


# What `trading.simulation.engines.candle_engine` binds for this kind of position.


@kernel
def plain_misses(signals: Signals, s: int, rules: Buffer, price: float) -> bool:  # noqa: ARG001
    """Never: entries of this kind have no levels of their own."""
    return False


@kernel
def plain_begins(
    life: Buffer,
    rules: Buffer,
    signals: Signals,
    s: int,
    market: float,
    time: int,  # noqa: ARG001 - both kinds have the same arguments
    equity: float,  # noqa: ARG001
) -> None:
    """Enter on signal ``s`` at the ``market`` price."""
    enter_long(life, market, signals.atrs[s], rules, 0)


@kernel
def plain_calm(life: Buffer, rules: Buffer) -> tuple[float, float]:  # noqa: ARG001
    """Prices between which a candle leaves the position as it is, both exclusive."""
    return calm_range(life)


@kernel
def plain_lives(
    life: Buffer,
    rules: Buffer,  # noqa: ARG001
    rows: Rows,
    window: TradingWindow,
    turn: CandleTurn,
    fills: Buffer,  # noqa: ARG001
) -> int:
    """Live through the candle of ``turn``; the code of an end, or 0."""
    is_last = turn.row == window.last
    return row_exit(life, rows, turn.row, turn.day_ends, is_last, turn.wants_out)


@kernel
def plain_ends(
    life: Buffer,
    rules: Buffer,
    code: int,
    rows: Rows,
    held: RowSpan,
    record: Record,  # noqa: ARG001
    first_fill: int,  # noqa: ARG001
) -> tuple[float, float]:
    """Exit price and growth of a position that ``code`` ended on its last row."""
    market = market_at_end(rows, held.first, held.horizon, code)
    return plain_end(life, rules, 0, code, market)


@kernel
def plain_pays(
    life: Buffer,
    rules: Buffer,
    owed: Owed,
    entered: int,
    left: int,
    fills: Buffer,  # noqa: ARG001 - both kinds have the same arguments
    first_fill: int,  # noqa: ARG001
) -> float:
    """Funding that the position paid between its rows."""
    return plain_paid(life, rules, 0, owed, entered, left)


PLAIN: dict[str, Callable[..., object]] = {
    "misses": plain_misses,
    "begins": plain_begins,
    "calm": plain_calm,
    "lives": plain_lives,
    "ends": plain_ends,
    "pays": plain_pays,
}
