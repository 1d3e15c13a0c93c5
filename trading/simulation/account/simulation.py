"""Simulation of several strategies and symbols that share one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trading.candles import MINUTE_MS, Floats
from trading.jit import backends
from trading.jit.backends import Backend
from trading.positions.lifecycle import FILL_WIDTH, LIFE_SIZE, MOST_FILLS
from trading.simulation.account.candles import AccountCandles
from trading.simulation.account.decisions import DecisionMaker
from trading.simulation.account.exchange_kernels import trade_at_exchange
from trading.simulation.account.inputs import (
    AccountLimits,
    AccountSettings,
    ExchangeProfile,
    SymbolFilters,
    SymbolMarkets,
    TradedStrategy,
)
from trading.simulation.account.kernels import share_account
from trading.simulation.account.layout import (
    FILL_LOG_WIDTH,
    REFUSALS,
    TRADE_FLOATS,
    TRADE_INTS,
    AccountBuffers,
    AccountLog,
    ExchangeState,
    FillLog,
)
from trading.simulation.account.results import AccountFills, AccountResult

__all__ = [
    "AccountFills",
    "AccountLimits",
    "AccountResult",
    "AccountSettings",
    "ExchangeProfile",
    "SymbolFilters",
    "SymbolMarkets",
    "TradedStrategy",
    "simulate_account",
]


def simulate_account(
    traded: Sequence[TradedStrategy],
    markets: SymbolMarkets,
    settings: AccountSettings,
    *,
    trade_from_ms: int | None = None,
    shares: Sequence[Floats] | None = None,
    compiled: bool = True,
) -> AccountResult:
    """Trade strategies on one account.

    Each position takes what its strategy's sizing gives it. Of entries with a confidence, only the
    best of a moment and symbol is taken (see :mod:`trading.strategies.priority`). Stops that the
    open jumped over fill at the open. One strategy owns a symbol until it is flat.

    Candles before ``trade_from_ms`` only warm the indicators. ``shares`` has an array per strategy
    with a value for each candle of its symbol: the largest share of the equity that an entry
    decided on that candle may take with all its additions (0: none, refused as `ensemble`). With a
    profile the fills are those of the executor at the sandbox exchange; see `ExchangeProfile`.
    `DataError` when a symbol has no candles or intervals differ.
    """
    profile = settings.profile
    if profile is not None:
        markets = _paid_at_minutes(markets)
    settings.check()
    candles = AccountCandles(traded, markets, every_minute=profile is not None)
    backend = backends.backend(compiled)
    account = _new_state(settings, len(traded), backend)
    log = _new_log(candles, backend)
    maker = DecisionMaker(traded, candles, markets, settings, trade_from_ms)
    data = (
        candles.rows(backend),
        candles.board(backend, correlated=settings.limits.max_correlation < 1.0),
        maker.columns(backend, shares),
        account,
        log,
    )
    if profile is None:
        backend.kernel(share_account)(*data)
        return AccountResult.of(log, account, candles.moments)
    grids = [markets.filters_of(one.symbol).grid(one.symbol, settings.costs) for one in traded]
    exchange = _new_exchange(grids, candles.size, backend)
    backend.kernel(trade_at_exchange)(*data, exchange)
    return AccountResult.of(log, account, candles.moments, AccountFills.of(exchange.fills))


def _paid_at_minutes(markets: SymbolMarkets) -> SymbolMarkets:
    """Return the same markets with funding at the starts of minutes, when the exchange pays it."""
    funding = {
        symbol: {time - time % MINUTE_MS: rate for time, rate in known.items()}
        for symbol, known in markets.funding.items()
    }
    return replace(markets, funding=funding)


def _new_state(settings: AccountSettings, count: int, backend: Backend) -> AccountBuffers:
    """Return the account before the first moment, with space for ``count`` strategies."""
    limits = settings.limits
    return AccountBuffers(
        money=backend.floats([settings.balance, settings.balance, 0.0, 0.0, 0.0]),
        limits=backend.floats(
            [
                limits.max_positions,
                limits.max_exposure,
                limits.daily_loss,
                limits.impact,
                limits.max_correlation,
            ]
        ),
        lives=backend.zeros(count * LIFE_SIZE),
        life=backend.zeros(LIFE_SIZE),
        pending=backend.whole_zeros(count),
        entered=backend.whole_zeros(count),
        marks=backend.zeros(count),
        fills=backend.zeros(FILL_WIDTH * (MOST_FILLS + 1)),
        refused=backend.whole_zeros(len(REFUSALS)),
    )


def _new_log(candles: AccountCandles, backend: Backend) -> AccountLog:
    """Return an empty log with space for a trade per candle."""
    return AccountLog(
        backend.whole_zeros(TRADE_INTS * candles.size),
        backend.zeros(TRADE_FLOATS * candles.size),
        backend.zeros(len(candles.moments)),
        backend.whole_zeros(1),
    )


def _new_exchange(
    grids: Sequence[tuple[float, ...]], trades: int, backend: Backend
) -> ExchangeState:
    """Return what the profile `exchange` adds, with space for the fills of ``trades`` trades."""
    fills = backend.empty(FILL_LOG_WIDTH * (MOST_FILLS + 1) * trades)
    return ExchangeState(
        backend.floats([number for grid in grids for number in grid]),
        backend.zeros(len(grids)),
        backend.whole_zeros(len(grids)),
        FillLog(fills, backend.whole_zeros(1)),
    )
