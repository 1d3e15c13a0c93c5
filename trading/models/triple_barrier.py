"""Triple-barrier labels: how an entry ends at its take-profit, its stop or its time limit.

The method is that of López de Prado, "Advances in Financial Machine Learning", 2018, chapter 3.
The barriers are not drawn again here: the engine of the back-test trades every entry through the
position's own lifecycle, so a label is what the trade would have made, with trailing stops,
ladders, averaging, costs and funding. The engine holds one position at a time, so it runs in
rounds: the first is the back-test itself, the next trades the entries that were decided while
another was open, and so on until none is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.candles import CandleColumns, Floats, Integers
from trading.errors import ParameterError
from trading.jit import backends
from trading.positions.exit_rules import R_DAY_END, ExitRules, FillRates
from trading.simulation.engines import workspace
from trading.simulation.layout import LEVELS_WIDTH, Signals, TradingWindow
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.readiness import KernelNeeds
from trading.simulation.results import Costs, Trades
from trading.simulation.search_plan import rules_of
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.setup import Setup

_UNFINISHED = "end_of_data"


@dataclass(frozen=True)
class EntryOutcomes:
    """How entries ended, in columns of equal length, ascending in ``decided_at``.

    ``decided_at`` is the close of the candle that decided the entry, ``known_at`` the close of the
    candle that ended the position (ms, UTC): a label reaches from one to the other, and a split has
    to purge by the second. ``side`` is +1 or -1, ``net_return`` the share of the equity won after
    costs, ``reason`` as in the ledger.
    """

    decided_at: Integers
    known_at: Integers
    side: Integers
    net_return: Floats
    reason: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.decided_at)

    @property
    def won(self) -> npt.NDArray[np.bool_]:
        """Whether the entry earned anything after costs: the label "take it"."""
        return np.asarray(self.net_return > 0.0)


def label_entries(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> EntryOutcomes:
    """Label every entry that a strategy decides, also those that its open position lets pass.

    Entries that the back-test takes have exactly its result. Left out are entries that cannot be
    filled (the price is already beyond their stop) and those that are still open when the candles
    end. Raises `DataError` without candles.
    """
    setup = Setup.of(strategy, params, candles.interval_ms)
    backend = backends.backend(compiled)
    rules = rules_of(strategy, setup.params, costs)
    prepared = PreparedCandles(candles, backend, costs.funding, costs.forecast_use)
    window = prepared.window(trade_from_ms)
    KernelNeeds(setup, rules, "backtest").make_ready(backend)
    signals, _ = prepared.decide(setup, bool(rules[R_DAY_END] > 0.0))
    return _outcomes(prepared, prepared.within(signals, window), rules, window)


def label_rows(
    candles: CandleColumns,
    rows: Integers,
    side: int,
    exits: ExitRules,
    costs: Costs,
    *,
    atrs: Floats | None = None,
    compiled: bool = True,
) -> EntryOutcomes:
    """Label entries decided at the close of the given ``rows``, all on one ``side`` (+1 or -1).

    ``rows`` ascend. ``atrs`` are price distances, one a row, for exits that stop by the ATR.
    Otherwise like `label_entries`.
    """
    if side not in (1, -1):
        raise ParameterError(f"side = {side} is no side; give 1 for long or -1 for short")
    if len(rows) and (rows[0] < 0 or np.any(np.diff(rows) <= 0)):
        raise ParameterError("rows of entries must ascend from 0; sort them and drop doubles")
    if atrs is not None and len(atrs) != len(rows):
        raise ParameterError(f"{len(atrs)} ATRs do not belong to {len(rows)} rows; give one a row")
    backend = backends.backend(compiled)
    maker = None if costs.maker_fee_bps is None else costs.maker_fee_bps / 10_000.0
    rates = FillRates(costs.fee_bps / 10_000.0, costs.slippage_bps / 10_000.0, maker)
    rules = np.array(exits.layout(side, rates))
    prepared = PreparedCandles(candles, backend, costs.funding)
    window = prepared.window()
    known = np.full(len(rows), np.nan) if atrs is None else atrs
    signals = Signals(
        backend.integers(rows),
        backend.floats(known),
        backend.zeros(0),
        backend.whole_zeros(0),
        backend.zeros(0),
    )
    return _outcomes(prepared, prepared.within(signals, window), rules, window)


def _outcomes(
    prepared: PreparedCandles, signals: Signals, rules: Floats, window: TradingWindow
) -> EntryOutcomes:
    backend, opens = prepared.backend, prepared.candles.open_time
    rows = np.asarray(signals.entries, dtype=np.int64)
    atrs = np.asarray(signals.atrs, dtype=np.float64)
    levels = np.asarray(signals.levels, dtype=np.float64).reshape(-1, LEVELS_WIDTH)
    rounds: list[Trades] = []
    while len(rows):
        left = Signals(
            backend.integers(rows),
            backend.floats(atrs),
            backend.floats(levels.reshape(-1)),
            signals.exits,
            backend.zeros(0),
        )
        ran = workspace.simulate(prepared, left, rules, window)
        if ran.count == 0:
            break
        rounds.append(ran.trades(prepared.candles, rules))
        other = ~np.isin(opens[rows], rounds[-1].signal_time)
        rows, atrs = rows[other], atrs[other]
        levels = levels[other] if len(levels) else levels
    return _gathered(rounds, prepared.candles.interval_ms)


def _gathered(rounds: list[Trades], interval_ms: int) -> EntryOutcomes:
    if not rounds:
        none = np.empty(0, dtype=np.int64)
        return EntryOutcomes(none, none, none, np.empty(0), np.empty(0, dtype=str))
    decided = np.concatenate([one.signal_time for one in rounds])
    reason = np.concatenate([one.reason for one in rounds])
    order = np.argsort(decided, kind="stable")
    order = order[reason[order] != _UNFINISHED]
    left = np.concatenate([one.exit_time for one in rounds])
    return EntryOutcomes(
        decided_at=decided[order] + interval_ms,
        known_at=left[order] + interval_ms,
        side=np.concatenate([one.side for one in rounds])[order],
        net_return=np.concatenate([one.net_return for one in rounds])[order],
        reason=reason[order],
    )
