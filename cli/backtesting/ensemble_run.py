"""`nocturne backtest` of the ensemble: its members on one account and one symbol."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cli.backtesting.ensemble import NAME, EnsembleParameters, given_members, make_rules
from cli.backtesting.venue_backtest import whole_account
from trading.candles import DAY_MS
from trading.ensemble.backtest import (
    EnsembleAllocation,
    Hours,
    MemberHistory,
    allocate_ensemble,
    check_hours,
    label_hours,
)
from trading.ensemble.regimes import LABELS, RegimeRules
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    AccountSettings,
    SymbolFilters,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)

if TYPE_CHECKING:
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

ALONE = AccountLimits(max_exposure=float("inf"), daily_loss=1.0)
"""AccountLimits that never bind: on one symbol the ensemble alone decides the size of an entry."""


@dataclass(frozen=True, slots=True)
class EnsembleRun:
    """The members, the rules given, and the costs with the capital."""

    candles: Path
    members: Sequence[Strategy]
    given: Mapping[str, Value]
    costs: Costs


def ensemble_run(
    candles: Path, settings: Sequence[str], costs: Costs, others: Sequence[str] = ()
) -> EnsembleRun:
    """Return the run that the ``--set`` texts describe.

    Raises `ParameterError` for an unknown member or rule, and for ``others``: options that the
    ensemble does not have.
    """
    from cli.backtesting.maker import refuse_others
    from cli.backtesting.results import parse_settings

    refuse_others(others, NAME)
    members, rest = given_members(settings)
    return EnsembleRun(candles, members, parse_settings(rest, EnsembleParameters()), costs)


class Study:
    """What all rules share: the candles, and what each member earned alone on them."""

    def __init__(self, wanted: EnsembleRun) -> None:
        from cli.backtesting.results import enable_compiling
        from cli.inputs.candle_files import read_candles
        from trading.simulation.signal_interval import with_signal_interval

        begun = time.perf_counter()
        self.wanted, self.symbol = wanted, wanted.candles.stem
        self.candles = read_candles(wanted.candles)
        check_hours(self.candles)
        self.seconds_load = time.perf_counter() - begun
        enable_compiling()
        self._hours: dict[RegimeRules, Hours] = {}
        self.traded: list[TradedStrategy] = []
        self.pasts: list[MemberHistory] = []
        self.seconds_compile = self.seconds_alone = 0.0
        for strategy in wanted.members:
            params = with_signal_interval(strategy, {}, self.candles.interval_ms)
            alone = backtest(strategy, self.candles, params, wanted.costs)
            self.seconds_compile += alone.seconds_compile
            self.seconds_alone += alone.seconds_run
            trades = alone.trades
            self.pasts.append(
                MemberHistory(
                    strategy.name,
                    alone.daily_returns,
                    trades.entry_time,
                    trades.exit_time,
                    trades.net_return,
                )
            )
            whole = whole_account(strategy, params, self.candles)
            self.traded.append(TradedStrategy(strategy, self.symbol, whole))

    def _label(self, rules: RegimeRules) -> Hours:
        if rules not in self._hours:
            self._hours[rules] = label_hours(self.candles, rules)
        return self._hours[rules]

    def simulate(self, values: Mapping[str, Value]) -> tuple[EnsembleAllocation, AccountResult]:
        """Return the walk and the account under the rules of ``values``."""
        weighing, regimes = make_rules(values)
        walk = allocate_ensemble(self.candles, self.pasts, self._label(regimes), weighing)
        margin = self.wanted.costs.margin
        run = simulate_account(
            self.traded,
            SymbolMarkets(
                {self.symbol: self.candles}, {self.symbol: SymbolFilters(brackets=margin.brackets)}
            ),
            AccountSettings(margin.capital, self.wanted.costs, ALONE),
            shares=walk.limits,
        )
        return walk, run

    def result(self, values: Mapping[str, Value], run: AccountResult) -> dict[str, Any]:
        """Return an entry of ``results``: all rules, and the measures of the account."""
        from trading.research.account_metrics import account_metrics

        weighing, regimes = make_rules(values)
        members = "+".join(strategy.name for strategy in self.wanted.members)
        params = {"members": members, **asdict(weighing), **asdict(regimes)}
        measures = account_metrics(run, self.wanted.costs.margin.capital).as_dict()
        return {"params": params, **measures}

    def document(self, results: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """Return the JSON document; ``seconds`` is the time after the members' own runs."""
        costs = self.wanted.costs
        return {
            "strategy": NAME,
            "candles": str(self.wanted.candles),
            "fee_bps": costs.fee_bps,
            "slippage_bps": costs.slippage_bps,
            "capital": costs.margin.capital,
            "seconds_load": self.seconds_load,
            "seconds_compile": self.seconds_compile,
            "seconds_search": self.seconds_alone + seconds,
            "results": list(results),
        }


def run_ensemble(wanted: EnsembleRun, trades_out: str | None) -> dict[str, Any]:
    """Simulate the ensemble over a candle file; return the JSON document."""
    from cli.backtesting.account import trades_table, write_table
    from trading.research.account_metrics import profit_metrics

    make_rules(wanted.given)  # fail before reading a large file
    study = Study(wanted)
    begun = time.perf_counter()
    walk, run = study.simulate(wanted.given)
    seconds = time.perf_counter() - begun
    write_table(trades_out, "--trades", lambda: trades_table(study.traded, run))
    counts = np.bincount(walk.labels, minlength=len(LABELS)) * study.candles.interval_ms / DAY_MS
    members = [
        {
            "strategy": past.strategy,
            "weight": float(walk.weights[-1, place]),
            **profit_metrics(run.profit[run.place == place]).as_dict(),
        }
        for place, past in enumerate(study.pasts)
    ]
    return study.document([study.result(wanted.given, run)], seconds) | {
        "ambiguous_candles": run.ambiguous_candles,
        "refused": dict(run.refused),
        "equity": run.wallet,
        "members": members,
        "regime_days": dict(zip(LABELS, counts.tolist(), strict=True)),
    }


def text_of(document: Mapping[str, Any]) -> str:
    """Format the account's measures, what each member earned, and the days in each regime."""
    from cli.backtesting.account import shown
    from cli.backtesting.venue_backtest import text_of as measures_text
    from cli.tables import text_table
    from flows.report.tables import said_instead

    head = ("member", "last weight", "trades", "profit", "win_rate", "profit_factor")
    rows = [
        (
            one["strategy"],
            f"{one['weight']:.0%}",
            *(said_instead(name, one) or shown(name, one[name]) for name in head[2:]),
        )
        for one in document["members"]
    ]
    regimes = [(name, f"{days:.1f}") for name, days in document["regime_days"].items()]
    tables = (
        text_table(head, rows, left=(0,)),
        text_table(("regime", "days"), regimes, left=(0,)),
    )
    return "\n\n".join((measures_text(document), *tables))
