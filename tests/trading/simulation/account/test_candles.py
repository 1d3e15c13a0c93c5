"""The candles of several symbols at the moments that they share."""

from __future__ import annotations

from trading.candles import CandleColumns
from trading.jit.backends import backend
from trading.simulation.account.candles import AccountCandles
from trading.simulation.account.inputs import SymbolMarkets, TradedStrategy
from trading.strategies.registry import get_strategy

PLAIN = backend(False)


def of_minutes(*minutes: int) -> CandleColumns:
    prices = [100.0 + minute for minute in minutes]
    times = [60_000 * minute for minute in minutes]
    return CandleColumns.of(times, prices, prices, prices, prices, None, 60_000)


def test_a_moment_without_a_candle_has_no_row() -> None:
    markets = SymbolMarkets({"BTCUSDT": of_minutes(0, 1, 2), "ETHUSDT": of_minutes(0, 2)}, {}, {})
    strategy = get_strategy("breakout")
    traded = [TradedStrategy(strategy, symbol, {}) for symbol in ("BTCUSDT", "ETHUSDT")]
    board = AccountCandles(traded, markets).board(PLAIN, correlated=False)
    assert board.moments == [0, 60_000, 120_000]
    assert board.firsts == [0, 3, 5]
    assert board.row_at == [0, 3, 1, -1, 2, 4]
