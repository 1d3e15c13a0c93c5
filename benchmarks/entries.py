"""Take or skip: does the forecast chance of an entry raise the result of a strategy?

Each fold learns which entries won on earlier days, pooled over the symbols, and forecasts the next
ones. Each strategy then trades all symbols on one account, every entry and only those forecast to
win no less often than usual. *Random* are the same trades less as many entries, drawn by chance:
the mean result of twenty draws, because skipping alone lowers what a losing strategy loses.

    python benchmarks/entries.py [--sample FOLDER] [--symbols A,B] [--write]

``--write`` puts the table into docs/learning.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import forecasts as base
import numpy as np

from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.settings import ResearchSettings
from flows.steps.data.candles import load_candles
from flows.steps.entries.rows import LAG_MS, VALID_MS, EntryRows, load_entries
from flows.steps.entries.walk import EntryFold, lifts, taken, walk_entries
from flows.steps.models.split import SplitSettings
from lake.partitions import parse_iso
from lake.store import Lake
from trading.candles import CandleColumns
from trading.errors import DataError
from trading.models.families import Recipe
from trading.models.ranks import auc
from trading.positions.forecasts import EntryChances, ForecastUse
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

DRAWS = 20
HEAD = (
    "strategy", "entries tested", "AUC", "trades", "return", "drawdown", "plain: return",
    "drawdown", "random: return", "drawdown",
)  # fmt: skip
Chances = Mapping[tuple[str, str], EntryChances]


def parameters(strategy: str) -> dict[str, Value]:
    """Return the parameters of the comparison that the strategy has."""
    known = get_strategy(strategy).resolve({})
    return {name: value for name, value in base.BARE.items() if name in known}  # type: ignore[misc]


def chances_of(rows: EntryRows, folds: list[EntryFold]) -> dict[str, EntryChances]:
    """Return the out-of-sample chances of every bar, by symbol."""
    found = {}
    for number, own in enumerate(rows.bars):
        made = np.concatenate([one.bars[number][0] for one in folds])
        found[own.symbol] = EntryChances(
            made + LAG_MS,
            made + VALID_MS,
            np.concatenate([one.bars[number][1] for one in folds]),
            np.concatenate([np.full(len(one.bars[number][0]), one.usual) for one in folds]),
        )
    return found


def traded(
    candles: Mapping[str, CandleColumns],
    strategy: str,
    chances: Mapping[str, EntryChances],
    begin_ms: int,
    use: ForecastUse,
) -> AccountResult:
    """Trade one strategy on all symbols of one account."""
    chosen, count = get_strategy(strategy), len(candles)
    own = {**parameters(strategy), "max_position_size": 1.0 / count}
    return simulate_account(
        [TradedStrategy(chosen, symbol, own) for symbol in candles],
        SymbolMarkets(candles, chances={(strategy, s): known for s, known in chances.items()}),
        AccountSettings(
            10_000.0,
            Costs(5.0, 1.0),
            AccountLimits(max_positions=count, max_exposure=1.01, daily_loss=1.0),
            forecast_use=use,
        ),
        trade_from_ms=begin_ms,
    )


def drawn(chances: Mapping[str, EntryChances], share: float, seed: int) -> dict[str, EntryChances]:
    """Return chances that skip the same share of the bars, drawn by chance."""
    random = np.random.default_rng(seed)
    found = {}
    for symbol, known in chances.items():
        skip = random.random(len(known.chance)) < share
        found[symbol] = EntryChances(
            known.known_from, known.valid_until, np.where(skip, 0.0, 1.0), np.full(len(skip), 0.5)
        )
    return found


def measured(lake: Lake, candles: Mapping[str, CandleColumns]) -> list[base.Row]:
    """Return a row for each strategy."""
    found: list[base.Row] = [HEAD]
    for strategy in base.STRATEGIES:
        params = dict.fromkeys(candles, parameters(strategy))
        try:
            rows = load_entries(
                lake, strategy, params, as_of=parse_iso(base.AS_OF), settings=ResearchSettings()
            )
            folds = walk_entries(rows, Recipe(), SplitSettings())
        except DataError as error:
            print(f"{strategy}: {error}", flush=True)
            continue
        known = {own.symbol: candles[own.symbol] for own in rows.bars}
        chances, begin = chances_of(rows, folds), folds[0].fold.test_start
        tested = np.concatenate([one.tested for one in folds])
        plain = traded(known, strategy, chances, begin, ForecastUse())
        ours = traded(known, strategy, chances, begin, ForecastUse(entries=True))
        share = 1.0 - float(taken(folds).mean())
        others = [
            base.outcome_of(
                traded(
                    known, strategy, drawn(chances, share, seed), begin, ForecastUse(entries=True)
                )
            )
            for seed in range(DRAWS)
        ]
        run, all_of = base.outcome_of(ours), base.outcome_of(plain)
        found.append(
            (
                strategy,
                str(len(tested)),
                f"{auc(rows.won[tested], lifts(folds)):.3f}",
                f"{len(plain.quantity)} → {len(ours.quantity)}",
                f"{run.total:+.1%}",
                f"{run.drawdown:.1%}",
                f"{all_of.total:+.1%}",
                f"{all_of.drawdown:.1%}",
                f"{np.mean([one.total for one in others]):+.1%}",
                f"{np.mean([one.drawdown for one in others]):.1%}",
            )
        )
        print(*found[-1], sep="  ", flush=True)
    return found


def main() -> None:
    """Measure, print, and with ``--write`` keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=Path, default=base.SAMPLE)
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    symbols = tuple(options.symbols.split(","))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        arguments = FlowArguments(base.AS_OF, root, options.sample.resolve(), symbols)
        for flow in ("import", "features"):
            launch(flow, arguments, server="none")
        lake, as_of = Lake(root), parse_iso(base.AS_OF)
        candles = {symbol: load_candles(lake, base.VENUE, symbol, as_of) for symbol in symbols}
        rows = measured(lake, candles)
    if options.write:
        base.write(rows, "entries")


if __name__ == "__main__":
    main()
