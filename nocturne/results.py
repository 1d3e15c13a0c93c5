"""Results as polars frames; money in quote currency, returns as shares, times in UTC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from nocturne.candles import Candles
from nocturne.charts import ChartPage, curve, rolling_curves
from trading.candles import Floats, Integers
from trading.metrics import Metrics
from trading.research.day_risk import ROLLING_DAYS, DayRisk, day_risk, sharpe, volatility
from trading.research.walk_forward import WalkForward
from trading.simulation import BacktestResult as _Backtest
from trading.simulation import SearchResult as _Search
from trading.simulation import Trades
from trading.simulation.summary import RunSummary
from trading.strategies.parameters import Value


@dataclass(frozen=True)
class BacktestResult:
    """One back-test: its parameters, summary, measures, trades and equity."""

    strategy: str
    run: _Backtest = field(repr=False)
    summary: RunSummary
    candles: Candles = field(repr=False)

    @property
    def params(self) -> Mapping[str, Value]:
        """All parameters, defaults included."""
        return self.run.params

    @property
    def metrics(self) -> pl.DataFrame:
        """One row: every measure of `trading.metrics.Metrics`."""
        return pl.DataFrame([_finite(self.run.metrics)])

    @property
    def trades(self) -> pl.DataFrame:
        """One row a trade, in order of the exits."""
        return trades_frame(self.run.trades)

    @property
    def equity(self) -> pl.DataFrame:
        """Day (its start) and equity at its end, in quote currency."""
        return equity_frame(self.run.days, self.run.daily_returns, self.summary.start_balance)

    @property
    def months(self) -> pl.DataFrame:
        """Return of each UTC month, that of buying and holding, and the difference."""
        months, held = self.summary.months, self.summary.held_months
        frame = pl.DataFrame(
            {
                "month": list(months),
                "return": list(months.values()),
                "buy_and_hold": [held.get(month) for month in months],
            },
            schema_overrides={"buy_and_hold": pl.Float64},
        )
        return frame.with_columns(difference=pl.col("return") - pl.col("buy_and_hold"))

    @property
    def risk(self) -> pl.DataFrame:
        """One row: the measures of `trading.research.day_risk.DayRisk`; none without a trade."""
        return risk_frame(self.run.daily_returns, self.run.trades)

    @property
    def rolling(self) -> pl.DataFrame:
        """Sharpe ratio and volatility (of a year) of the 30 days up to each day."""
        return rolling_frame(self.run.days, self.run.daily_returns)

    def plot(self) -> ChartPage:
        """Draw the equity; a notebook shows it, `ChartPage.save` writes a page."""
        return curve(f"{self.strategy}: equity", self.equity)

    def plot_rolling(self) -> ChartPage:
        """Draw the rolling Sharpe ratio and volatility."""
        return rolling_curves(f"{self.strategy}: 30 days", self.rolling)

    def _repr_html_(self) -> str:
        frames = (self.metrics, self.risk, self.months)
        return "".join(one._repr_html_() for one in frames) + self.plot()._repr_html_()


@dataclass(frozen=True)
class SearchResult:
    """Every combination of a search, in the order of the grid."""

    strategy: str
    searched: tuple[str, ...]
    run: _Search = field(repr=False)

    @property
    def metrics(self) -> pl.DataFrame:
        """One row a combination: the searched parameters, then every measure."""
        rows = [
            {**{name: row.params[name] for name in self.searched}, **_finite(row.metrics)}
            for row in self.run.results
        ]
        return pl.DataFrame(rows)

    @property
    def missing_candles(self) -> int:
        """Candles that the searched window lacks; every row of the metrics stands for it."""
        return self.run.gaps.candles

    def best(self, measure: str = "sharpe") -> pl.DataFrame:
        """Return the combinations, the best by ``measure`` first."""
        return self.metrics.sort(measure, descending=True, nulls_last=True)

    def _repr_html_(self) -> str:
        return self.best()._repr_html_()


@dataclass(frozen=True)
class WalkForwardResult:
    """The out-of-sample run that a walk-forward stitches together, and its folds."""

    strategy: str
    run: WalkForward = field(repr=False)

    @property
    def metrics(self) -> pl.DataFrame:
        """One row: the measures of the out-of-sample run."""
        return pl.DataFrame([_finite(self.run.metrics)])

    @property
    def trades(self) -> pl.DataFrame:
        """The out-of-sample trades."""
        return trades_frame(self.run.trades)

    @property
    def equity(self) -> pl.DataFrame:
        """Day and equity, from 1."""
        return equity_frame(self.run.days, self.run.daily_returns, 1.0)

    @property
    def risk(self) -> pl.DataFrame:
        """One row: the measures of `trading.research.day_risk.DayRisk`; none without a trade."""
        return risk_frame(self.run.daily_returns, self.run.trades)

    @property
    def folds(self) -> pl.DataFrame:
        """One row a fold: its spans, what was chosen, and both results."""
        rows = []
        for found in self.run.folds:
            spans = {name: _time(at) for name, at in asdict(found.fold).items()}
            rows.append(
                spans
                | dict(found.chosen)
                | {
                    "train_missing": found.train_gaps.candles,
                    "test_missing": found.test_gaps.candles,
                    "in_sample": found.in_sample.total_return,
                    "out_of_sample": found.out_of_sample.metrics.total_return,
                }
            )
        return pl.DataFrame(rows)

    def plot(self) -> ChartPage:
        """Draw the out-of-sample equity."""
        return curve(f"{self.strategy}: out-of-sample equity", self.equity)

    def _repr_html_(self) -> str:
        return self.folds._repr_html_() + self.plot()._repr_html_()


def trades_frame(trades: Trades) -> pl.DataFrame:
    """Return the columns of `trading.simulation.Trades`."""
    return pl.DataFrame(
        {
            "signal_time": _times(trades.signal_time),
            "entry_time": _times(trades.entry_time),
            "exit_time": _times(trades.exit_time),
            "side": trades.side,
            "entry_price": trades.entry_price,
            "exit_price": trades.exit_price,
            "net_return": trades.net_return,
            "reason": pl.Series(trades.reason.tolist(), dtype=pl.String),
            "funding": trades.funding,
        }
    )


def equity_frame(days: Integers, daily_returns: Floats, start: float) -> pl.DataFrame:
    """Return the compounded equity at the end of each day."""
    equity = start * np.multiply.accumulate(1.0 + daily_returns)
    return pl.DataFrame({"day": _times(days), "equity": equity})


def risk_frame(daily_returns: Floats, trades: Trades) -> pl.DataFrame:
    """Return the risk of the days in one row; what too few days or trades carry is null."""
    found = day_risk(daily_returns.tolist(), trades.net_return.tolist())
    schema = dict(zip(DayRisk._fields, [pl.Float64] * len(DayRisk._fields), strict=True))
    counts = {"days_won": pl.Int64, "days": pl.Int64}
    rows = [] if found is None else [found._asdict()]
    return pl.DataFrame(rows, schema={**schema, **counts})


def rolling_frame(days: Integers, daily_returns: Floats) -> pl.DataFrame:
    """Return Sharpe ratio and volatility of the last `ROLLING_DAYS` days, from their end on."""
    returns = daily_returns.tolist()
    ends = range(ROLLING_DAYS, len(returns) + 1)
    spans = [returns[end - ROLLING_DAYS : end] for end in ends]
    return pl.DataFrame(
        {
            "day": _times(days[ROLLING_DAYS - 1 :]),
            "sharpe": pl.Series([sharpe(span) for span in spans], dtype=pl.Float64),
            "volatility": pl.Series([volatility(span) for span in spans], dtype=pl.Float64),
        }
    )


def _times(values: Integers) -> pl.Series:
    return pl.Series(values, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC"))


def _time(at: int) -> Any:
    return _times(np.array([at], dtype=np.int64))[0]


def _finite(metrics: Metrics) -> dict[str, float | int | None]:
    """Return the measures; what is not defined is null."""
    return {
        name: value if math.isfinite(value) else None for name, value in metrics.as_dict().items()
    }
