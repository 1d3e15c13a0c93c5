"""Runs of both engines on one series of candles: allocates what they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.jit.backends import Backend
from trading.metrics import SUMS_SIZE
from trading.positions.entry_risk import BOUNDS, BY_FORECAST
from trading.positions.exit_rules import R_DAY_END, R_FEE, R_STAGED, R_TAKE_PROFIT
from trading.positions.lifecycle import FILL_WIDTH, FILLS, LIFE_SIZE, MOST_FILLS
from trading.positions.position import EMERGENCY_STOP, REASONS, STOP_LOSS, TRAILING_STOP
from trading.simulation.engines import (
    candle_engine,
    jump_engine,
    plain_trades,
    staged_trades,
)
from trading.simulation.layout import (
    PRICES_WIDTH,
    TRADE_WIDTH,
    JumpTape,
    Record,
    Signals,
    Tape,
    TradingWindow,
)
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.results import Fills, Trades


def new_record(
    backend: Backend, rules: Floats, window: TradingWindow, entries: int, *, keeps: bool
) -> Record:
    """Space for what combinations of ``rules`` (a row each) make of this number of entries."""
    staged = bool((rules[:, R_STAGED] > 0.0).any())
    kept = entries if keeps else 0
    return Record(
        sums=backend.zeros(len(rules) * SUMS_SIZE),
        daily=backend.zeros(len(rules) * window.days),
        rows=backend.whole_zeros(TRADE_WIDTH * kept),
        prices=backend.zeros(PRICES_WIDTH * kept),
        fills=backend.zeros(FILL_WIDTH * MOST_FILLS * entries if staged else 0),
        ambiguous=backend.whole_zeros(1),
        keeps=keeps,
    )


def simulate(
    prepared: PreparedCandles,
    signals: Signals,
    rules: Floats,
    window: TradingWindow,
    *,
    every: bool = False,
) -> EngineRun:
    """Trade one combination candle by candle, with ``every`` through calm candles too."""
    backend = prepared.backend
    record = new_record(backend, rules.reshape(1, -1), window, len(signals.entries), keeps=True)
    life = backend.zeros(LIFE_SIZE)
    kind = staged_trades.STAGED if rules[R_STAGED] > 0.0 else plain_trades.PLAIN
    count = backend.kernel(candle_engine.simulate, **kind)(
        Tape(prepared.rows, signals, window, prepared.owed),
        backend.floats(rules),
        life,
        record,
        every,
    )
    return EngineRun(record, int(count), int(life[FILLS]))


def search(
    prepared: PreparedCandles, signals: Signals, rules: Floats, window: TradingWindow
) -> Record:
    """Trade all combinations of ``rules`` by jumps: their sums and daily returns.

    Each row of ``rules`` is a combination; all positions are of one kind.
    """
    return _jump(prepared, signals, rules, window, keeps=False)[0]


def search_one(
    prepared: PreparedCandles, signals: Signals, rules: Floats, window: TradingWindow
) -> EngineRun:
    """Trade one combination by jumps and keep its trades."""
    record, count, life = _jump(prepared, signals, rules.reshape(1, -1), window, keeps=True)
    return EngineRun(record, count, int(life[FILLS]))


def _jump(
    prepared: PreparedCandles,
    signals: Signals,
    rules: Floats,
    window: TradingWindow,
    *,
    keeps: bool,
) -> tuple[Record, int, Any]:
    backend = prepared.backend
    record = new_record(backend, rules, window, len(signals.entries), keeps=keeps)
    life = backend.zeros(LIFE_SIZE)
    horizons = prepared.horizons(signals, window, bool(rules[0, R_DAY_END] > 0.0))
    staged = rules[0, R_STAGED] > 0.0
    trade_one = jump_engine.trade_staged if staged else jump_engine.trade_plain
    count = backend.kernel(jump_engine.trade_all, trade_one=trade_one)(
        JumpTape(prepared.rows, prepared.extremes, signals, horizons, window, prepared.owed),
        backend.floats(rules.reshape(-1)),
        life,
        record,
    )
    return record, int(count), life


def day_starts(window: TradingWindow) -> Integers:
    """Return starts of the window's UTC days, ms."""
    return (window.first_day + np.arange(window.days, dtype=np.int64)) * DAY_MS


