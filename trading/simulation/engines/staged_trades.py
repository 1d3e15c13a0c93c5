"""A position that changes in stages: its entry, its candles and its end (kernels)."""

from __future__ import annotations

from collections.abc import Callable

from trading.jit.kernel import Buffer, apart, kernel
from trading.market.funding import Owed, owed_at
from trading.market.rows import Rows, bar_at
from trading.positions.candle_path import CandleTurn, live_row, settle
from trading.positions.entry_risk import BY_BRACKETS, note_risk, size_by_risk, sizes_by_risk
from trading.positions.exit_rules import (
    R_ADDITIONS,
    R_CAPITAL,
    R_FEE,
    R_MOST,
    R_SIDE,
    R_SIZE_SHARE,
    R_SLIPPAGE,
)
from trading.positions.lifecycle import (
    AMBIGUOUS,
    BOUGHT,
    BOUND_BY,
    CASH,
    FILL_WIDTH,
    FILLS,
    INITIAL_SIZE,
    NEAR_ADVERSE,
    NEAR_FAVOURABLE,
    SOLD,
    Entry,
    begin_life,
)
from trading.positions.position import (
    ARM,
    BEST,
    END_OF_DATA,
    ENTRY,
    FLOOR,
    NO_EXIT,
    OFF,
    SIDE,
    TRAIL,
    trailing_level,
)
from trading.positions.sizing import capped_quantity, planned_of
from trading.simulation.engines.plain_trades import EARLY
from trading.simulation.layout import (
    LEVELS_WIDTH,
    Opening,
    Record,
    RowSpan,
    Signals,
    TradingWindow,
)


@kernel
def side_of(signals: Signals, s: int, rules: Buffer, at: int) -> float:
    """Side of entry ``s``: its own, else that of the rules."""
    if len(signals.levels) > 0 and signals.levels[LEVELS_WIDTH * s] != 0.0:
        return signals.levels[LEVELS_WIDTH * s]
    return rules[at + R_SIDE]


@kernel
def own_level(signals: Signals, s: int, which: int) -> float:
    """Stop (1) or target (2) that entry ``s`` came with, or NaN."""
    if len(signals.levels) > 0:
        return signals.levels[LEVELS_WIDTH * s + which]
    return OFF


@kernel
def is_missed(signals: Signals, s: int, rules: Buffer, at: int, price: float) -> bool:
    """Whether the market opens beyond the entry's own stop or target."""
    side = side_of(signals, s, rules, at)
    stop, target = own_level(signals, s, 1), own_level(signals, s, 2)
    return side * price <= side * stop or side * price >= side * target


@apart
def enter_life(
    life: Buffer,
    rules: Buffer,
    at: int,
    signals: Signals,
    s: int,
    opening: Opening,
) -> None:
    """Open a life at the market price.

    Its whole plan costs the equity, fees included, or risks what the rules say, or is the most that
    the venue allows at the leverage. The equity decides the maintenance bracket and whether the
    plan is too large.
    """
    side = side_of(signals, s, rules, at)
    price = opening.price * (1.0 + side * rules[at + R_SLIPPAGE])
    planned = planned_of(rules, at)
    fee, slip = rules[at + R_FEE], rules[at + R_SLIPPAGE]
    quantity = 1.0 / (planned * price * (1.0 + fee))
    stop, target = own_level(signals, s, 1), own_level(signals, s, 2)
    worth = rules[at + R_CAPITAL] * opening.equity
    atr = signals.atrs[s]
    if sizes_by_risk(rules, at):
        begin_life(
            life, rules, at, Entry(side, price, 1.0, atr, stop, target, opening.time, worth, atr)
        )
        quantity = size_by_risk(life, rules, at, 1.0, rules[at + R_SIZE_SHARE], fee, slip)
    whole = quantity
    quantity = capped_quantity(quantity, quantity * price * planned * worth, rules[at + R_MOST])
    if quantity < whole:
        life[BOUND_BY] = BY_BRACKETS
    entry = Entry(side, price, quantity, atr, stop, target, opening.time, worth, atr)
    begin_life(life, rules, at, entry)
    note_risk(life, rules, at, 1.0, fee, slip)


