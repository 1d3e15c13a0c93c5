"""Simulation of several strategies and symbols that share one account."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import str_

from trading.candles import CandleColumns, Floats, Integers
from trading.decider import Setup
from trading.errors import DataError, ParameterError
from trading.liquidation import MAJOR, Bracket
from trading.position import REASONS
from trading.rules import R_GAP, RULES_SIZE
from trading.simulation import kernels, sharing
from trading.simulation.plan import rules_of
from trading.simulation.results import Costs
from trading.simulation.run import decide
from trading.stages import FILL_WIDTH, LIFE_SIZE, MOST_FILLS
from trading.strategies.base import ACTION, ATR, Strategy, Value

REFUSALS = ("held by another", "too many positions", "exposure", "daily loss limit", "too small")


@dataclass(frozen=True, slots=True)
class Seat:
    """One strategy on one symbol; seats that come first have priority."""

    strategy: Strategy
    symbol: str
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the account allows: shares of the equity, and the number of positions.

    ``daily_loss`` refuses entries once the equity, open profit included, is that much below the
    day's beginning (UTC). ``impact`` adds that much slippage times the root of the participation
    in the candle's turnover.
    """

    max_positions: int = 10
    max_exposure: float = 1.0
    daily_loss: float = 0.06
    impact: float = 0.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What a symbol's venue asks for: ``step`` of quantities, least notional, and brackets."""

    step: float = 0.0
    min_notional: float = 0.0


@dataclass(frozen=True)
class AccountResult:
    """Trades of all seats in order of their exit, in columns, and the account.

    ``seat`` is the position in the seats given; ``profit`` is in quote currency, after fees and
    funding. ``equity`` is that at the close of each of ``moments`` (opens of candles, ms).
    ``refused`` counts the entries that were not allowed, by reason.
    """

    seat: Integers
    entry_time: Integers
    exit_time: Integers
    entry_price: Floats
    exit_price: Floats
    quantity: Floats
    profit: Floats
    reason: npt.NDArray[str_]
    moments: Integers
    equity: Floats
    wallet: float
    funding_paid: float
    ambiguous_candles: int
    refused: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.seat)


def simulate_account(
    seats: Sequence[Seat],
    candles: Mapping[str, CandleColumns],
    balance: float,
    costs: Costs,
    limits: Limits | None = None,
    *,
    filters: Mapping[str, Filters] | None = None,
    funding: Mapping[str, Mapping[int, float]] | None = None,
    brackets: tuple[Bracket, ...] = MAJOR,
    compiled: bool = True,
) -> AccountResult:
    """Trade ``seats`` on one account that begins with ``balance`` (quote currency).

    Each position takes the share ``max_position_size`` of the equity as notional. Stops that the
    open jumped over fill at the open. ``funding`` has rates by symbol and time (ms): longs pay a
    positive rate at the open of the first candle at that time. One seat owns a symbol until flat.
    `DataError` when a seat's symbol has no candles or intervals differ.
    """
    market = _Market(seats, candles, funding or {})
    speed = kernels.speed(compiled)
    allowed = limits or Limits()
    if balance <= 0.0:
        raise ParameterError(f"balance = {balance:g} is not positive; give what the account holds")
    rules, data, actions, atrs = _seats(seats, market, costs, filters or {}, compiled)
    count, moments, room = len(seats), len(market.moments), market.size
    account = speed.buffer([balance, balance, 0.0, 0.0, 0.0])
    refused, whole = speed.integers(sharing.REFUSALS), speed.integers(4 * room)
    parts, equity = speed.floats(4 * room), speed.floats(moments)
    limit = [allowed.max_positions, allowed.max_exposure, allowed.daily_loss, allowed.impact]
    trades = speed.kernel(sharing.share_account)(
        speed.whole(market.moments),
        speed.whole(market.row_at.reshape(-1)),
        speed.whole(market.times),
        *(speed.buffer(column) for column in market.columns),
        speed.whole(market.firsts),
        speed.whole(market.symbol_of),
        speed.buffer(actions),
        speed.buffer(atrs),
        speed.buffer(market.funding),
        speed.buffer(rules),
        speed.buffer([costs.slippage_bps / 10_000.0] * count),
        speed.buffer([value for b in brackets for value in (b.cap, b.rate, b.cum)]),
        speed.buffer(data),
        speed.buffer(limit),
        market.base_ms,
        account,
        speed.floats(count * LIFE_SIZE),
        speed.floats(LIFE_SIZE),
        speed.integers(count),
        speed.integers(count),
        speed.floats(count),
        speed.floats(FILL_WIDTH * (MOST_FILLS + 1)),
        refused,
        whole,
        parts,
        equity,
    )
    return _result(market, int(trades), whole, parts, equity, account, refused)