def bought(rules: Floats) -> float:
    """Return what a position without stages spends, its fee left aside, of an equity of 1."""
    return 1.0 / (1.0 + float(rules[R_FEE]))


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What an engine made of one combination: the record, its trades and its fills."""

    record: Record
    count: int
    filled: int

    @property
    def _scales(self) -> Floats:
        """The share of its size that a forecast left each trade."""
        parts = np.asarray(self.record.prices[: PRICES_WIDTH * self.count], dtype=np.float64)
        return parts.reshape(-1, PRICES_WIDTH)[:, -1]

    def trades(self, candles: CandleColumns, rules: Floats) -> Trades:
        """Return the trades as columns."""
        whole = np.asarray(self.record.rows[: TRADE_WIDTH * self.count], dtype=np.int64)
        parts = np.asarray(self.record.prices[: PRICES_WIDTH * self.count], dtype=np.float64)
        entry, closed, code, side, bound = whole.reshape(-1, TRADE_WIDTH).T
        entered, left, growth, funding, wanted, taken, spent, scale = parts.reshape(
            -1, PRICES_WIDTH
        ).T
        spent = spent.copy() if rules[R_STAGED] > 0.0 else np.full(len(spent), bought(rules))
        return Trades(
            signal_time=candles.open_time[entry - 1],
            entry_time=candles.open_time[entry],
            exit_time=candles.open_time[closed],
            side=side.copy(),
            entry_price=entered,
            exit_price=left,
            net_return=growth - 1.0,
            reason=np.array(REASONS)[code],
            funding=funding.copy(),
            risk_wanted=np.where(wanted > 0.0, wanted, np.nan),
            risk_taken=np.where(wanted > 0.0, taken * scale, np.nan),
            bound_by=np.array(BOUNDS)[np.where(scale < 1.0, BY_FORECAST, bound)],
            spent=spent * scale,
        )

    def fills(self, candles: CandleColumns, trades: Trades, rules: Floats) -> Fills:
        """Return the fills after the entries; without stages one for each trade."""
        if not rules[R_STAGED] > 0.0:
            return Fills(
                trade=np.arange(len(trades)),
                time=trades.exit_time,
                value=-trades.spent * trades.exit_price / trades.entry_price,
                price=trades.exit_price,
                reason=trades.reason,
            )
        numbers = np.asarray(self.record.fills[: FILL_WIDTH * self.filled], dtype=np.float64)
        row, code, change, price = numbers.reshape(-1, FILL_WIDTH).T
        time = candles.open_time[row.astype(np.int64)]
        trade = np.searchsorted(trades.exit_time, time)
        return Fills(
            trade=trade,
            time=time,
            value=change * price * self._scales[trade],
            price=price,
            reason=np.array(REASONS)[code.astype(np.int64)],
        )

    def ambiguous(self, candles: CandleColumns, trades: Trades, rules: Floats) -> int:
        """Candles that held a stop and a target at once."""
        if rules[R_STAGED] > 0.0:
            return int(self.record.ambiguous[0])
        if not rules[R_TAKE_PROFIT] > 0.0:
            return 0
        rows = np.searchsorted(candles.open_time, trades.exit_time)
        target = trades.entry_price * (1.0 + rules[R_TAKE_PROFIT])
        stops = [REASONS[code] for code in (EMERGENCY_STOP, STOP_LOSS, TRAILING_STOP)]
        stopped = np.isin(trades.reason, stops)
        return int(np.count_nonzero(stopped & (candles.high[rows] >= target)))
