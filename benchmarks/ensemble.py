"""Do learnt weights help an ensemble? Six strategies on one account, weighed in three ways.

Each symbol has an account of its own. Weights of a day come from the days before it; what differs
is whether they are equal, always learnt, or learnt where the days before show that it helps (the
default). Regimes, costs and strategies are the same.

    python benchmarks/ensemble.py [--candles FOLDER] [--write]

``--write`` puts the table into docs/strategies.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from cli.backtesting.results import enable_compiling
from cli.inputs.candle_files import read_candles
from trading.candles import MINUTE_MS, CandleColumns
from trading.ensemble.backtest import MemberHistory, allocate_ensemble, label_hours
from trading.ensemble.learned_weights import weigh_days
from trading.ensemble.regimes import RegimeRules
from trading.ensemble.weights import WeightRules
from trading.research.account_metrics import account_metrics
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "strategies.md"
SAMPLES = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
BEGIN, END = "<!-- ensemble: weights -->", "<!-- ensemble: end of weights -->"
MEMBERS = (
    "breakout",
    "rsi_bollinger",
    "bb_breakout",
    "dynamic_breakout",
    "pullback",
    "momentum",
)
PARAMS: dict[str, Value] = {
    "filters": "off",
    "signal_tf": "15m",
    "stop_loss": 0.02,
    "take_profit": 0.04,
}
COSTS, CAPITAL = Costs(5.0, 1.0), 10_000.0
ON_EVIDENCE = "learnt on evidence"
WAYS = {"equal": 100.0, "always learnt": 0.0, ON_EVIDENCE: WeightRules().least_t}
HEADER = ("symbol", "weights", "trades", "return", "drawdown", "gain, bp a day (t)")
Row = tuple[str, ...]


def members_on(candles: CandleColumns) -> tuple[list[TradedStrategy], list[MemberHistory]]:
    """Let each strategy trade alone; return what may trade together, and the results alone."""
    traded, alone = [], []
    for name in MEMBERS:
        strategy = get_strategy(name)
        known = strategy.resolve({})
        params = {key: value for key, value in PARAMS.items() if key in known}
        found = backtest(strategy, candles, params, COSTS)
        trades = found.trades
        times = (trades.entry_time, trades.exit_time)
        alone.append(MemberHistory(name, found.daily_returns, *times, trades.net_return))
        traded.append(TradedStrategy(strategy, "X", {**params, "max_position_size": 1.0}))
    return traded, alone


def rows_of(path: Path) -> list[Row]:
    """Simulate the account of one symbol under each way of weighing."""
    candles = read_candles(path).higher(15 * MINUTE_MS)
    traded, alone = members_on(candles)
    hours = label_hours(candles, RegimeRules())
    returns = {past.strategy: past.daily.tolist() for past in alone}
    rows: list[Row] = []
    for name, least_t in WAYS.items():
        rules = WeightRules(least_t=least_t)
        walk = allocate_ensemble(candles, alone, hours, rules)
        run = simulate_account(
            traded,
            SymbolMarkets({"X": candles}),
            AccountSettings(CAPITAL, COSTS, AccountLimits(max_exposure=9.0, daily_loss=1.0)),
            shares=walk.limits,
        )
        result = account_metrics(run, CAPITAL)
        seen = weigh_days(returns, rules).evidence
        learnt = np.any(np.abs(walk.weights - 1.0 / len(alone)) > 1e-9, axis=1).mean()
        always = least_t == 0.0
        rows.append(
            (
                path.stem,
                f"{name} ({learnt:.0%} of days)" if name == ON_EVIDENCE else name,
                f"{len(run)}",
                f"{result.total_return:+.2%}",
                f"{result.max_drawdown:.2%}",
                f"{10_000 * seen.gain:+.2f} ({seen.t_value:+.1f})" if always else "–",
            )
        )
    return rows


def write(rows: list[Row]) -> None:
    """Replace the table in docs/strategies.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{DOCUMENT} has no place for the table; put {BEGIN} and {END} there")
    lines = ["| " + " | ".join(row) + " |" for row in (HEADER, *rows)]
    lines.insert(1, "| --- | --- |" + " ---: |" * (len(HEADER) - 2))
    DOCUMENT.write_text(
        f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8"
    )


def main() -> None:
    """Measure, print, and with ``--write`` keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candles", type=Path, default=SAMPLES)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    enable_compiling()
    rows = [row for path in sorted(options.candles.glob("*.parquet")) for row in rows_of(path)]
    for row in (HEADER, *rows):
        print(*row, sep="  ")
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
