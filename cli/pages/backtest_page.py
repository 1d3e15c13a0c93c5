"""`nocturne backtest --html`: the page of one back-test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.pages.html_file import page_locale, write_html

if TYPE_CHECKING:
    from cli.summary.strategy_run import StrategyRun


def write_page(target: str, run: StrategyRun) -> None:
    """Write the page atomically; `DataError` if the file cannot be written."""
    from flows.report.backtest_page import BacktestRun, backtest_html
    from flows.report.language import localized, tr
    from flows.report.views import Fact

    costs = run.costs
    with localized(page_locale()):
        facts = (
            Fact(tr("Fee of a fill"), f"{costs.fee_bps:g} bp"),
            Fact(tr("Slippage of a market fill"), f"{costs.slippage_bps:g} bp"),
            Fact(tr("Funding"), tr("as given") if costs.funding else tr("none given")),
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
