"""Simulation of several strategies and symbols that share one account."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from numpy import str_

from trading.candles import DAY_MS, MINUTE_MS, CandleColumns, Floats, Integers
from trading.errors import DataError, ParameterError
from trading.jit import backends
from trading.jit.backends import Backend
from trading.market.correlation import daily_correlations
from trading.market.rows import Rows
from trading.positions.exit_rules import R_GAP, R_TICKS, RULES_SIZE
from trading.positions.lifecycle import FILL_WIDTH, LIFE_SIZE, MOST_FILLS
from trading.positions.liquidation import MAJOR, Bracket, Margin
from trading.positions.position import REASONS
from trading.simulation.account import account_kernels, exchange_fills, exchange_kernels
from trading.simulation.backtest import decide
from trading.simulation.results import Costs
from trading.simulation.search_plan import rules_of
from trading.strategies import priority
from trading.strategies.base import Strategy
from trading.strategies.layout import (
    ACTION,
    ATR,
    CONFIDENCE,
    ENTER,
    HOLD,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.parameters import Value
from trading.strategies.setup import Setup

WORDS = [ACTION, ATR, SIDE, STOP_PRICE, TARGET_PRICE]
"""What the account reads of a decision."""

REFUSALS = (
    "held by another",
    "too many positions",
    "exposure",
    "daily loss limit",
    "too small",
    "beyond its stop or target",
    "correlation",
    "ensemble",
)


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
    day's beginning (UTC). ``impact`` adds that much slippage times the root of the participation in
    the candle's turnover. ``max_correlation`` refuses a position whose correlation with an open
    one, over the last 30 days, is above it or unknown (`trading.market.correlation`); 1 switches it
    off.
    """

    max_positions: int = 10
    max_exposure: float = 1.0
    daily_loss: float = 0.06
    impact: float = 0.0
    max_correlation: float = 1.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What a symbol's venue asks for: ``step`` of quantities, least notional, brackets of the
    maintenance margin, and ``tick`` of prices. Stops and targets that rest lie on the nearest tick.
    """

    step: float = 0.0
    min_notional: float = 0.0
    brackets: tuple[Bracket, ...] = MAJOR
    tick: float = 0.0

    @property
    def ticks(self) -> float:
        """Ticks a unit; 0 without. Whole where a tick is a share of 1, so that prices are exact."""
        if not self.tick > 0.0:
            return 0.0
        return float(round(1.0 / self.tick)) if self.tick < 1.0 else 1.0 / self.tick

    def grid(self, symbol: str, costs: Costs) -> tuple[float, ...]:
        """A row for the exchange fills: ticks and steps per unit, the fee, the least notional.

        `ParameterError` without a tick or a step.
        """
        if not (self.tick > 0.0 and self.step > 0.0):
            raise ParameterError(
                f"{symbol}: the profile exchange needs its tick and step; give both in its filters"
            )
        steps = float(round(1.0 / self.step)) if self.step < 1.0 else 1.0 / self.step
        return self.ticks, steps, costs.fee_bps / 10_000.0, self.min_notional, 0.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """The fill profile `exchange`: what the executor would trade at the sandbox exchange.

    ``leverage`` is that of the account there. Candles are 1m without a gap, and every symbol has a
    tick and a step. All fills pay the taker's fee; the spread of a tick stands for slippage. A
    position that is open at the end is no trade.
    """

    leverage: int = 5

    def check(self, costs: Costs, limits: Limits) -> None:
        """`ParameterError` for costs that no order has there."""
        maker = costs.fee_bps if costs.maker_fee_bps is None else costs.maker_fee_bps
        if costs.slippage_bps or limits.impact or maker != costs.fee_bps:
            raise ParameterError(
                "the profile exchange trades at the quotes of the exchange and pays one fee; leave"
                " slippage_bps, impact and maker_fee_bps out"
            )


@dataclass(frozen=True)
class Deals:
    """Fills in order of their time (ms), in columns; ``quantity`` is above 0 into the position.

    ``seat`` is the position in the seats given; ``reason`` is empty for an entry.
    """

    seat: Integers
    time: Integers
    reason: npt.NDArray[str_]
    quantity: Floats
    price: Floats


@dataclass(frozen=True)
class AccountResult:
    """Trades of all seats in order of their exit, in columns, and the account.

    ``seat`` is the position in the seats given; ``profit`` is in quote currency, after fees and
    funding. ``equity`` is that at the close of each of ``moments`` (opens of candles, ms).
    ``refused`` counts the entries that were not allowed, by reason. With the profile `exchange` the
    times of trades are those of their fills, and ``deals`` has the fills.
    """

    seat: Integers
    entry_time: Integers
    exit_time: Integers
    side: Integers
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
    deals: Deals | None = None

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
    profile: Exchange | None = None,
    trade_from_ms: int | None = None,
    shares: Sequence[Floats] | None = None,
    compiled: bool = True,
) -> AccountResult:
    """Trade ``seats`` on one account that begins with ``balance`` (quote currency).

    Each position takes what its strategy's sizing gives it. Of entries that carry a confidence only
    the best of a moment and symbol is taken (see :mod:`trading.strategies.priority`). Stops that
    the open jumped over fill at the open. ``funding`` has rates by symbol and time (ms): longs pay
    a positive rate at the open of the first candle at that time. One seat owns a symbol until flat.
    Candles before ``trade_from_ms`` only warm the indicators. ``shares`` has an array a seat, a
    value for each candle of its symbol: the largest share of the equity that an entry decided on
    that candle may take with all its additions (0: none, refused as `ensemble`). With a ``profile``
    the fills are those of the executor at the sandbox exchange, which see. `DataError` when a
    seat's symbol has no candles or intervals differ.
    """
    rates = funding or {}
    if profile is not None:
        rates = {s: {t - t % MINUTE_MS: r for t, r in known.items()} for s, known in rates.items()}
    market = _Market(seats, candles, rates)
    allowed = limits or Limits()
    if profile is not None:
        profile.check(costs, allowed)
        market.check_minutes()
    backend = backends.backend(compiled)
    if balance <= 0.0:
        raise ParameterError(f"balance = {balance:g} is not positive; give what the account holds")
    count, room = len(seats), market.size
    account = account_kernels.Account(
        money=backend.floats([balance, balance, 0.0, 0.0, 0.0]),
        limits=backend.floats(
            [
                allowed.max_positions,
                allowed.max_exposure,
                allowed.daily_loss,
                allowed.impact,
                allowed.max_correlation,
            ]
        ),
        lives=backend.zeros(count * LIFE_SIZE),
        life=backend.zeros(LIFE_SIZE),
        pending=backend.whole_zeros(count),
        entered=backend.whole_zeros(count),
        marks=backend.zeros(count),
        fills=backend.zeros(FILL_WIDTH * (MOST_FILLS + 1)),
        refused=backend.whole_zeros(account_kernels.REFUSALS),
    )
    journal = account_kernels.Journal(
        backend.whole_zeros(account_kernels.TRADE_INTS * room),
        backend.zeros(account_kernels.TRADE_FLOATS * room),
        backend.zeros(len(market.moments)),
    )
    asked = filters or {}
    data = (
        market.rows(backend),
        market.board(backend, correlated=allowed.max_correlation < 1.0),
        _seats(seats, market, costs, asked, backend, profile, trade_from_ms, shares),
        account,
        journal,
    )
    if profile is None:
        trades = backend.kernel(account_kernels.share_account)(*data)
        return _result(market, int(trades), journal, account)
    desk = _desk(seats, asked, costs, backend, room)
    trades = backend.kernel(exchange_kernels.trade_at_exchange)(*data, desk)
    return _result(market, int(trades), journal, account, _deals(desk))


def _desk(
    seats: Sequence[Seat],
    filters: Mapping[str, Filters],
    costs: Costs,
    backend: Backend,
    room: int,
) -> exchange_kernels.Desk:
    """What the profile `exchange` adds to the account, with room for so many trades."""
    grids = [filters.get(seat.symbol, Filters()).grid(seat.symbol, costs) for seat in seats]
    fills = backend.empty(exchange_fills.DEAL_WIDTH * (MOST_FILLS + 1) * room)
    return exchange_kernels.Desk(
        backend.floats([number for grid in grids for number in grid]),
        backend.zeros(len(seats)),
        backend.whole_zeros(len(seats)),
        exchange_fills.Deals(fills, backend.whole_zeros(1)),
    )


def _deals(desk: exchange_kernels.Desk) -> Deals:
    """The fills of a run at an exchange."""
    made = np.asarray(desk.deals.parts[: exchange_fills.DEAL_WIDTH * int(desk.deals.made[0])])
    seat, time, code, quantity, price = made.reshape(-1, exchange_fills.DEAL_WIDTH).T
    reason = np.array(REASONS)[code.astype(np.int64)]
    return Deals(seat.astype(np.int64), time.astype(np.int64), reason, quantity, price)


def _result(
    market: _Market,
    count: int,
    journal: account_kernels.Journal,
    account: account_kernels.Account,
    deals: Deals | None = None,
) -> AccountResult:
    """What a run has written; with ``deals`` its times are those of fills (ms), else moments."""
    whole = np.asarray(journal.whole[: account_kernels.TRADE_INTS * count], dtype=np.int64)
    parts = np.asarray(journal.parts[: account_kernels.TRADE_FLOATS * count], dtype=np.float64)
    seat, entered, left, code, side = whole.reshape(-1, account_kernels.TRADE_INTS).T
    entry, closed, quantity, profit = parts.reshape(-1, account_kernels.TRADE_FLOATS).T
    return AccountResult(
        seat=seat,
        entry_time=market.moments[entered] if deals is None else entered,
        exit_time=market.moments[left] if deals is None else left,
        side=side,
        entry_price=entry,
        exit_price=closed,
        quantity=quantity,
        profit=profit,
        reason=np.array(REASONS)[code],
        moments=market.moments,
        equity=np.asarray(journal.equity, dtype=np.float64),
        wallet=float(account.money[account_kernels.WALLET]),
        funding_paid=float(account.money[account_kernels.FUNDING]),
        ambiguous_candles=int(account.money[account_kernels.AMBIGUOUS_CANDLES]),
        refused={name: int(n) for name, n in zip(REFUSALS, account.refused, strict=True)},
        deals=deals,
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

    def check_minutes(self) -> None:
        """`DataError` unless these are minutes without a gap, as an exchange lives through them."""
        for symbol, columns in self.candles.items():
            if self.base_ms != MINUTE_MS or (np.diff(columns.open_time) != MINUTE_MS).any():
                raise DataError(
                    f"{symbol}: the profile exchange trades 1m candles without a gap; give such"
                    " candles, or leave the profile out"
                )

    def rows(self, backend: Backend) -> Rows:
        """The candles as the kernels read them."""
        return Rows(
            backend.integers(self.times), *(backend.floats(column) for column in self.columns)
        )

    def board(self, backend: Backend, *, correlated: bool) -> account_kernels.Board:
        """Which of them belong to each moment; ``correlated``: and how alike the symbols move."""
        first, last = (int(self.moments[place]) // DAY_MS for place in (0, -1))
        days = np.arange(first, last + 1, dtype=np.int64)
        alike = np.empty(0)
        if correlated:
            alike = daily_correlations(list(self.candles.values()), days).reshape(-1)
        return account_kernels.Board(
            backend.integers(self.moments),
            backend.integers(self.row_at.reshape(-1)),
            backend.integers(self.firsts),
            backend.floats(self.funding),
            backend.floats(alike),
            first,
            self.base_ms,
        )


def _seats(
    seats: Sequence[Seat],
    market: _Market,
    costs: Costs,
    filters: Mapping[str, Filters],
    backend: Backend,
    profile: Exchange | None,
    trade_from_ms: int | None,
    shares: Sequence[Floats] | None,
) -> account_kernels.Seats:
    """Rules, instrument data and decisions of each seat, end to end."""
    rules = np.zeros((len(seats), RULES_SIZE))
    data: list[float] = []
    words = np.full((len(WORDS), len(seats), market.size), math.nan)
    confidence = np.full((len(seats), market.size), math.nan)
    most = None if shares is None else _shares(seats, market, shares)
    for s, seat in enumerate(seats):
        columns = market.candles[seat.symbol]
        setup = Setup.of(seat.strategy, seat.params, columns.interval_ms)
        asked = filters.get(seat.symbol, Filters())
        own_rules = seat.strategy.exit_rules(setup.params)
        if profile is None:
            # Quantities here are those of the venue: notionals are in quote currency already.
            own = replace(costs, margin=Margin(1.0, asked.brackets))
            rules[s] = rules_of(own_rules, seat.strategy, own)
            rules[s, R_GAP] = 1.0
            rules[s, R_TICKS] = asked.ticks
        else:
            # As the executor guards: levels off the grid, the maintenance of the rules; fees and
            # spread are the exchange's.
            rules[s] = own_rules.at_leverage(profile.leverage).layout(side=seat.strategy.side)
        sizing = seat.strategy.sizing(setup.params)
        data += [asked.step, asked.min_notional, sizing.share, sizing.risk]
        stream = decide(seat.strategy, columns, seat.params, compiled=backend.compiled)
        first = int(market.firsts[market.symbol_of[s]])
        if trade_from_ms is not None:
            stream[columns.open_time < trade_from_ms, ACTION] = HOLD
        words[:, s, first : first + len(columns)] = stream[:, WORDS].T
        confidence[s, first : first + len(columns)] = stream[:, CONFIDENCE]
        # A decision that names no side is one of the strategy's own.
        sides = words[WORDS.index(SIDE), s]
        sides[sides == 0.0] = seat.strategy.side
    if most is not None:
        confidence[most <= 0.0] = math.nan  # what may not enter is no better than another
    _drop_weaker(seats, words[WORDS.index(ACTION)], confidence)
    actions, atrs, sides, stops, targets = (backend.floats(word.reshape(-1)) for word in words)
    return account_kernels.Seats(
        symbols=backend.integers(market.symbol_of),
        actions=actions,
        atrs=atrs,
        sides=sides,
        stops=stops,
        targets=targets,
        data=backend.floats(data),
        rules=backend.floats(rules.reshape(-1)),
        fixed=backend.floats([costs.slippage_bps / 10_000.0] * len(seats)),
        shares=backend.floats(np.empty(0) if most is None else most.reshape(-1)),
    )


def _shares(seats: Sequence[Seat], market: _Market, shares: Sequence[Floats]) -> Floats:
    """The shares as the kernels read them (seats x rows); `ParameterError` unless each candle has
    one of 0 or more.
    """
    most = np.full((len(seats), market.size), math.inf)
    for s, (seat, own) in enumerate(zip(seats, shares, strict=True)):
        count, first = len(market.candles[seat.symbol]), int(market.firsts[market.symbol_of[s]])
        if own.shape != (count,) or not (own >= 0.0).all():
            raise ParameterError(
                f"{seat.strategy.name} on {seat.symbol}: shares are needed of 0 or more for each of"
                f" the {count} candles"
            )
        most[s, first : first + count] = own
    return most


def _drop_weaker(seats: Sequence[Seat], actions: Floats, confidence: Floats) -> None:
    """Hold where another seat enters the same symbol at the same moment with a better signal.

    ``actions`` (seats x rows) is changed. Rows are those of one symbol, so that only seats of that
    symbol have anything there. Entries without a confidence are left to the order of the seats.
    """
    rated = np.where((actions == ENTER) & ~np.isnan(confidence), confidence, -1.0)
    places = [priority.priority_of(seat.strategy.name) for seat in seats]
    taken = np.zeros(actions.shape[1], dtype=bool)
    for rate in sorted(set(rated[rated >= 0.0].tolist()), reverse=True):
        for s in sorted(range(len(seats)), key=lambda s: places[s]):
            enters = rated[s] == rate
            actions[s, enters & taken] = HOLD
            taken |= enters
