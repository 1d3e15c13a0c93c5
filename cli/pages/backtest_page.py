"""`nocturne backtest --html`: the page of one back-test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.pages.html_file import write_html

if TYPE_CHECKING:
    from cli.summary.strategy_run import StrategyRun


def write_page(target: str, run: StrategyRun) -> None:
    """Write the page atomically; `DataError` if the file cannot be written."""
    from flows.report.backtest_page import BacktestRun, backtest_html
    from flows.report.views import Fact

    costs = run.costs
    facts = (
        Fact("Fee of a fill", f"{costs.fee_bps:g} bp"),
        Fact("Slippage of a market fill", f"{costs.slippage_bps:g} bp"),
        Fact("Funding", "as given" if costs.funding else "none given"),
    )
    page = BacktestRun(
        strategy=run.strategy.name,
        source=Path(run.market.label).name,
        params=run.result.params,
        candles=run.market.traded,
        trades=run.result.trades,
        measures=run.measures,
        capital=costs.margin.capital,
        costs=facts,
    )
    write_html(target, backtest_html(page))