@kernel
def mean_exit(life: Buffer, fills: Buffer, first_fill: int) -> float:
    """Mean price of all sales, by quantity."""
    if int(life[FILLS]) == first_fill + 1:
        return fills[FILL_WIDTH * first_fill + 3]
    return life[SOLD] / life[BOUGHT]


@kernel
def staged_paid(life: Buffer, owed: Owed, entered: int, fills: Buffer, first_fill: int) -> float:
    """Funding that a life paid after row ``entered``; a fill changes what the next opens cost."""
    if len(owed.sums) == 0:
        return 0.0
    paid, held, row = 0.0, life[INITIAL_SIZE], entered
    for i in range(first_fill, int(life[FILLS])):
        to = int(fills[FILL_WIDTH * i])
        paid += held * (owed_at(owed, to) - owed_at(owed, row))
        held += fills[FILL_WIDTH * i + 2]
        row = to
    return life[SIDE] * paid


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
            # Not armed: candles below the arming price change nothing. (An addition would lower
            # that price, so with additions every new best price counts.)
            arming = side * life[ARM]
            winning = side * life[FLOOR] / (1.0 - side * life[TRAIL])
            if winning > arming:
                arming = winning
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


@apart
def live_on(
    life: Buffer,
    rules: Buffer,
    at: int,
    rows: Rows,
    window: TradingWindow,
    turn: CandleTurn,
    fills: Buffer,
) -> int:
    """Live through the candle of ``turn``, which may be the last; the code of an end, or 0."""
    row = turn.row
    code = live_row(life, rules, at, bar_at(rows, row, window.base_ms), turn, fills)
    if code == NO_EXIT and row == window.last:
        return settle(life, rules, at, END_OF_DATA, rows.closes[row], row, fills)
    return code


# What `trading.simulation.engines.candle_engine` binds for this kind of position.


@kernel
def staged_misses(signals: Signals, s: int, rules: Buffer, price: float) -> bool:
    """Whether the market opens beyond the entry's own stop or target."""
    return is_missed(signals, s, rules, 0, price)


@kernel
def staged_begins(
    life: Buffer,
    rules: Buffer,
    signals: Signals,
    s: int,
    market: float,
    time: int,
    equity: float,
) -> None:
    """Enter on signal ``s`` at the ``market`` price of ``time`` (ms)."""
    enter_life(life, rules, 0, signals, s, Opening(market, time, equity))


@kernel
def staged_calm(life: Buffer, rules: Buffer) -> tuple[float, float]:
    """Prices between which a candle leaves the life as it is, both exclusive."""
    return calm_life(life, rules, 0)


@kernel
def staged_lives(
    life: Buffer,
    rules: Buffer,
    rows: Rows,
    window: TradingWindow,
    turn: CandleTurn,
    fills: Buffer,
) -> int:
    """Live through the candle of ``turn``; the code of an end, or 0."""
    return live_on(life, rules, 0, rows, window, turn, fills)


@kernel
def staged_ends(
    life: Buffer,
    rules: Buffer,  # noqa: ARG001 - both kinds have the same arguments
    code: int,  # noqa: ARG001
    rows: Rows,  # noqa: ARG001
    held: RowSpan,  # noqa: ARG001
    record: Record,
    first_fill: int,
) -> tuple[float, float]:
    """Mean exit price and growth of a life that has ended."""
    record.ambiguous[0] += int(life[AMBIGUOUS])
    return mean_exit(life, record.fills, first_fill), 1.0 + life[CASH]


@kernel
def staged_pays(
    life: Buffer,
    rules: Buffer,  # noqa: ARG001 - both kinds have the same arguments
    owed: Owed,
    entered: int,
    left: int,  # noqa: ARG001
    fills: Buffer,
    first_fill: int,
) -> float:
    """Funding that the life paid between its rows."""
    return staged_paid(life, owed, entered, fills, first_fill)


STAGED: dict[str, Callable[..., object]] = {
    "misses": staged_misses,
    "begins": staged_begins,
    "calm": staged_calm,
    "lives": staged_lives,
    "ends": staged_ends,
    "pays": staged_pays,
}