def _result(
    market: _Market, count: int, whole: Any, parts: Any, equity: Any, account: Any, refused: Any
) -> AccountResult:
    seat, entered, left, code = np.asarray(whole[: 4 * count], dtype=np.int64).reshape(-1, 4).T
    entry, closed, quantity, profit = np.asarray(parts[: 4 * count]).reshape(-1, 4).T
    return AccountResult(
        seat=seat,
        entry_time=market.moments[entered],
        exit_time=market.moments[left],
        entry_price=entry,
        exit_price=closed,
        quantity=quantity,
        profit=profit,
        reason=np.array(REASONS)[code],
        moments=market.moments,
        equity=np.asarray(equity, dtype=np.float64),
        wallet=float(account[sharing.WALLET]),
        funding_paid=float(account[sharing.FUNDING]),
        ambiguous_candles=int(account[sharing.AMBIGUOUS_CANDLES]),
        refused={name: int(n) for name, n in zip(REFUSALS, refused, strict=True)},
    )


class _Market:
    """Candles of all symbols end to end, and which of them belong to each moment."""

    def __init__(
        self,
        seats: Sequence[Seat],
        candles: Mapping[str, CandleColumns],
        funding: Mapping[str, Mapping[int, float]],
    ) -> None:
        self.symbols = list(dict.fromkeys(seat.symbol for seat in seats))
        for symbol in self.symbols:
            if symbol not in candles or len(candles[symbol]) == 0:
                raise DataError(f"there are no candles of {symbol}; give them or leave it out")
        chosen = [candles[symbol] for symbol in self.symbols]
        intervals = {c.interval_ms for c in chosen}
        if len(intervals) != 1:
            raise DataError(f"candles of one interval are needed, not of {sorted(intervals)} ms")
        self.base_ms = intervals.pop()
        self.firsts = np.append(0, np.cumsum([len(c) for c in chosen]))
        self.size = int(self.firsts[-1])
        self.times = np.concatenate([c.open_time for c in chosen])
        names = ("open", "high", "low", "close", "volume")
        self.columns = [np.concatenate([getattr(c, name) for c in chosen]) for name in names]
        self.moments = np.unique(self.times)
        self.row_at = np.full((len(self.moments), len(chosen)), -1, dtype=np.int64)
        self.funding = np.zeros(self.size)
        self.symbol_of = np.array([self.symbols.index(seat.symbol) for seat in seats])
        for number, (symbol, columns) in enumerate(zip(self.symbols, chosen, strict=True)):
            rows = int(self.firsts[number]) + np.arange(len(columns))
            self.row_at[np.searchsorted(self.moments, columns.open_time), number] = rows
            for time, rate in funding.get(symbol, {}).items():
                at = int(np.searchsorted(columns.open_time, time))
                if at < len(columns):
                    self.funding[int(self.firsts[number]) + at] += rate
        self.candles = dict(zip(self.symbols, chosen, strict=True))


def _seats(
    seats: Sequence[Seat],
    market: _Market,
    costs: Costs,
    filters: Mapping[str, Filters],
    compiled: bool,
) -> tuple[Floats, list[float], Floats, Floats]:
    """Rules, instrument data, decisions and ATRs of each seat, end to end."""
    rules = np.zeros((len(seats), RULES_SIZE))
    data: list[float] = []
    actions = np.zeros((len(seats), market.size))
    atrs = np.full((len(seats), market.size), math.nan)
    for s, seat in enumerate(seats):
        columns = market.candles[seat.symbol]
        setup = Setup.of(seat.strategy, seat.params, columns.interval_ms)
        rules[s] = rules_of(seat.strategy.exit_rules(setup.params), seat.strategy, costs)
        rules[s, R_GAP] = 1.0
        asked = filters.get(seat.symbol, Filters())
        data += [asked.step, asked.min_notional, float(setup.params["max_position_size"])]
        stream = decide(seat.strategy, columns, seat.params, compiled=compiled)
        first = int(market.firsts[market.symbol_of[s]])
        actions[s, first : first + len(columns)] = stream[:, ACTION]
        atrs[s, first : first + len(columns)] = stream[:, ATR]
    return rules.reshape(-1), data, actions.reshape(-1), atrs.reshape(-1)
