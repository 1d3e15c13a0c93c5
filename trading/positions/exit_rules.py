"""How a position may be changed and ended, and the layout in which the kernels read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from trading.errors import ParameterError
from trading.jit.kernel import Buffer, kernel

# Layout of the rules of one combination. Shares are of a price; 0 switches a rule off.
R_TAKE_PROFIT = 0
R_STOP_LOSS = 1
R_ATR_MULTIPLIER = 2
R_TRAILING_STOP = 3
R_EMERGENCY_STOP = 4
R_DAY_END = 5
R_FEE = 6
R_SLIPPAGE = 7
R_MAKER_FEE = 8
R_SIDE = 9
R_TRAILING_ARM = 10
R_TIME_EXIT = 11  # ms
R_HALF_CLOSE = 12
R_GUARD = 13
R_LEVERAGE = 14
R_CAPITAL = 15  # quote currency of an equity of 1 at the start
R_TOLERANCE = 16
R_LADDER = 17  # steps of (level, share)
LADDER_STEPS = 4
R_ADDITIONS = R_LADDER + 2 * LADDER_STEPS  # additions of (fall, weight, stop)
ADDITIONS = 2
R_STAGED = R_ADDITIONS + 3 * ADDITIONS
R_GAP = R_STAGED + 1  # 1: a level that the open jumped over fills at the open
R_EXIT_LATE = R_STAGED + 2  # 1: the strategy's exit counts only after the half close
R_TARGET_VOLATILITY = R_STAGED + 3
R_TICKS = R_STAGED + 4  # ticks per unit of price for resting levels; 0: any price
R_MOST = R_STAGED + 5  # largest notional of the whole plan at the leverage, quote currency
R_TRAILING_FROM = R_STAGED + 6  # 1: the trailing stop takes profits only
R_SIZE_BY = R_STAGED + 7  # how entries are sized, see `trading.positions.sizing`
R_SIZE_SHARE = R_STAGED + 8
R_SIZE_RISK = R_STAGED + 9
R_SIZE_ATRS = R_STAGED + 10
R_BRACKETS = R_STAGED + 11  # (cap, rate, amount) in quote currency; a rate of 0 ends them
BRACKETS = 12
BRACKET_SIZE = 3
RULES_SIZE = R_BRACKETS + BRACKETS * BRACKET_SIZE


WHOLE_EQUITY = (0.0, 1.0, 0.0, 0.0)
"""The numbers of a sizing that takes the whole equity."""


class LevelShares(NamedTuple):
    """The rules behind the levels that close everything, as shares of the entry price."""

    take_profit: float
    stop_loss: float
    atr_multiplier: float
    trailing_stop: float
    emergency_stop: float
    trailing_arm: float
    takes_profits_only: float
    """Above 0, the trailing stop lies on the winning side of the entry or nowhere."""


@kernel
def shares_at(rules: Buffer, at: int) -> LevelShares:
    """Return the shares of the rules that start at ``at``."""
    return LevelShares(
        rules[at + R_TAKE_PROFIT],
        rules[at + R_STOP_LOSS],
        rules[at + R_ATR_MULTIPLIER],
        rules[at + R_TRAILING_STOP],
        rules[at + R_EMERGENCY_STOP],
        rules[at + R_TRAILING_ARM],
        rules[at + R_TRAILING_FROM],
    )


@dataclass(frozen=True, slots=True)
class FillRates:
    """What a fill costs, as shares: fees of its notional, slippage of its price.

    ``maker`` is the fee of a resting order; None takes ``fee``.
    """

    fee: float = 0.0
    slippage: float = 0.0
    maker: float | None = None


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """What the venue's margin rules do to a position.

    ``capital`` is what an equity of 1 at the start of a run is worth in quote currency. The
    maintenance ``brackets`` are (cap, rate, amount), ascending, in quote currency; without them the
    rules' own maintenance rate counts. ``most`` is the largest notional at the leverage.
    """

    capital: float = 1.0
    brackets: Sequence[tuple[float, float, float]] = ()
    most: float = math.inf


FREE = FillRates()
UNLIMITED = MarginTerms()


@dataclass(frozen=True, slots=True)
class Addition:
    """One averaging step, bought ``fall`` (a share) beyond the initial price.

    ``weight`` is its notional in units of the initial one; ``stop`` is the stop from then on, a
    share of the average price.
    """

    fall: float
    weight: float
    stop: float


@dataclass(frozen=True, slots=True)
class ExitRules:
    """How a position may end or change; shares of the entry price, and 0 switches a rule off.

    A ``stop_loss`` of 0 with a positive ``atr_multiplier`` is the ATR stop. ``trailing_stop`` is a
    fall from the best price; it counts once the profit has reached ``trailing_arm`` and the level
    lies on the winning side, or with ``trailing_from`` = ``entry`` on either side of the entry.
    ``day_end`` closes at the end of the UTC day, ``time_exit_ms`` after that long.

    ``partials`` is a ladder of (profit, share of everything bought). ``half_close`` is the profit
    at which half of the open position is sold, once; with ``exit_after_half`` the strategy's own
    exit counts only from then on. ``additions`` are the averaging steps. ``liquidation_guard``
    closes when less than that share of the distance from the average price to the liquidation
    price is left, at a ``leverage`` above 1. With a ``target_volatility`` the leverage is
    :func:`dynamic_leverage` of the ATR at the entry, at most ``leverage``. ``maintenance`` is the
    rate of the lowest bracket; it counts where :meth:`layout` gets no brackets. ``tolerance``
    widens a structural stop.
    """

    take_profit: float = 0.0
    stop_loss: float = 0.0
    atr_multiplier: float = 0.0
    trailing_stop: float = 0.0
    emergency_stop: float = 0.0
    day_end: bool = False
    trailing_arm: float = 0.0
    time_exit_ms: int = 0
    partials: tuple[tuple[float, float], ...] = ()
    half_close: float = 0.0
    exit_after_half: bool = False
    additions: tuple[Addition, ...] = ()
    liquidation_guard: float = 0.0
    leverage: float = 1.0
    maintenance: float = 0.004
    tolerance: float = 0.0
    target_volatility: float = 0.0
    trailing_from: str = "profit"

    def __post_init__(self) -> None:
        if len(self.partials) > LADDER_STEPS or len(self.additions) > ADDITIONS:
            raise ParameterError(
                f"a ladder of {len(self.partials)} steps with {len(self.additions)} additions is "
                f"too long; give at most {LADDER_STEPS} steps and {ADDITIONS} additions"
            )
        _check_ladder(self.partials)
        _check_additions(self.additions)
        if self.leverage < 1.0:
            raise ParameterError(f"leverage = {self.leverage:g} is out of bounds; give 1 or more")
        if self.liquidation_guard > 0.0 and 1.0 / self.leverage <= self.maintenance:
            raise ParameterError(
                f"leverage = {self.leverage:g} liquidates at the entry price with a maintenance "
                f"rate of {self.maintenance:g}; give a lower leverage"
            )

    @property
    def is_staged(self) -> bool:
        """Whether any rule goes beyond the levels that close everything."""
        return bool(
            self.partials
            or self.additions
            or self.half_close
            or self.time_exit_ms
            or self.leverage > 1.0
        )

    def at_leverage(self, leverage: int) -> ExitRules:
        """Return the rules at the account's leverage at the exchange, where they depend on one.

        That leverage follows neither the strategy nor the volatility.
        """
        rules = replace(self, target_volatility=0.0)
        if leverage > 1 and (rules.leverage > 1.0 or rules.liquidation_guard > 0.0):
            return replace(rules, leverage=float(leverage))
        return replace(rules, leverage=1.0)

    @property
    def shares(self) -> LevelShares:
        """The rules behind the levels that close everything."""
        return LevelShares(
            self.take_profit,
            self.stop_loss,
            self.atr_multiplier,
            self.trailing_stop,
            self.emergency_stop,
            self.trailing_arm,
            1.0 if self.trailing_from == "profit" else 0.0,
        )

    def layout(
        self,
        side: int = 1,
        rates: FillRates = FREE,
        margin: MarginTerms = UNLIMITED,
        *,
        own_levels: bool = False,
    ) -> list[float]:
        """Return the rules as the kernels read them.

        With ``own_levels`` entries come with a side, a stop and a target of their own.
        """
        tiers = margin.brackets or ((math.inf, self.maintenance, 0.0),)
        margins = [value for tier in tiers for value in tier]
        maker = rates.fee if rates.maker is None else rates.maker
        ladder = [value for step in self.partials for value in step]
        additions = [v for a in self.additions for v in (a.fall, a.weight, a.stop)]
        return [
            self.take_profit,
            self.stop_loss,
            self.atr_multiplier,
            self.trailing_stop,
            self.emergency_stop,
            1.0 if self.day_end else 0.0,
            rates.fee,
            rates.slippage,
            maker,
            float(side),
            self.trailing_arm,
            float(self.time_exit_ms),
            self.half_close,
            self.liquidation_guard if self.leverage > 1.0 else 0.0,
            self.leverage,
            margin.capital,
            self.tolerance,
            *ladder,
            *[0.0] * (2 * LADDER_STEPS - len(ladder)),
            *additions,
            *[0.0] * (3 * ADDITIONS - len(additions)),
            1.0 if self.is_staged or maker != rates.fee or side < 0 or own_levels else 0.0,
            0.0,
            1.0 if self.exit_after_half and self.half_close > 0.0 else 0.0,
            self.target_volatility,
            0.0,
            margin.most,
            1.0 if self.trailing_from == "profit" else 0.0,
            *WHOLE_EQUITY,
            *margins,
            *[0.0] * (BRACKETS * BRACKET_SIZE - len(margins)),
        ]


def _check_ladder(steps: tuple[tuple[float, float], ...]) -> None:
    levels = [level for level, _ in steps]
    shares = [share for _, share in steps]
    if any(level <= 0.0 for level in levels) or levels != sorted(set(levels)):
        raise ParameterError(f"the ladder's levels {levels} do not ascend from above 0")
    if any(share <= 0.0 for share in shares) or sum(shares) > 1.0 + 1e-9:
        raise ParameterError(f"the ladder's shares {shares} are not positive with a sum up to 1")


def _check_additions(additions: tuple[Addition, ...]) -> None:
    falls = [addition.fall for addition in additions]
    if any(not 0.0 < fall < 1.0 for fall in falls) or falls != sorted(set(falls)):
        raise ParameterError(f"the additions' falls {falls} do not ascend between 0 and 1")
    if any(addition.weight <= 0.0 for addition in additions):
        raise ParameterError("an addition has no weight; give its notional per initial notional")


@kernel
def dynamic_leverage(atr: float, price: float, target: float = 0.02, most: float = 10.0) -> float:
    """Leverage at which one ATR moves the position by ``target`` of its margin, at most ``most``.

    It is ``target`` over ATR / ``price``, cut to a whole number as venues require, and at least 1.
    Without an ATR (NaN or 0) the volatility is unknown and the leverage is 1.
    """
    if not (atr > 0.0 and price > 0.0):
        return 1.0
    wanted = target / (atr / price)
    if wanted > most:
        wanted = most
    return float(int(wanted)) if wanted > 1.0 else 1.0
