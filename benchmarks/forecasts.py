"""What forecasts of volatility do to trades, out-of-sample: a walk-forward over recorded symbols.

Each fold fits the volatility model on earlier days and forecasts the next ones. Each strategy then
trades all symbols on one account, without forecasts and with each use of them. The comparison of
``size`` is with the plain trades at the same mean size, so that both risk as much on average.

    python benchmarks/forecasts.py [--sample FOLDER] [--symbols A,B] [--write]

``--write`` puts the table into docs/learning.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.steps.data.candles import load_candles
from flows.steps.features.features import feature_names, read_features
from flows.steps.models.dataset import HORIZON_MS, Floats, dataset_of
from flows.steps.models.split import SplitSettings, walk_forward
from lake.partitions import parse_iso
from lake.releases.forecast_file import LAG
from lake.releases.manifest import VALIDITY
from lake.store import Lake
from trading.candles import DAY_MS, CandleColumns
from trading.models.families import Recipe, Sample, fit
from trading.positions.forecasts import ForecastUse, VolatilityForecasts
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.registry import get_strategy

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "learning.md"
SAMPLE = Path(__file__).resolve().parents[1] / "data_lake" / "sample"
VENUE, AS_OF = "binance_usdm", "2025-06-24T00:00Z"
BARE = {"filters": "off", "signal_tf": "15m", "stop_loss": 0.02, "take_profit": 0.04}
BY_ATR = {"signal_tf": "15m", "filter_tf": "1h", "stop_loss": 0.0, "min_volatility": 0.0}
STRATEGIES = (
    "breakout",
    "rsi_bollinger",
    "bb_breakout",
    "dynamic_breakout",
    "pullback",
    "momentum",
)
USES = {
    "size": ForecastUse(size=True),
    "stop": ForecastUse(stop=True),
    "cost filter 1.5": ForecastUse(cost_filter=1.5),
    "cost filter 2.5": ForecastUse(cost_filter=2.5),
}
Row = tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """Candles and out-of-sample forecasts of the symbols, and when trading begins (ms)."""

    candles: Mapping[str, CandleColumns]
    forecasts: Mapping[str, VolatilityForecasts]
    begin_ms: int


def recorded(sample: Path, symbols: tuple[str, ...], folder: Path) -> Recorded:
    """Import the candles, build the features, and forecast every fold's test from its training."""
    arguments = FlowArguments(AS_OF, folder / "lake", sample, symbols)
    for flow in ("import", "features"):
        launch(flow, arguments, server="none")
    lake, as_of = Lake(folder / "lake"), parse_iso(AS_OF)
    candles = {symbol: load_candles(lake, VENUE, symbol, as_of) for symbol in symbols}
    forecasts = {symbol: _forecasts(lake, symbol) for symbol in symbols}
    begin = max(int(known.known_from[0]) for known in forecasts.values())
    return Recorded(candles, forecasts, -(-begin // DAY_MS) * DAY_MS)


def _forecasts(lake: Lake, symbol: str) -> VolatilityForecasts:
    data = dataset_of(read_features(lake, VENUE, symbol, parse_iso(AS_OF)), symbol, feature_names())
    times, values, usual = [], [], []
    for split in walk_forward(data, SplitSettings()):
        train, test = data.take(split.train), data.take(split.test)
        sample = Sample(data.features, train.x, train.log_volatility, train.times, HORIZON_MS)
        model = fit(Recipe(), "level", sample)
        forecast = np.exp(model.predict(test.x))
        times.append(test.times)
        values.append(forecast)
        usual.append(np.full(len(forecast), np.median(np.exp(model.predict(train.x)))))
    made = np.concatenate(times)
    return VolatilityForecasts(
        known_from=made + round(LAG.total_seconds() * 1000),
        valid_until=made + round(VALIDITY["signals"].total_seconds() * 1000),
        volatility=np.concatenate(values),
        usual=np.concatenate(usual),
    )


def traded(
    known: Recorded, strategy: str, use: ForecastUse, params: Mapping[str, object]
) -> AccountResult:
    """Trade one strategy on all symbols of one account."""
    chosen = get_strategy(strategy)
    own = {name: value for name, value in params.items() if name in chosen.resolve({})}
    count = len(known.candles)
    entries = [
        TradedStrategy(chosen, symbol, {**own, "max_position_size": 1.0 / count})  # type: ignore[dict-item]
        for symbol in known.candles
    ]
    limits = AccountLimits(max_positions=count, max_exposure=1.01, daily_loss=1.0)
    return simulate_account(
        entries,
        SymbolMarkets(known.candles, forecasts=known.forecasts),
        AccountSettings(10_000.0, Costs(5.0, 1.0), limits, forecast_use=use),
        trade_from_ms=known.begin_ms,
    )


@dataclass(frozen=True)
class Outcome:
    """Return and largest drawdown of an equity curve, as shares."""

    growth: Floats

    @property
    def total(self) -> float:
        """Return of the whole span."""
        return float(np.prod(1.0 + self.growth)) - 1.0

    @property
    def drawdown(self) -> float:
        """Largest fall from a high, at the closes of minutes."""
        equity = np.cumprod(1.0 + self.growth)
        return float(np.max(1.0 - equity / np.maximum.accumulate(np.maximum(equity, 1.0))))

    def scaled(self, share: float) -> Outcome:
        """Return the same trades at ``share`` of their size."""
        return Outcome(self.growth * share)


def outcome_of(result: AccountResult) -> Outcome:
    """Return the outcome of a run."""
    equity = np.concatenate(([10_000.0], result.equity))
    return Outcome(np.diff(equity) / equity[:-1])


def mean_size(result: AccountResult, plain: AccountResult) -> float:
    """Return the mean notional of the entries, by that of the plain ones."""
    sizes = [
        float(np.mean(r.quantity * r.entry_price)) if len(r.quantity) else 0.0
        for r in (result, plain)
    ]
    return sizes[0] / sizes[1] if sizes[1] else 1.0


def measured(known: Recorded) -> list[Row]:
    """Return a row for each strategy and use."""
    rows: list[Row] = [
        (
            "strategy",
            "use",
            "trades",
            "mean size",
            "return",
            "drawdown",
            "plain: return",
            "drawdown",
        )
    ]
    for name in STRATEGIES:
        for label, use in USES.items():
            params = BY_ATR if use.stop else BARE
            plain_run = traded(known, name, ForecastUse(), params)
            run = traded(known, name, use, params)
            share = mean_size(run, plain_run) if use.size else 1.0
            plain, ours = outcome_of(plain_run).scaled(share), outcome_of(run)
            rows.append(
                (
                    name,
                    label,
                    f"{len(plain_run.quantity)} → {len(run.quantity)}",
                    f"{share:.2f}",
                    f"{ours.total:+.1%}",
                    f"{ours.drawdown:.1%}",
                    f"{plain.total:+.1%}",
                    f"{plain.drawdown:.1%}",
                )
            )
            print(*rows[-1], sep="  ", flush=True)
    return rows


def main() -> None:
    """Measure, print, and with ``--write`` keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=Path, default=SAMPLE)
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        known = recorded(options.sample.resolve(), tuple(options.symbols.split(",")), Path(folder))
        rows = measured(known)
    if options.write:
        write(rows)


def write(rows: list[Row], what: str = "uses") -> None:
    """Replace a table of forecasts in docs/learning.md."""
    begin, end = f"<!-- forecasts: {what} -->", f"<!-- forecasts: end of {what} -->"
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    table = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
